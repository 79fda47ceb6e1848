"""The interface of ours that shows where a service address leads somewhere.

A dummy with the addresses: for routing daemons, which announce it as they would any connected
network, and for neighbours of IPv6, who ask for addresses and are not satisfied with routes.

Source: rtnetlink(7), net/ipv6/ndisc.c of Linux 6.18.
"""

import errno
from ipaddress import ip_address
from typing import Any

from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from anycast_wrapper.core.model import Address
from anycast_wrapper.gateway.exchange import (
    ACK,
    CREATE,
    DUMP,
    EXCLUSIVE,
    FAMILIES,
    Exchange,
    RefusedError,
    fine,
)
from anycast_wrapper.gateway.ports import ForwardingError

from .exchange import GONE

_NEWLINK, _DELLINK, _GETLINK = 16, 17, 18
_NEWADDR, _DELADDR, _GETADDR = 20, 21, 22
_IFF_UP = 0x1
_NODAD = 0x02


class Dummy:
    """The interface, in the network namespace of this thread.

    Args:
        exchange: with rtnetlink.
        name: of the interface; None for none.
    """

    def __init__(self, exchange: Exchange, name: str | None) -> None:
        self._exchange = exchange
        self._interface = name

    async def shown(self) -> set[Address]:
        """The addresses on our dummy, if it is up; none if there is to be no dummy.

        Raises:
            ForwardingError: the kernel cannot be asked, or the interface is somebody else's.
        """
        device = await self._device()
        if device is None or not device["flags"] & _IFF_UP:
            return set()
        return await self._addresses(device["index"])

    async def show(self, address: Address) -> None:
        """Put the address on our dummy, which is made if it is not there.

        Raises:
            ForwardingError: there is no dummy in this kernel, or the interface is somebody else's.
        """
        if self._interface is None:
            return
        device = await self._device()
        if device is None:
            await self._make(self._interface)
            device = await self._device()
        if device is None:
            raise ForwardingError(f"{self._interface} has just been made, and is not there")
        if not device["flags"] & _IFF_UP:
            up = ifinfmsg()
            up["index"], up["flags"], up["change"] = device["index"], _IFF_UP, _IFF_UP
            await self._exchange.ask(f"set {self._interface} up", up, _NEWLINK, ACK)
        message = _host_address(address, device["index"])
        if address.version == 6:
            message["flags"] = _NODAD
        attempt = f"put {address} on {self._interface}"
        with fine(errno.EEXIST):
            await self._exchange.ask(attempt, message, _NEWADDR, ACK | CREATE | EXCLUSIVE)

    async def hide(self, address: Address) -> None:
        """Undo `show`, the dummy included once nothing is on it.

        Raises:
            ForwardingError: the kernel refused, or the interface is somebody else's.
        """
        device = await self._device()
        if device is None:
            return
        message = _host_address(address, device["index"])
        attempt = f"take {address} off {self._interface}"
        with fine(*GONE):
            await self._exchange.ask(attempt, message, _DELADDR, ACK)
        if not await self._addresses(device["index"]):
            gone = ifinfmsg()
            gone["index"] = device["index"]
            with fine(*GONE):
                await self._exchange.ask(f"remove {self._interface}", gone, _DELLINK, ACK)

    async def _device(self) -> Any:
        """Our dummy, or None."""
        if self._interface is None:
            return None
        question = ifinfmsg()
        question["attrs"] = [("IFLA_IFNAME", self._interface)]
        attempt = f"look at {self._interface}"
        try:
            (found,) = await self._exchange.ask(attempt, question, _GETLINK, 0)
        except RefusedError as error:
            if error.code in GONE:
                return None
            raise
        kind = (found.get_attr("IFLA_LINKINFO") or ifinfmsg()).get_attr("IFLA_INFO_KIND")
        if kind != "dummy":
            raise ForwardingError(
                f"{self._interface} is no dummy interface, so it is not ours: give ours another "
                "name, or remove it"
            )
        return found

    async def _make(self, name: str) -> None:
        message = ifinfmsg()
        message["flags"], message["change"] = _IFF_UP, _IFF_UP
        message["attrs"] = [
            ("IFLA_IFNAME", name),
            ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", "dummy")]}),
        ]
        try:
            await self._exchange.ask(
                f"make dummy {name}", message, _NEWLINK, ACK | CREATE | EXCLUSIVE
            )
        except RefusedError as error:
            if error.code != errno.EOPNOTSUPP:
                raise
            raise ForwardingError(
                f'cannot make {name}: this kernel has no dummy interfaces; interface = "none" does '
                "without, where nothing here announces the address"
            ) from None

    async def _addresses(self, index: int) -> set[Address]:
        """The host addresses of an interface; a link-local one is the kernel's own."""
        found: set[Address] = set()
        for number in FAMILIES.values():
            question = ifaddrmsg()
            question["family"] = number
            answer = await self._exchange.ask("list addresses", question, _GETADDR, DUMP)
            for message in answer:
                # IPv6 has no IFA_LOCAL unless there is a peer.
                text = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
                address = ip_address(text)
                if message["index"] == index and not address.is_link_local:
                    found.add(address)
        return found


def _host_address(address: Address, index: int) -> Any:
    message = ifaddrmsg()
    message["family"] = FAMILIES[address.version]
    message["prefixlen"] = address.max_prefixlen
    message["index"] = index
    message["attrs"] = [("IFA_LOCAL", str(address)), ("IFA_ADDRESS", str(address))]
    return message
