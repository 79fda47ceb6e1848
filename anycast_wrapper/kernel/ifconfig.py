"""What FreeBSD's ifconfig(8) and route(8) print, read."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from anycast_wrapper.core.model import Address, Network

_HEAD = re.compile(r"^(\S+): flags=[0-9a-f]+<([^>]*)>")
_INET = re.compile(r"^\s+inet (\S+) (?:--> \S+ )?netmask (0x[0-9a-f]{8})")
_INET6 = re.compile(r"^\s+inet6 ([^\s%]+)(?:%\S+)? (?:--> \S+ )?prefixlen (\d+)")
_FIELD = re.compile(r"^\s*(destination|mask|flags): (\S*)", re.MULTILINE)
_HOST_MASK = 0xFFFFFFFF


@dataclass
class Shown:
    """One interface as ifconfig shows it.

    Attributes:
        name: the interface's name.
        up: whether its flags say UP.
        addresses: its global host addresses (/32, /128).
    """

    name: str
    up: bool
    addresses: set[Address] = field(default_factory=set)


def interfaces(text: str) -> Iterator[Shown]:
    """The interfaces in what ``ifconfig IF`` or ``ifconfig -a`` printed."""
    shown: Shown | None = None
    for line in text.splitlines():
        head = _HEAD.match(line)
        if head is not None:
            if shown is not None:
                yield shown
            shown = Shown(head[1], "UP" in head[2].split(","))
        elif shown is not None and (address := _host_address(line)) is not None:
            shown.addresses.add(address)
    if shown is not None:
        yield shown


def _host_address(line: str) -> Address | None:
    inet, inet6 = _INET.match(line), _INET6.match(line)
    if inet is not None and int(inet[2], 16) == _HOST_MASK:
        address: Address = ip_address(inet[1])
    elif inet6 is not None and inet6[2] == "128":
        address = ip_address(inet6[1])
    else:
        return None
    return None if address.is_loopback or address.is_link_local else address


def is_route(text: str, wanted: Network) -> bool:
    """Whether what ``route -n get`` printed is a usable route for exactly that prefix.

    It prints the best match, which may be a shorter one.
    """
    fields = dict(_FIELD.findall(text))
    flags = fields.get("flags", "").strip("<>").split(",")
    if "UP" not in flags or "REJECT" in flags or "BLACKHOLE" in flags:
        return False
    any_address = str(wanted.network_address) if wanted.prefixlen == 0 else "default"
    destination = fields.get("destination", "").replace("default", any_address)
    mask = fields.get("mask", "")
    if wanted.prefixlen == wanted.max_prefixlen and not mask:
        mask = str(wanted.netmask)  # a host route has none
    try:
        same_place = ip_address(destination.partition("%")[0]) == wanted.network_address
        return same_place and _prefixlen(mask.replace("default", any_address)) == wanted.prefixlen
    except ValueError:
        return False


def _prefixlen(mask: str) -> int:
    """The length of a netmask of either family; Python reads IPv4's only."""
    if ":" not in mask:
        return ip_network(f"0.0.0.0/{mask}").prefixlen
    return int(ip_address(mask)).bit_count()
