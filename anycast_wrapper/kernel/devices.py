"""Interfaces and addresses in our own types, out of pyroute2's messages."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from anycast_wrapper.core.model import Address

_IFF_UP = 0x1
_TUN_TYPE_TAP = 2
_SCOPE_GLOBAL = 0


@dataclass(frozen=True)
class Device:
    """An interface as the kernel has it.

    Attributes:
        index: its number, another one after it was made again.
        kind: ``tap``, ``tun``, ``dummy``, ``veth``..., or an empty string for hardware.
        up: administratively up.
        carrier: whether the link beneath is there, up or not; a TAP has it while it is open.
    """

    index: int
    kind: str
    up: bool
    carrier: bool


@dataclass(frozen=True)
class Placed:
    """A global host address and the number of the interface that it sits on."""

    index: int
    address: Address


def device(message: Any) -> Device:
    """The interface that an RTM_NEWLINK describes."""
    kind = message.get(("linkinfo", "kind")) or ""
    if kind == "tun" and message.get(("linkinfo", "data", "tun_type")) == _TUN_TYPE_TAP:
        kind = "tap"
    return Device(
        index=message["index"],
        kind=kind,
        up=bool(message["flags"] & _IFF_UP),
        carrier=bool(message.get("carrier")),
    )


def placed(message: Any) -> Placed | None:
    """The global host address that an RTM_NEWADDR describes, or None if it is no such thing."""
    text = message.get("local") or message.get("address")
    if message["scope"] != _SCOPE_GLOBAL or not text:
        return None
    address = ip_address(text)
    if message["prefixlen"] != address.max_prefixlen:
        return None
    if address.is_loopback or address.is_link_local:
        return None
    return Placed(message["index"], address)
