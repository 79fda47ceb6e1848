"""What root lacks in a container or under a unit that bounds it: said before anything is started.

Source: capabilities(7), proc_pid_status(5).
"""

import os
import pwd
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from anycast_wrapper.errors import AnycastWrapError

NUMBERS = {"SETGID": 6, "SETUID": 7, "NET_BIND_SERVICE": 10, "NET_ADMIN": 12}
"""As ``include/uapi/linux/capability.h`` has them."""

_LOWEST_PORT = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
_PORT = 53


class MissingCapabilityError(AnycastWrapError):
    """Something that we or the name server must do is not allowed."""


def check_capabilities(
    command: Sequence[str], effective: int | None = None, lowest_port: int | None = None
) -> None:
    """Whether we may do what a wrapper does, and named what named does.

    Without one of these it would seem to start: named says to nobody but itself that it cannot
    have the port. KILL is not among them: a signal to named is sent as named's user (`Handle`).

    Args:
        command: the daemon's. Of another server than named only the port is known.
        effective: a mask of capabilities; ours unless a test says otherwise.
        lowest_port: the lowest one that anybody may have; the kernel's unless a test says so.

    Raises:
        MissingCapabilityError: one or more are missing, and what each is for.
    """
    mask = _ours() if effective is None else effective
    if mask is None:
        return  # no Linux
    port = _lowest_port() if lowest_port is None else lowest_port
    missing = [
        f"CAP_{name} ({purpose})"
        for name, purpose in _needed(command, port)
        if not mask >> NUMBERS[name] & 1
    ]
    if missing:
        raise MissingCapabilityError(
            f"not permitted, for lack of {', '.join(missing)}; become root, or add it: a container "
            "has securityContext.capabilities.add or --cap-add, systemd CapabilityBoundingSet="
        )


def _needed(command: Sequence[str], lowest_port: int) -> Iterator[tuple[str, str]]:
    yield "NET_ADMIN", "to change interfaces"
    if PurePath(command[0]).name != "named":
        return
    if lowest_port > _PORT:
        yield "NET_BIND_SERVICE", f"for named to have port {_PORT}"
    user = _user(command)
    if user is not None and user != os.geteuid():
        yield "SETUID", "for `named -u`"
        yield "SETGID", "for `named -u`"


def _user(command: Sequence[str]) -> int | None:
    """The uid that named is told to have, if it is and there is one."""
    for word, following in zip(command, [*command[1:], ""], strict=True):
        if word.startswith("-u"):
            try:
                return pwd.getpwnam(word[2:] or following).pw_uid
            except KeyError:
                return None
    return None


def _ours() -> int | None:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return int(found[1], 16) if found else None


def _lowest_port() -> int:
    try:
        return int(_LOWEST_PORT.read_text())
    except (OSError, ValueError):
        return 1024
