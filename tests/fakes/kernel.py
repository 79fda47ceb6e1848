"""A host's network in memory, and `ports.Kernel` on it.

`FakeHost` is the world: tests change it behind the adapter's back. `FakeKernel` is one process's
adapter; several on one host are several processes. tests/contract/test_kernel.py holds it to the
behaviour of the real one.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address

from anycast_wrapper.core.model import Address, Link, Network, Observation, Switch
from anycast_wrapper.kernel import Card, Kind, Role
from anycast_wrapper.ports import KernelError


@dataclass
class FakeLink:
    """An interface; ``owner`` is the adapter with which it ends, if any."""

    up: bool = False
    addresses: set[Address] = field(default_factory=set)
    owner: "FakeKernel | None" = None


@dataclass
class FakeHost:
    """What the kernel has.

    Attributes:
        links: interfaces by name, ours and others.
        routes: the main table.
    """

    links: dict[str, FakeLink] = field(default_factory=dict)
    routes: set[Network] = field(default_factory=set)
    listeners: list[Callable[[], None]] = field(default_factory=list)

    def touched(self) -> None:
        """Tell everyone who watches. Call it after changing the host by hand."""
        for listener in self.listeners:
            asyncio.get_running_loop().call_soon(listener)

    def remove_link(self, name: str) -> None:
        self.links.pop(name, None)
        self.touched()

    def set_link(self, name: str, *, up: bool) -> None:
        link = self.links[name]
        link.up = up
        if not up:
            # Linux flushes the IPv6 addresses of an interface that goes down.
            link.addresses = {a for a in link.addresses if not isinstance(a, IPv6Address)}
        self.touched()

    def place(self, name: str, address: Address) -> None:
        self.links.setdefault(name, FakeLink(up=True)).addresses.add(address)
        self.touched()

    def add_route(self, route: Network) -> None:
        self.routes.add(route)
        self.touched()

    def remove_route(self, route: Network) -> None:
        self.routes.discard(route)
        self.touched()


class FakeKernel:
    """`ports.Kernel` on a `FakeHost`.

    Attributes:
        calls: every change that was asked for, as ``(method, interface[, address])``.
    """

    def __init__(
        self,
        cards: Sequence[Card],
        addresses: Collection[Address] = (),
        host: FakeHost | None = None,
    ) -> None:
        self.host = FakeHost() if host is None else host
        self.calls: list[tuple[object, ...]] = []
        self._cards = {card.name: card for card in cards}
        self._claimed = set(addresses)
        self._required: frozenset[Network] = frozenset()
        self._failures: dict[tuple[str, str | None], tuple[str, float]] = {}
        self._changed: Callable[[], None] | None = None

    def fail(
        self, method: str, name: str | None = None, detail: str = "refused", times: float = 1
    ) -> None:
        """Let the next calls of a method fail; ``name`` None is for any interface."""
        self._failures[method, name] = (detail, times)

    def heal(self) -> None:
        """Let nothing fail any more."""
        self._failures.clear()

    async def create(self, name: str) -> None:
        card = self._begin("create", name)
        link = self.host.links.get(name)
        if card.kind is Kind.EXISTING:
            if link is None:
                raise KernelError(f"{name} does not exist, and is configured as existing")
            return
        lives_with_us = card.kind is Kind.TAP and card.role is Role.RANK
        if link is not None and lives_with_us and link.owner not in (None, self):
            raise KernelError(f"cannot create TAP {name}: another process has it open")
        if link is None or (lives_with_us and link.owner is None):
            self.host.links[name] = FakeLink(owner=self if lives_with_us else None)
            self.host.touched()

    async def delete(self, name: str) -> None:
        card = self._begin("delete", name)
        link = self.host.links.get(name)
        if link is None:
            return
        if card.kind is Kind.EXISTING:
            if card.role is Role.RANK and card.switch is Switch.LINK:
                self.host.set_link(name, up=False)
            link.addresses -= self._claimed
        elif link.owner not in (None, self):
            self.host.set_link(name, up=False)
            raise KernelError(f"{name} is down, but another process has it open")
        else:
            del self.host.links[name]
        self.host.touched()

    async def up(self, name: str) -> None:
        self._begin("up", name)
        if not self._link("up", name).up:
            self.host.set_link(name, up=True)

    async def down(self, name: str) -> None:
        if self._begin("down", name).switch is Switch.ADDRESS:
            raise KernelError(f"will not set {name} down: only its addresses are ours")
        if name in self.host.links and self.host.links[name].up:
            self.host.set_link(name, up=False)

    async def add(self, name: str, address: Address) -> None:
        self._begin("add", name, address)
        self._claimed.add(address)
        link = self._link("add", name)
        if address not in link.addresses:
            self.host.place(name, address)

    async def remove(self, name: str, address: Address) -> None:
        self._begin("remove", name, address)
        link = self.host.links.get(name)
        if link is not None and address in link.addresses:
            link.addresses.discard(address)
            self.host.touched()

    async def observe(self) -> Observation:
        self._refuse("observe", None)
        links = {
            name: Link(link.up and self._carries(name), frozenset(link.addresses))
            for name, link in self.host.links.items()
            if name in self._cards
        }
        return Observation(links, frozenset(self._required & self.host.routes))

    async def elsewhere(self, addresses: Collection[Address]) -> dict[Address, str]:
        self._refuse("elsewhere", None)
        return {
            address: name
            for name, link in self.host.links.items()
            if name not in self._cards
            for address in link.addresses & set(addresses)
        }

    async def watch(self, changed: Callable[[], None]) -> None:
        self._refuse("watch", None)
        self._unwatch()
        self._changed = changed
        self.host.listeners.append(changed)

    async def require(self, routes: Collection[Network]) -> None:
        self._required = frozenset(routes)

    async def close(self) -> None:
        self._unwatch()
        self.abandon()

    def abandon(self) -> None:
        """What a crash does as well: interfaces that live by an open file end."""
        for name in [n for n, link in self.host.links.items() if link.owner is self]:
            self.host.remove_link(name)

    def _carries(self, name: str) -> bool:
        """A rank TAP that nobody has open is no announcement."""
        card, link = self._cards[name], self.host.links[name]
        return card.kind is not Kind.TAP or card.role is Role.HOLD or link.owner is not None

    def _unwatch(self) -> None:
        if self._changed in self.host.listeners:
            self.host.listeners.remove(self._changed)
        self._changed = None

    def _begin(self, method: str, name: str, *rest: object) -> Card:
        self.calls.append((method, name, *rest))
        self._refuse(method, name)
        if name not in self._cards:
            raise KernelError(f"{name} is not one of our interfaces")
        return self._cards[name]

    def _refuse(self, method: str, name: str | None) -> None:
        for key in ((method, name), (method, None)):
            detail, times = self._failures.get(key, ("", 0))
            if times > 0:
                self._failures[key] = (detail, times - 1)
                raise KernelError(f"cannot {method} {name or ''}: {detail}")

    def _link(self, method: str, name: str) -> FakeLink:
        try:
            return self.host.links[name]
        except KeyError:
            raise KernelError(f"cannot {method} {name}: no such interface") from None
