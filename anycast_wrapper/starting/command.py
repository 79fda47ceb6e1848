"""How named is started on this host today: by what runs, by its unit, by /etc/default/named."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path, PurePath

from anycast_wrapper.doctor.gather.processes import command_lines

DEFAULT = ("/usr/sbin/named", "-f", "-u", "bind")

UNITS = tuple(
    Path(place) / f"systemd/system/{name}.service"
    for name in ("named", "bind9", "named-chroot")
    for place in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
)
DEFAULTS = (Path("/etc/default/named"), Path("/etc/default/bind9"), Path("/etc/sysconfig/named"))

MAX_BYTES = 65536
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")
_FOREGROUND = re.compile(r"-[46CFs]*[fg]")

Command = tuple[tuple[str, ...], str]
"""The command, and where it comes from."""


def find(
    running: Command | None, units: Sequence[Path] = UNITS, defaults: Sequence[Path] = DEFAULTS
) -> Command:
    """The best that is known: what runs, else what its unit says, else /etc/default/named."""
    if running is not None:
        return running
    for path in units:
        environment = _variables("\n".join(_read(one) for one in defaults))
        if command := from_unit(_read(path), environment):
            return command, str(path)
    for path in defaults:
        options = _variables(_read(path)).get("OPTIONS")
        if options is not None:
            return foreground((DEFAULT[0], *_words(options))), str(path)
    return DEFAULT, "nothing that was found: it is the default"


def from_process() -> Command | None:
    """The command line of a named that runs, if it is one that could be run again."""
    for pid, argv in command_lines("named"):
        if argv and argv[0].startswith("/"):
            return foreground(argv), f"pid {pid}, which runs"
    return None


def from_unit(text: str, environment: dict[str, str]) -> tuple[str, ...] | None:
    """The command of a unit's ``ExecStart=``, with its variables; None if it starts no named."""
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key.strip() != "ExecStart":
            continue
        words = _words(value)
        if not words:
            continue
        words[0] = words[0].lstrip("-@:+!")  # systemd.service(5), special prefixes
        argv: list[str] = []
        for word in words:
            variable = _VARIABLE.fullmatch(word)
            # $NAME as a word of its own is split at blanks, anything else is not.
            argv += _words(environment.get(variable[1], "")) if variable else [word]
        if argv and PurePath(argv[0]).name == "named" and not any("$" in word for word in argv):
            return foreground(argv)
    return None


def foreground(argv: Sequence[str]) -> tuple[str, ...]:
    """The command so that named stays where its wrapper sees it."""
    if any(_FOREGROUND.match(word) for word in argv[1:]):
        return tuple(argv)
    return (argv[0], "-f", *argv[1:])


def _variables(text: str) -> dict[str, str]:
    """The assignments of a file of environment variables (systemd.exec(5), EnvironmentFile=)."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and name.isidentifier():
            found[name] = " ".join(_words(value))
    return found


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return []


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
