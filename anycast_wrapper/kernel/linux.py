"""Linux: rtnetlink for addresses and links, /dev/net/tun for the interfaces that end with us."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Collection, Sequence

from anycast_wrapper.core.model import Address, Link, Network, Observation, Switch
from anycast_wrapper.ports import KernelError

from . import routes
from .cards import Card, Role
from .devices import Device
from .events import Events
from .making import Making, leak
from .requests import DEADLINE, Requests


class LinuxKernel:
    """`ports.Kernel` for Linux, in the network namespace of the thread that runs it.

    Not safe for concurrent changes of one interface; the supervisor makes one move at a time.

    Args:
        cards: our interfaces.
        addresses: the service addresses, which `delete` takes off an existing interface; what
            `add` has put somewhere is known without.
    """

    def __init__(self, cards: Sequence[Card], addresses: Collection[Address] = ()) -> None:
        self._cards = {card.name: card for card in cards}
        self._claimed = set(addresses)
        self._requests = Requests()
        self._making = Making(self._requests)
        self._required: frozenset[Network] = frozenset()
        self._found: frozenset[Network] | None = None
        self._epoch = 0
        self._changed: Callable[[], None] | None = None
        self._events = Events(tuple(self._cards), lambda: self._required, self._heard)

    async def create(self, name: str) -> None:
        """Make the interface, down and without addresses, or take over what is there.

        A rank TAP that is there belongs to nobody (a persistent leftover) and is replaced, or to
        a living process, which is an error. A hold that is there is adopted as it is.

        Raises:
            KernelError: with what stands in the way.
        """
        await self._making.create(self._card(name))

    async def delete(self, name: str) -> None:
        """Remove the interface if it is of a kind that we make; else take our addresses off.

        Raises:
            KernelError: the kernel refused, or another process has the TAP open: it is down
                then, and ends with that process.
        """
        await self._making.delete(self._card(name), self._claimed)

    async def up(self, name: str) -> None:
        """Set it administratively up.

        Raises:
            KernelError: it does not exist, or it is the hold and has carrier: it is set down
                again then.
        """
        card = self._card(name)
        await self._requests.set_up(name)
        if card.role is Role.HOLD:
            device = await self._requests.device(name)
            if device is not None and device.carrier:
                await self._requests.set_down(name)
                raise leak(name, device)

    async def down(self, name: str) -> None:
        """Set it administratively down; that it does not exist is no error.

        Raises:
            KernelError: the kernel refused, or the address is this interface's switch, so that
                its link is not ours to touch (a loopback).
        """
        if self._card(name).switch is Switch.ADDRESS:
            raise KernelError(f"will not set {name} down: only its addresses are ours")
        await self._requests.set_down(name)

    async def add(self, name: str, address: Address) -> None:
        """Add the address as a /32 or /128, without duplicate address detection.

        Raises:
            KernelError: there is no such interface, or the kernel refused.
        """
        card = self._card(name)
        self._claimed.add(address)
        await self._requests.add(name, address, card.metric)

    async def remove(self, name: str, address: Address) -> None:
        """Remove it; that it, or the interface, is not there is no error.

        Raises:
            KernelError: the kernel refused.
        """
        await self._requests.remove(self._card(name).name, address)

    async def observe(self) -> Observation:
        """Our interfaces with their host addresses, and which required routes are there.

        ``up`` means: what is on it counts. A rank interface has to be up and to have carrier;
        the hold to be up and to have none, so that one which leaks is seen and repaired.

        Raises:
            KernelError: the kernel refused, or cannot be watched any more.
        """
        if self._changed is not None:
            self._events.open()  # again, if it broke
        placed = await self._requests.placed()
        links: dict[str, Link] = {}
        for name, card in self._cards.items():
            device = await self._requests.device(name)
            # Another interface under the name of our TAP would outlive us: as good as absent.
            if device is None or self._making.usurped(name):
                continue
            here = frozenset(p.address for p in placed if p.index == device.index)
            links[name] = Link(_counts(card, device), here)
        return Observation(links, await self._routes())

    async def elsewhere(self, addresses: Collection[Address]) -> dict[Address, str]:
        """Those of the addresses that sit on an interface which is not ours, and on which.

        Raises:
            KernelError: the kernel refused.
        """
        wanted = set(addresses)
        found: dict[Address, str] = {}
        for placed in await self._requests.placed():
            if placed.address not in wanted:
                continue
            with contextlib.suppress(OSError):  # gone since
                name = socket.if_indextoname(placed.index)
                if name not in self._cards:
                    found[placed.address] = name
        return found

    async def watch(self, changed: Callable[[], None]) -> None:
        """Subscribe, and return; ``changed`` is called from the event loop until `close`.

        If the subscription breaks, ``changed`` is called once more and `observe` subscribes
        again, or raises while that fails.

        Raises:
            KernelError: the kernel gives no subscription.
        """
        self._changed = changed
        self._events.open()

    async def require(self, routes: Collection[Network]) -> None:
        """The routes whose presence `observe` shows and whose change `watch` reports."""
        self._required = frozenset(routes)
        self._forget_routes()
        self._events.follow_routes()

    async def close(self) -> None:
        """Let go of everything: the kernel removes the TAPs that are not persistent."""
        self.abandon()
        self._changed = None
        self._events.close()
        await self._requests.close()

    def abandon(self) -> None:
        """Withdraw at once, from anywhere: close the TAPs, and wait for nothing."""
        self._making.abandon()

    async def _routes(self) -> frozenset[Network]:
        """The required routes that are there, from memory as long as nothing was heard."""
        if self._found is not None and self._events.listening:
            return self._found
        epoch = self._epoch
        try:
            async with asyncio.timeout(DEADLINE):
                found = await routes.present(self._required)
        except TimeoutError as error:
            raise KernelError(
                f"cannot read the routing table: not done within {DEADLINE:g} s"
            ) from error
        if epoch == self._epoch:
            self._found = found
        return found

    def _heard(self, stale: bool) -> None:
        if stale:
            self._forget_routes()
        if self._changed is not None:
            self._changed()

    def _forget_routes(self) -> None:
        self._epoch += 1
        self._found = None

    def _card(self, name: str) -> Card:
        try:
            return self._cards[name]
        except KeyError:
            raise KernelError(f"{name} is not one of our interfaces") from None


def _counts(card: Card, device: Device) -> bool:
    if card.role is Role.HOLD:
        return device.up and not device.carrier
    return device.up and (device.carrier or card.switch is Switch.ADDRESS)
