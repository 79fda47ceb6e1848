"""FreeBSD: ifconfig(8) and route(8), on an interface that the operator has made.

There is no hold and nothing that ends with this process: the classic layout on a loopback such
as lo1, whose addresses are the switch.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence
from ipaddress import IPv4Address

from anycast_wrapper.core.model import Address, Link, Network, Observation, Switch
from anycast_wrapper.ports import KernelError

from . import ifconfig
from .cards import Card, Kind
from .command import run

DEADLINE = 2.0
"""Seconds for one command; what takes longer is killed and counts as refused."""

POLL = 5.0
"""Seconds between two looks for a change, since nothing tells us of one."""

_ABSENT = "does not exist"
_NOT_THERE = "Can't assign requested address"
_NO_ROUTE = "route has not been found"


class FreeBSDKernel:
    """`ports.Kernel` for FreeBSD.

    Args:
        cards: our interfaces; each must be of kind existing.
        addresses: the service addresses, which `delete` takes off.
        ifconfig_command: the argv that everything for ifconfig is appended to.
        route_command: the same for route.
        poll: seconds between two looks for a change.
    """

    def __init__(
        self,
        cards: Sequence[Card],
        addresses: Collection[Address] = (),
        *,
        ifconfig_command: Sequence[str] = ("/sbin/ifconfig",),
        route_command: Sequence[str] = ("/sbin/route",),
        poll: float = POLL,
    ) -> None:
        self._cards = {card.name: card for card in cards}
        self._claimed = set(addresses)
        self._ifconfig = tuple(ifconfig_command)
        self._route = tuple(route_command)
        self._poll = poll
        self._required: frozenset[Network] = frozenset()
        self._watching: asyncio.Task[None] | None = None

    async def create(self, name: str) -> None:
        """See that it is there: nothing is made here.

        Raises:
            KernelError: it is not, or is configured as of a kind that Linux alone has.
        """
        card = self._card(name)
        if card.kind is not Kind.EXISTING:
            raise KernelError(
                f'cannot create {name}: FreeBSD has no kind = "{card.kind}", only "existing"'
            )
        if await self._show(name) is None:
            raise KernelError(f'{name} does not exist: put cloned_interfaces="{name}" into rc.conf')

    async def delete(self, name: str) -> None:
        """Take our addresses off, after setting it down if its link is the switch.

        Raises:
            KernelError: ifconfig failed.
        """
        shown = await self._show(name)
        if shown is None:
            return
        if self._card(name).switch is Switch.LINK:
            await self.down(name)
        for address in shown.addresses & self._claimed:
            await self.remove(name, address)

    async def up(self, name: str) -> None:
        """Set it up.

        Raises:
            KernelError: ifconfig failed.
        """
        self._card(name)
        await run((*self._ifconfig, name, "up"), DEADLINE)

    async def down(self, name: str) -> None:
        """Set it down; that it does not exist is no error.

        Raises:
            KernelError: ifconfig failed, or only the addresses on it are ours (a loopback).
        """
        if self._card(name).switch is Switch.ADDRESS:
            raise KernelError(f"will not set {name} down: only its addresses are ours")
        await run((*self._ifconfig, name, "down"), DEADLINE, (_ABSENT,))

    async def add(self, name: str, address: Address) -> None:
        """Add the address as a /32 or /128.

        One that is there is left alone: ``alias`` on it would tell routing daemons of a change.

        Raises:
            KernelError: ifconfig failed.
        """
        self._card(name)
        self._claimed.add(address)
        shown = await self._show(name)
        if shown is None or address not in shown.addresses:
            await run((*self._ifconfig, name, *_host(address), "alias"), DEADLINE)

    async def remove(self, name: str, address: Address) -> None:
        """Remove it; that it, or the interface, is not there is no error.

        Raises:
            KernelError: ifconfig failed.
        """
        self._card(name)
        shown = await self._show(name)
        if shown is not None and address in shown.addresses:
            family = "inet" if isinstance(address, IPv4Address) else "inet6"
            argv = (*self._ifconfig, name, family, str(address), "-alias")
            await run(argv, DEADLINE, (_NOT_THERE, _ABSENT))

    async def observe(self) -> Observation:
        """Our interfaces with their host addresses, and which required routes are there.

        Raises:
            KernelError: ifconfig or route failed.
        """
        links = {}
        for name in self._cards:
            shown = await self._show(name)
            if shown is not None:
                links[name] = Link(shown.up, frozenset(shown.addresses))
        routes = [network for network in self._required if await self._has_route(network)]
        return Observation(links, frozenset(routes))

    async def elsewhere(self, addresses: Collection[Address]) -> dict[Address, str]:
        """Those of the addresses that sit on an interface which is not ours, and on which.

        Raises:
            KernelError: ifconfig failed.
        """
        wanted = set(addresses)
        text = await run((*self._ifconfig, "-a"), DEADLINE)
        return {
            address: shown.name
            for shown in ifconfig.interfaces(text)
            if shown.name not in self._cards
            for address in shown.addresses & wanted
        }

    async def watch(self, changed: Callable[[], None]) -> None:
        """Look every few seconds from now on, until `close`.

        Raises:
            KernelError: not even the first look succeeds.
        """
        await self._stop_watching()
        first = await self.observe()
        self._watching = asyncio.create_task(self._look(first, changed))

    async def require(self, routes: Collection[Network]) -> None:
        """The routes whose presence `observe` shows and whose change `watch` reports."""
        self._required = frozenset(routes)

    async def close(self) -> None:
        """Stop looking. Addresses stay where they are."""
        await self._stop_watching()

    def abandon(self) -> None:
        """Nothing here ends with this process: to withdraw takes `remove`."""

    async def _look(self, before: Observation, changed: Callable[[], None]) -> None:
        seen: Observation | None = before
        while True:
            await asyncio.sleep(self._poll)
            try:
                now: Observation | None = await self.observe()
            except KernelError:
                now = None  # whoever is told and observes in turn gets the error itself
            if now != seen or now is None:
                changed()
            seen = now

    async def _stop_watching(self) -> None:
        if self._watching is not None:
            task, self._watching = self._watching, None
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _show(self, name: str) -> ifconfig.Shown | None:
        self._card(name)
        text = await run((*self._ifconfig, name), DEADLINE, (_ABSENT,))
        return next((shown for shown in ifconfig.interfaces(text) if shown.name == name), None)

    async def _has_route(self, network: Network) -> bool:
        family = "-inet" if network.version == 4 else "-inet6"
        what = ("default",) if network.prefixlen == 0 else ("-net", str(network))
        argv = (*self._route, "-n", "get", family, *what)
        return ifconfig.is_route(await run(argv, DEADLINE, (_NO_ROUTE,)), network)

    def _card(self, name: str) -> Card:
        try:
            return self._cards[name]
        except KeyError:
            raise KernelError(f"{name} is not one of our interfaces") from None


def _host(address: Address) -> tuple[str, ...]:
    if isinstance(address, IPv4Address):
        return ("inet", f"{address}/32")
    return ("inet6", str(address), "prefixlen", "128")
