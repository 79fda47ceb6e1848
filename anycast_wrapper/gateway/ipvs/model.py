"""Virtual services and their real servers, as IPVS has them. Plain values.

Source: ipvsadm(8), include/uapi/linux/ip_vs.h of Linux 6.18.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from anycast_wrapper.core.model import Address

UDP, TCP = socket.IPPROTO_UDP, socket.IPPROTO_TCP
TRANSPORTS = {"udp": int(UDP), "tcp": int(TCP)}

PERSISTENT, ONE_PACKET = 0x1, 0x4
SCHEDULER_FLAGS = 0x38
SETTABLE = PERSISTENT | ONE_PACKET | SCHEDULER_FLAGS
"""The flags of a virtual service that are ours to choose; the kernel keeps others of its own."""


class Method(IntEnum):
    """How a packet is handed to a real server; the value is the kernel's (IP_VS_CONN_F_*)."""

    MASQ = 0
    """Addresses are translated: answers must come back through this host."""
    LOCAL = 1
    """What the kernel makes of any method for an address of this host."""
    TUNNEL = 2
    """Wrapped in another IP packet: the server may be anywhere, and has the service address."""
    DROUTE = 3
    """As it is, to the server's link address: one link with this host, same ports."""


@dataclass(frozen=True)
class Settings:
    """What all virtual services have in common.

    Attributes:
        ports: each of them for UDP and TCP.
        scheduler: who gets the next flow: ``wrr``, ``mh``, or any other that the kernel has.
        method: how packets get to the servers.
        one_packet: every UDP datagram is a flow of its own. Not with `Method.MASQ`: the answers
            would keep the server's address.
        interface: a dummy of ours that has the service addresses while they lead somewhere, for
            routing daemons and neighbours to see; None for none.
        protocol: the number (rtnetlink(7), RTPROT_*) of the local routes that mark what is ours.
    """

    ports: tuple[int, ...] = (53,)
    scheduler: str = "wrr"
    method: Method = Method.DROUTE
    one_packet: bool = True
    interface: str | None = "anycast-lvs"
    protocol: int = 154


@dataclass(frozen=True)
class Virtual:
    """What identifies a virtual service that has an address."""

    address: Address
    transport: int
    port: int

    def __str__(self) -> str:
        names = {number: name for name, number in TRANSPORTS.items()}
        return f"{self.address} {names.get(self.transport, self.transport)}/{self.port}"


@dataclass(frozen=True)
class Manner:
    """How a virtual service chooses.

    Attributes:
        flags: of `SETTABLE`.
    """

    scheduler: str
    flags: int


@dataclass(frozen=True)
class Share:
    """What a real server gets of new flows, and how."""

    weight: int
    method: Method


@dataclass(frozen=True)
class Carried:
    """A virtual service as a whole.

    Attributes:
        shares: by the servers' addresses.
    """

    manner: Manner
    shares: Mapping[Address, Share] = field(default_factory=dict)


Table = Mapping[Virtual, Carried]
