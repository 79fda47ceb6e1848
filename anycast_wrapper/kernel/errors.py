"""What the kernel's refusals mean, in one sentence each."""

import errno
import os

from anycast_wrapper.ports import KernelError

_MEANINGS = {
    errno.EPERM: "no permission to change interfaces (needs CAP_NET_ADMIN)",
    errno.EACCES: "not permitted (CAP_NET_ADMIN is missing, or IPv6 is disabled on the interface)",
    errno.ENODEV: "no such interface",
    errno.ENXIO: "no such interface",
    errno.EOPNOTSUPP: "this kernel does not support it",
}


def refusal(attempt: str, code: int, detail: str = "") -> KernelError:
    """The error for an errno.

    Args:
        attempt: what was tried, with the interface's name, such as ``set anycast0 up``.
        code: the errno, or 0 for none.
        detail: what the kernel itself said (NLMSGERR_ATTR_MSG), if anything.
    """
    meaning = _MEANINGS.get(code) or (os.strerror(code) if code else "")
    if detail and detail != os.strerror(code):
        meaning = f"{meaning} ({detail})" if meaning else detail
    return KernelError(f"cannot {attempt}: {meaning}")
