"""TAP devices: interfaces that live as long as a file is open.

A rank interface is a TAP that this process opens and never makes persistent: whatever ends the
process, the kernel removes the interface with it. The hold is a persistent TAP that nobody has
open, which is what leaves it without carrier.

Source: kernel Documentation/networking/tuntap.rst and include/uapi/linux/if_tun.h.
"""

import contextlib
import errno
import fcntl
import os
import socket
import struct
from pathlib import Path

from anycast_wrapper.ports import KernelError

from .errors import refusal

_DEVICE = "/dev/net/tun"
_TUNSETIFF = 0x400454CA
_TUNSETPERSIST = 0x400454CB
_TUNGETIFF = 0x800454D2
_IFF_TAP = 0x0002
_IFF_NO_PI = 0x1000
_IFF_TUN_EXCL = 0x8000
_IFREQ = struct.Struct("16sH22x")

_WITHOUT_DEVICE = {
    errno.ENOENT: f'no {_DEVICE}: load the tun module or use kind = "dummy" '
    "(a container must be given the device)",
    errno.ENODEV: f'no tun driver behind {_DEVICE}: load the tun module or use kind = "dummy"',
    errno.ENXIO: f'no tun driver behind {_DEVICE}: load the tun module or use kind = "dummy"',
    errno.EACCES: f"no permission to open {_DEVICE}",
    errno.EPERM: f"no permission to open {_DEVICE} (a container must be given the device)",
}


class Tap:
    """A TAP that this process has open.

    Args:
        name: the interface's name.
        fd: the open file; this object closes it.
    """

    def __init__(self, name: str, fd: int) -> None:
        self.name = name
        self._fd = fd
        self._index = socket.if_nametoindex(name)

    def alive(self) -> bool:
        """Whether the interface of that name is still the one that hangs on our file.

        Somebody may have deleted it (the file is then attached to nothing), renamed it, or put
        another of the same name in its place.
        """
        try:
            answer = fcntl.ioctl(self._fd, _TUNGETIFF, bytes(40))
            return (
                _IFREQ.unpack(answer)[0].rstrip(b"\0").decode() == self.name
                and socket.if_nametoindex(self.name) == self._index
            )
        except OSError:
            return False

    def persist(self) -> None:
        """Let the interface outlive the file.

        Raises:
            KernelError: the kernel refused.
        """
        try:
            fcntl.ioctl(self._fd, _TUNSETPERSIST, 1)
        except OSError as error:
            raise refusal(f"make TAP {self.name} persistent", error.errno or 0) from error

    def close(self) -> None:
        """Close the file: a TAP that is not persistent is gone with its addresses (about 15 ms)."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


def make(name: str) -> Tap:
    """A new TAP, down.

    Raises:
        KernelError: there is no /dev/net/tun, no permission, or an interface of that name.
    """
    try:
        # O_CLOEXEC: a child that inherited the file (named) would keep the announcement alive
        # after us.
        fd = os.open(_DEVICE, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        meaning = _WITHOUT_DEVICE.get(error.errno or 0, error.strerror)
        raise KernelError(f"cannot create TAP {name}: {meaning}") from error
    try:
        request = _IFREQ.pack(os.fsencode(name), _IFF_TAP | _IFF_NO_PI | _IFF_TUN_EXCL)
        fcntl.ioctl(fd, _TUNSETIFF, request)
        return Tap(name, fd)
    except OSError as error:
        os.close(fd)
        if error.errno == errno.EBUSY:
            raise KernelError(
                f"cannot create TAP {name}: an interface of that name appeared meanwhile"
            ) from error
        raise refusal(f"create TAP {name}", error.errno or 0) from error


def holder(name: str) -> str:
    """Who has the TAP open, for people: ``pid 4711 (qemu)``, or ``another process``.

    The kernel names the interface in the file's fdinfo; processes of other network namespaces,
    which may have an interface of the same name, do not count.
    """
    namespace = Path("/proc/thread-self/ns/net").stat().st_ino
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # Whose namespace it is costs one call, its files may be many.
            if (process / "ns/net").stat().st_ino == namespace and _has_open(process, name):
                return f"pid {process.name} ({(process / 'comm').read_text().strip()})"
    return "another process"


def _has_open(process: Path, name: str) -> bool:
    for fd in (process / "fd").iterdir():
        with contextlib.suppress(OSError):
            if str(fd.readlink()) != _DEVICE:
                continue
            info = (process / "fdinfo" / fd.name).read_text()
            if f"iff:\t{name}\n" in info:
                return True
    return False
