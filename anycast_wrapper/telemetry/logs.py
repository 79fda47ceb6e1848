"""The log: one event a line, a stable name first, then key=value.

Under systemd a line begins with its priority (sd-daemon(3)) and has no time of its own; elsewhere
it begins with the time, and on a terminal it has colours.
"""

import logging
import logging.handlers
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from anycast_wrapper.core import effects
from anycast_wrapper.core.model import Rank, Reason
from anycast_wrapper.core.state import State
from anycast_wrapper.errors import AnycastWrapError

from .syslog import SyslogHandler

ROOT = logging.getLogger("anycast_wrapper")

DAEMON = "anycast_wrapper.daemon"
"""The logger of what the daemon prints."""

PLANNED = frozenset({Reason.DRAINED, Reason.STOPPING, Reason.DAEMON_STARTING, Reason.PROBE_PENDING})
"""Reasons for being withdrawn that nobody needs to be woken for."""

TROUBLE = frozenset(
    {
        "announcement-leaks",
        "announcement-missing",
        "apply-refused",
        "counting-failed",
        "counting-left-behind",
        "daemon-exited",
        "daemon-kill",
        "daemon-not-ready",
        "daemon-unreachable",
        "drain-not-stored",
        "drains-unreadable",
        "drift",
        "foreign-address",
        "interface-failed",
        "internal-error",
        "metrics-unavailable",
        "nudge-failed",
        "reload-refused",
        "reroute-failed",
        "reroute-left-behind",
        "server-left-out",
    },
)
"""Notices that somebody should look at."""

_PRIORITIES = {logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}


_COLOURS = {logging.ERROR: "\x1b[1;31m", logging.WARNING: "\x1b[33m", logging.INFO: "\x1b[1m"}
_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"


def pair(key: str, value: object) -> str:
    """``key=value``, quoted where a blank or a quote would break it, and never longer than a line.

    Control characters are escaped, so that nothing that a daemon prints can forge a line.
    """
    text = str(value).encode("unicode_escape").decode()
    if text and not any(c in text for c in " \"=\\'"):
        return f"{key}={text}"
    quoted = text.replace('"', '\\"')
    return f'{key}="{quoted}"'


def line(event: str, **fields: object) -> str:
    """A log line; a field that is empty is left out."""
    pairs = (pair(k.removesuffix("_"), v) for k, v in fields.items() if v not in ("", None))
    return " ".join((event, *pairs))


class _Stamped(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, tz=UTC).astimezone()
        return f"{at.isoformat(timespec='milliseconds')} {record.levelname.lower()} {_text(record)}"


class _Coloured(_Stamped):
    """For a terminal: the event stands out, in the colour of its level."""

    def format(self, record: logging.LogRecord) -> str:
        at, level, text = super().format(record).split(" ", 2)
        event, blank, fields = text.partition(" ")
        colour = _COLOURS.get(record.levelno, "")
        return f"{_DIM}{at}{_PLAIN} {colour}{level} {event}{_PLAIN}{blank}{fields}"


class _Journal(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"<{_PRIORITIES.get(record.levelno, 5)}>{_text(record)}"


class _Syslog(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"anycast-wrap[{os.getpid()}]: {_text(record)}"


def _text(record: logging.LogRecord) -> str:
    text = record.getMessage()
    if isinstance(record.args, Mapping):
        # How adapters log, which know nothing of this format: an event and its fields.
        text = line(str(record.msg), **record.args)
    if record.name == DAEMON:
        # Named for what it is, or a daemon could print an event of ours.
        text = line("daemon-output", line=text)
    if record.exc_info and record.exc_info[1] is not None:
        # For a programmer; an operator has the sentence before it.
        text += " " + pair("traceback", logging.Formatter().formatException(record.exc_info))
    return text


def open_log(to: str, level: str, *, foreground: bool) -> None:
    """Send the log where the configuration says.

    Args:
        level: the least important level that is written.
        foreground: whether somebody sees our stderr.
        to: ``auto``, ``stderr``, ``syslog`` or a path. ``auto`` is stderr in the foreground, else
            syslog where there is one, else ``/var/log/anycast-wrap.log``.

    Raises:
        AnycastWrapError: the destination cannot be opened.
    """
    if to == "auto":
        to = "stderr" if foreground else _background()
    handler: logging.Handler
    try:
        if to == "stderr":
            handler = logging.StreamHandler(sys.stderr)
            handler.setFormatter(_for_stderr())
        elif to == "syslog":
            handler = SyslogHandler(_syslog_socket() or "/dev/log")
            handler.setFormatter(_Syslog())
        else:
            handler = logging.handlers.WatchedFileHandler(to)
            handler.setFormatter(_Stamped())
    except OSError as error:
        raise AnycastWrapError(f"cannot log to {to}: {error.strerror or error}") from error
    # A log that cannot be written (disk full, nobody reads) is lost; the service goes on.
    logging.raiseExceptions = False
    ROOT.handlers[:] = [handler]
    ROOT.setLevel(level.upper())
    ROOT.propagate = False


def _for_stderr() -> logging.Formatter:
    if "JOURNAL_STREAM" in os.environ:
        return _Journal()
    # https://no-color.org
    return _Coloured() if sys.stderr.isatty() and not os.environ.get("NO_COLOR") else _Stamped()


def _syslog_socket() -> str | None:
    return next((p for p in ("/dev/log", "/var/run/log") if Path(p).is_socket()), None)


def _background() -> str:
    return "syslog" if _syslog_socket() else "/var/log/anycast-wrap.log"


class EventLog:
    """An `Audience` that writes down what happens."""

    def hear(self, state: State, told: Sequence[effects.Effect]) -> None:
        """One line an effect that people care about; every move as well if debugging."""
        for effect in told:
            match effect:
                case effects.Changed(service, before, rank, reason, detail):
                    level = logging.INFO
                    if rank < Rank.PREFERRED and reason not in PLANNED:
                        level = logging.WARNING
                    words = line(
                        "service-changed",
                        service=service,
                        from_=before.slug,
                        to=rank.slug,
                        reason=reason,
                        detail=detail,
                    )
                    ROOT.log(level, "%s", words)
                case effects.Noticed(event, detail):
                    level = logging.WARNING if event in TROUBLE else logging.INFO
                    ROOT.log(level, "%s", line(event, detail=detail))
                case effects.SpawnDaemon() | effects.TerminateDaemon() | effects.KillDaemon():
                    name = type(effect).__name__.removesuffix("Daemon").lower()
                    ROOT.info("%s", line(f"daemon-{name}", pid=state.life.pid))
                case effects.Exit(code, detail):
                    level = logging.INFO if code == 0 else logging.ERROR
                    ROOT.log(level, "%s", line("exit", code=code, detail=detail))
                case effects.Divert(addresses):
                    ROOT.info(
                        "%s", line("divert", addresses=" ".join(map(str, addresses)) or "none")
                    )
                case effects.Nudge():
                    ROOT.info("%s", line("nudge"))
                case effects.RunProbe() | effects.RememberDrain():
                    pass
                case _:
                    ROOT.debug("%s", line("kernel", move=_move(effect)))


def _move(effect: effects.Move) -> str:
    address = getattr(effect, "address", "")
    return f"{type(effect).__name__} {effect.interface} {address}".strip()
