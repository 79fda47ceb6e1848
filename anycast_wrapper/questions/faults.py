"""What the kernel, or a server that breaks off, has said: as a reason.

Like `exchange` it has no imports that cost anything; so a reason is given by its slug here, one of
those of `core.model.Reason`.
"""

from __future__ import annotations

import errno
from os import strerror

from .exchange import BrokenOffError, NoPlaceError

TIMEOUT = "probe-timeout"
UNREACHABLE = "probe-unreachable"
REFUSED = "probe-connection-refused"
MALFORMED = "probe-malformed"
ERROR = "probe-error"

_UNREACHABLE = (
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.EHOSTDOWN,
    errno.ENETDOWN,
    errno.EADDRNOTAVAIL,
    errno.EAFNOSUPPORT,
    # ip-route(8) `prohibit`, and a firewall that drops what we send.
    errno.EACCES,
    errno.EPERM,
)
_BROKEN_OFF = (errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED)

_BY_NUMBER = {
    errno.ECONNREFUSED: (REFUSED, "nobody listens there"),
    errno.ETIMEDOUT: (TIMEOUT, ""),
    **dict.fromkeys(_BROKEN_OFF, (MALFORMED, "connection reset without an answer")),
    **dict.fromkeys(_UNREACHABLE, (UNREACHABLE, "")),
}
"""By what the kernel says: the reason, and words that are better than the kernel's own."""


def explain(error: Exception, timeout: float) -> tuple[str, str]:
    """Why there was no answer within ``timeout`` seconds.

    Returns:
        The slug of a reason, and words for people. Anything that is not the network's doing is
        an `ERROR`.
    """
    if isinstance(error, TimeoutError) and error.errno is None:  # ours; the kernel's has a number
        return TIMEOUT, f"no answer within {timeout * 1000:g} ms"
    if isinstance(error, BrokenOffError):
        return MALFORMED, str(error)
    if isinstance(error, NoPlaceError):
        return ERROR, str(error)
    if not isinstance(error, OSError) or not error.errno:
        return ERROR, f"{type(error).__name__}: {error}"
    reason, words = _BY_NUMBER.get(error.errno, (ERROR, ""))
    return reason, words or strerror(error.errno).lower()
