"""The kernel: what it has, as anybody may read it."""

import os
import socket
from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

import psutil

from anycast_wrapper.config import FREEBSD
from anycast_wrapper.core.model import Address
from anycast_wrapper.doctor.facts import Absent, DefaultRoute, Interface, Place, Unknown

_PROTOCOLS = {2: "kernel", 3: "boot", 4: "static", 9: "ra", 11: "zebra", 16: "dhcp"}
_PROTOCOLS |= {186: "bgp", 187: "isis", 188: "ospf", 189: "rip", 192: "eigrp"}
"""rtnetlink(7), linux/rtnetlink.h; both ospfd's and ospf6d's routes are 188."""

_MAIN = 254
_FAR = {4: (socket.AF_INET, "192.0.2.1"), 6: (socket.AF_INET6, "2001:db8:ffff::1")}
"""Somewhere far away (RFC 5737, RFC 3849). Nothing is sent there."""

_ARP = ("arp_ignore", "arp_announce", "rp_filter")


def interfaces() -> tuple[Interface, ...]:
    """Every interface with its addresses."""
    up = {name: stats.isup for name, stats in psutil.net_if_stats().items()}
    found: dict[str, list[Any]] = {name: [] for name in up}
    for name, entries in psutil.net_if_addrs().items():
        for entry in entries:
            if entry.family in (socket.AF_INET, socket.AF_INET6):
                address = entry.address.partition("%")[0]
                length = _length(entry.netmask, ":" in address)
                found.setdefault(name, []).append(ip_interface(f"{address}/{length}"))
    return tuple(Interface(n, up.get(n, False), tuple(a)) for n, a in sorted(found.items()))


def _length(netmask: str | None, six: bool) -> int:
    """The bits of a mask, which psutil writes as an address; none is that of a host."""
    if not netmask:
        return 128 if six else 32
    return int(ip_address(netmask)).bit_count()


def sources() -> dict[int, Address]:
    """Which address the kernel gives to a packet for somewhere far away, by IP version.

    Connecting a datagram socket looks the route up and sends nothing (connect(2)).
    """
    chosen: dict[int, Address] = {}
    for version, (family, far) in _FAR.items():
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((far, 53))
                chosen[version] = ip_address(probe.getsockname()[0].partition("%")[0])
        except OSError:
            continue  # no route there
    return chosen


def default_routes() -> tuple[DefaultRoute, ...]:
    """Those of the main table.

    Raises:
        OSError: they cannot be read.
    """
    if FREEBSD:
        raise OSError(0, "not looked for on FreeBSD")
    from pyroute2 import IPRoute  # noqa: PLC0415 - there is none on FreeBSD

    found = []
    with IPRoute() as netlink:
        for family, version in ((socket.AF_INET, 4), (socket.AF_INET6, 6)):
            for message in netlink.get_routes(family=family, table=_MAIN):
                if message["dst_len"] == 0 and message["type"] == 1:  # RTN_UNICAST
                    proto = int(message["proto"])
                    found.append(DefaultRoute(version, _PROTOCOLS.get(proto, str(proto))))
    return tuple(found)


def sysctls(root: Path = Path("/proc/sys")) -> Mapping[str, str] | Absent:
    """Those that the checks want, by their dotted names."""
    if FREEBSD:
        return Absent("these settings are Linux's")
    wanted = [path for key in _ARP for path in root.glob(f"net/ipv4/conf/*/{key}")]
    wanted += [root / "net/netfilter" / f"nf_conntrack_{one}" for one in ("count", "max")]
    return dict(_read(root, wanted))


def _read(root: Path, paths: list[Path]) -> Iterator[tuple[str, str]]:
    for path in paths:
        try:
            # An interface may be called eth0.5: its dot is no separator, and nobody splits here.
            yield ".".join(path.relative_to(root).parts), path.read_text().strip()
        except OSError:
            continue


def tun(path: Path = Path("/dev/net/tun")) -> str | Unknown:
    """Why TAP devices cannot be made; empty if they can."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK))
    except PermissionError as error:
        if os.geteuid() != 0:
            return Unknown("only root may open /dev/net/tun")
        return (error.strerror or "not permitted").lower()
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return ""


def place(path: str) -> Place | Unknown:
    """Whether a file can be made there, or its directories first; nothing is made."""
    directory = Path(path).parent
    while not directory.exists() and directory != directory.parent:
        directory = directory.parent
    if not directory.is_dir():
        return Place(path, f"{directory} is no directory")
    if os.statvfs(directory).f_flag & os.ST_RDONLY:
        return Place(path, f"{directory} is on a file system that is read-only")
    if Path(path).is_dir():
        return Place(path, "it is a directory")
    if os.geteuid() != 0:
        return Unknown(f"only root can tell whether {path} can be written")
    if not os.access(directory, os.W_OK | os.X_OK):
        return Place(path, f"{directory} is not ours to write")
    return Place(path)
