"""A TAP device that this process holds open: an announcement without the wrapper."""

import fcntl
import os
import socket
import struct
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from anycast_wrapper.lab.namespace import Namespace, run

TUNSETIFF = 0x400454CA
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFF_UP = 0x1
IFREQ = "16sh22x"


def host_prefix(address: str) -> str:
    """The address as a host route, /32 or /128."""
    return f"{address}/128" if ":" in address else f"{address}/32"


class Tap:
    """A non-persistent TAP in a namespace: closing it removes it, with everything on it.

    Args:
        namespace: Where it lives.
        name: The interface's name.
        addresses: Service addresses it carries from the start.
        up: Whether its link goes up at once, after the addresses: one event for the routing daemon.
    """

    def __init__(
        self, namespace: Namespace, name: str, addresses: Iterable[str] = (), *, up: bool = False
    ) -> None:
        self.namespace = namespace
        self.name = name
        self._addresses: list[str] = []
        self._device, self._control = namespace.within(self._open)
        self.add(*addresses)
        if up:
            self.up()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self) -> tuple[int, socket.socket]:
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            request = struct.pack(IFREQ, self.name.encode(), IFF_TAP | IFF_NO_PI)
            fcntl.ioctl(device, TUNSETIFF, request)
        except BaseException:
            os.close(device)
            raise
        return device, socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def add(self, *addresses: str) -> None:
        """Add service addresses, in one burst."""
        self._addresses += addresses
        self._write("add", addresses)

    def delete(self, *addresses: str) -> None:
        """Delete service addresses, in one burst."""
        self._addresses = [one for one in self._addresses if one not in addresses]
        self._write("del", addresses)

    def up(self) -> None:
        """Set the link up. IPv6 addresses that the last `down` flushed come back first."""
        present = self.present()
        self._write("add", [one for one in self._addresses if one not in present])
        self._set_link(IFF_UP)

    def down(self) -> None:
        """Set the link down: one system call, a few microseconds."""
        self._set_link(0)

    def present(self) -> set[str]:
        """The addresses that the kernel has on it now."""
        said = run(["ip", "-n", self.namespace.name, "-o", "addr", "show", "dev", self.name]).stdout
        return {line.split()[3].partition("/")[0] for line in said.splitlines()}

    def close(self) -> None:
        """Close it; the kernel removes the device. May be called again."""
        if self._device >= 0:
            os.close(self._device)
            self._device = -1
            self._control.close()

    def _write(self, verb: str, addresses: Iterable[str]) -> None:
        lines = [
            f"addr {verb} {host_prefix(one)} dev {self.name}"
            + (" nodad" if verb == "add" and ":" in one else "")
            for one in addresses
        ]
        if lines:
            self.namespace.ip(*lines)

    def _set_link(self, wanted: int) -> None:
        request = struct.pack(IFREQ, self.name.encode(), 0)
        answer = fcntl.ioctl(self._control, SIOCGIFFLAGS, request)
        flags = (struct.unpack(IFREQ, answer)[1] & ~IFF_UP) | wanted
        fcntl.ioctl(self._control, SIOCSIFFLAGS, struct.pack(IFREQ, self.name.encode(), flags))
