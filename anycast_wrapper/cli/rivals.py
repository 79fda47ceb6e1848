"""Who already has the port, or runs the same name server: seen before anything is started."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePath

from anycast_wrapper.config.schema import Config
from anycast_wrapper.control.lock import Lock
from anycast_wrapper.doctor.facts import Listener
from anycast_wrapper.doctor.gather.processes import command_lines, listeners
from anycast_wrapper.errors import AnycastWrapError

_BY_OPTION = frozenset({"knotd", "named", "nsd", "unbound"})
"""Servers that are told their configuration file by ``-c``, and have one where nobody tells."""

Running = Callable[[str], Iterable[tuple[int, list[str]]]]
Listening = Callable[[], Iterable[Listener]]


class RivalError(AnycastWrapError):
    """A name server that is not ours is where ours belongs."""


def check_rivals(
    config: Config, running: Running = command_lines, listening: Listening = listeners
) -> None:
    """Whether the place of the daemon is free.

    Two servers may both get the port (named asks for SO_REUSEPORT, and the kernel then spreads the
    queries over both), and one that does not get it may run on without: then the probes are
    answered by another server than the one that is supervised.

    One that a wrapper of ours left running is adopted, so it is no rival. Nothing is said of what
    listens on addresses of its own, such as systemd-resolved or a second instance.

    Args:
        config: names the daemon and the service addresses.
        running: the processes of a name, by pid, with their arguments.
        listening: who has port 53.

    Raises:
        RivalError: it is not; it says who, and what to do.
    """
    if os.geteuid() != 0 or _left_running(config):
        return
    if found := next(_rivals(config, running, listening), None):
        raise RivalError(
            f"{found}; anycast-wrap starts the name server itself: stop that one and disable it "
            "(`systemctl disable --now named`, or its init script), then start again"
        )


def _left_running(config: Config) -> bool:
    """Whether a predecessor's daemon may run still; who that is, the wrapper itself finds out."""
    directory = Lock(config.control.socket).path.parent
    return (directory / "daemon.json").exists()


def _rivals(config: Config, running: Running, listening: Listening) -> Iterator[str]:
    takers = tuple(listening())
    name = PurePath(config.daemon.command[0]).name
    ours = _configuration(config.daemon.command)
    for pid, argv in running(name) if name in _BY_OPTION else ():
        if _configuration(argv) == ours and pid in {one.pid for one in takers}:
            where = f" with {ours}" if ours else ""
            yield f"{name} runs already{where}, pid {pid}, and anycast-wrap did not start it"
    addresses = {address for service in config.services for address in service.addresses}
    versions = {address.version for address in addresses}
    for one in takers:
        if one.address in addresses or (
            one.address.is_unspecified and one.address.version in versions
        ):
            who = f"{one.name} (pid {one.pid})" if one.pid else "a process of another container"
            yield f"port 53 of {one.address} is taken by {who}"


def _configuration(argv: Sequence[str]) -> str:
    """The file that a server was told to read, or "" for its own default."""
    words = iter(argv)
    for word in words:
        if word == "-c":
            return next(words, "")
    return ""
