"""Exit statuses, in one table.

Of ``status`` they are LSB's (Linux Standard Base 3.1, 20.2, "Init Script Actions"): it reserves 0-4
for ``status`` and 5-99 for later; 5 is ours. Of everything else they are LSB's for init scripts.
"""

import errno
from enum import IntEnum

from anycast_wrapper.config.errors import ConfigError
from anycast_wrapper.control import client, lock
from anycast_wrapper.errors import AnycastWrapError

from .asking import RefusedError
from .capabilities import MissingCapabilityError


class Exit(IntEnum):
    """Of every command but ``status``."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_PERMITTED = 4
    NOT_INSTALLED = 5
    NOT_CONFIGURED = 6
    NOT_RUNNING = 7


class StatusExit(IntEnum):
    """Of ``status``."""

    ANNOUNCED = 0
    LEFT_BEHIND = 1
    NOT_RUNNING = 3
    UNKNOWN = 4
    NOT_ANNOUNCED = 5


class NotInstalledError(AnycastWrapError):
    """A program that we need is not there."""


_BY_ERROR: dict[type[Exception], Exit] = {
    ConfigError: Exit.NOT_CONFIGURED,
    client.NotRunningError: Exit.NOT_RUNNING,
    client.NotPermittedError: Exit.NOT_PERMITTED,
    lock.AlreadyRunningError: Exit.FAILED,
    MissingCapabilityError: Exit.NOT_PERMITTED,
    NotInstalledError: Exit.NOT_INSTALLED,
}


def of(error: BaseException) -> Exit:
    """The exit status for an error: by its kind, or because permission is at the bottom of it."""
    if isinstance(error, RefusedError) and isinstance(error.code, int) and error.code in set(Exit):
        return Exit(error.code)
    for kind, status in _BY_ERROR.items():
        if isinstance(error, kind):
            return status
    cause: BaseException | None = error
    while cause is not None:
        # pyroute2's NetlinkError has the errno as ``code``.
        number = getattr(cause, "errno", None) or getattr(cause, "code", None)
        if number in (errno.EPERM, errno.EACCES):
            return Exit.NOT_PERMITTED
        cause = cause.__cause__
    return Exit.FAILED
