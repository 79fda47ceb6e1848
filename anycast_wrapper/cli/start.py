"""``start``: in the foreground, or in the background once it is known how it went."""

import asyncio
import contextlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import click

from anycast_wrapper.config.load import load
from anycast_wrapper.config.schema import Config
from anycast_wrapper.control.lock import Lock
from anycast_wrapper.core import effects
from anycast_wrapper.core.query import all_announced, settled
from anycast_wrapper.core.state import State
from anycast_wrapper.errors import AnycastWrapError
from anycast_wrapper.node import Node
from anycast_wrapper.ports import Audience
from anycast_wrapper.telemetry.logs import ROOT, line, open_log
from anycast_wrapper.telemetry.status import headline

from . import exits
from .capabilities import check_capabilities
from .checking import check_installed, check_metrics
from .exits import Exit
from .firstprocess import below_first
from .rivals import check_rivals
from .unit import refuse_start


@click.command()
@click.option("--foreground", is_flag=True, help="Stay in the foreground, for systemd and such.")
@click.option("--wait", default=60.0, show_default=True, help="Seconds to wait for announcing.")
@click.pass_obj
def start(path: Path, wait: float, *, foreground: bool) -> None:
    """Start the daemon, prove that it answers, announce it.

    Returns once everything is announced, or says why it is not. If it is not after --wait seconds,
    the wrapper keeps running and trying, and the exit status is 1.
    """
    config = load(path)
    check_installed(config.daemon.command)
    check_metrics(config.metrics)
    holder = Lock(config.control.socket).holder()
    if holder is not None and not foreground:
        # LSB 3.1, 20.2: to start what runs already is a success.
        click.echo(f"anycast-wrap runs already, pid {holder}")
        return
    if holder is None:
        check_capabilities(config.daemon.command)
        check_rivals(config)
    if foreground:
        open_log(config.log.to, config.log.level, foreground=True)
        sys.exit(below_first(partial(serve, config, path)))
    refuse_start(path)
    start_background(config, path, wait)


def serve(config: Config, path: Path, audiences: Sequence[Audience] = ()) -> int:
    """Run a wrapper until it ends; its exit status.

    Raises:
        AnycastWrapError: another one runs, or the node cannot be taken over or kept.
    """
    lock = Lock(config.control.socket, config.control.pid_file)
    lock.acquire()
    node = Node(config, path, os.environ)
    return asyncio.run(node.run(lock, audiences)).code


def start_background(config: Config, path: Path, wait: float) -> None:
    """Start a wrapper that outlives us, and stay until it is known how that went."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.close(reader)
        _detached(config, path, writer)
    os.close(writer)
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        sys.exit(_follow(pipe.fileno(), wait))


# --- the child ---


class _Progress:
    """An `Audience` that tells the waiting parent, until it has heard enough or is gone."""

    def __init__(self, pipe: int) -> None:
        self._pipe: int | None = pipe
        self._said = ""

    def hear(self, state: State, told: Sequence[effects.Effect]) -> None:
        """A line of JSON whenever the headline changes; the last one when the start is over."""
        done = settled(state) and (all_announced(state) or state.drained is not None)
        words = headline(state)
        if words != self._said or done:
            self._said = words
            self.say(headline=words, done=done, drained=state.drained is not None)
        for effect in told:
            if isinstance(effect, effects.Exit):
                self.say(end=effect.code, error=effect.detail or words)
        if done:
            self.close()

    def say(self, **document: Any) -> None:
        if self._pipe is not None:
            with contextlib.suppress(OSError):
                os.write(self._pipe, json.dumps(document).encode() + b"\n")

    def close(self) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None


def _detached(config: Config, path: Path, pipe: int) -> NoReturn:
    """The wrapper itself, in a session of its own, as daemon(7) describes for SysV daemons."""
    os.setsid()
    if os.fork() > 0:
        os._exit(0)
    os.chdir("/")
    os.umask(0o022)
    _close_what_was_inherited(pipe)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    progress = _Progress(pipe)
    code: int = Exit.FAILED
    try:
        open_log(config.log.to, config.log.level, foreground=False)
        _close_standard_streams()
        code = serve(config, path, (progress,))
    except AnycastWrapError as error:
        ROOT.error("%s", line("start-failed", detail=error))
        code = exits.of(error)
        progress.say(end=code, error=str(error))
    except BaseException as error:  # noqa: BLE001 - nobody else is there to hear of it
        ROOT.error("%s", line("internal-error", detail=repr(error)), exc_info=error)
        progress.say(end=code, error=f"internal error: {error!r}; the log has more")
    os._exit(code)


def _close_what_was_inherited(pipe: int) -> None:
    """All but the standard streams and ours: whoever reads the other end waits for its end.

    debconf is one such, with descriptor 3 of a package's script that starts us.
    """
    highest = os.sysconf("SC_OPEN_MAX")
    os.closerange(3, pipe)
    os.closerange(pipe + 1, highest)


def _close_standard_streams() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)


# --- the parent ---


def _follow(pipe: int, wait: float) -> int:
    """Show the progress and give the exit status."""
    deadline = time.monotonic() + wait
    received = b""
    last = "starting"
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([pipe], [], [], left)[0]:
            break
        chunk = os.read(pipe, 1 << 16)
        if not chunk:
            click.echo(f"anycast-wrap: ended unexpectedly ({last}); the log has more", err=True)
            return Exit.FAILED
        received += chunk
        *lines, received = received.split(b"\n")
        for document in map(json.loads, lines):
            if "end" in document:
                return _ended(document)
            last = document["headline"]
            if document["done"]:
                _show("drained: running, and nothing is announced" if document["drained"] else last)
                return Exit.DONE
            if sys.stderr.isatty():
                _show(last)
    click.echo(f"anycast-wrap: running, but not announced after {wait:g} s: {last}", err=True)
    return Exit.FAILED


def _ended(document: dict[str, Any]) -> int:
    for text in str(document["error"]).splitlines() or ["ended"]:
        click.echo(f"anycast-wrap: not started: {text}", err=True)
    return int(document["end"]) or Exit.FAILED


def _show(words: str) -> None:
    click.echo(f"anycast-wrap: {words}")
