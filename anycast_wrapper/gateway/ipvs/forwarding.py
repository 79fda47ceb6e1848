"""`ports.Forwarding` by IPVS: virtual services for UDP and TCP, with weights.

A service address comes in this order: the mark (`marks`), the virtual services with their real
servers, the address on the dummy (`dummy`); and goes in the opposite order. So what is announced is
served, and what a crash leaves half done is marked, and found. An address whose members all drain
is no longer announced, while their flows go on.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence

from anycast_wrapper.core.model import Address
from anycast_wrapper.gateway.exchange import Exchange
from anycast_wrapper.gateway.model import Member
from anycast_wrapper.gateway.ports import ForwardingError, LeftOut

from .dummy import Dummy
from .marks import Marks
from .model import Method, Settings, Table
from .planning import changes, differ, members_in, virtuals, wanted
from .services import Services

POLL = 2.0
"""Seconds between two looks at what others may have changed."""


class IpvsForwarding:
    """Carries service addresses by IPVS, in the network namespace of the thread that runs it.

    Args:
        settings: what all virtual services have in common.
        poll: seconds between two looks.
    """

    def __init__(self, settings: Settings = Settings(), poll: float = POLL) -> None:  # noqa: B008
        self._settings = settings
        self._poll = poll
        self._services = Services()
        self._exchange = Exchange()
        self._marks = Marks(self._exchange, settings.protocol)
        self._dummy = Dummy(self._exchange, settings.interface)
        self._lock = asyncio.Lock()
        self._applied: dict[Address, Table] = {}
        self._left_out: dict[Address, frozenset[Address]] = {}
        self._watching: asyncio.Task[None] | None = None

    async def adopt(self) -> Mapping[Address, tuple[Address, ...]]:
        """What a predecessor left, by the marks: who gets new flows of each service address.

        Raises:
            ForwardingError: the kernel has no IPVS, or cannot be asked.
        """
        async with self._lock:
            ours = await self._marks.marked()
            asked = [one for address in ours for one in virtuals(self._settings, address)]
            found = await self._services.read(frozenset(asked))
            return {
                address: members_in(
                    {one: carried for one, carried in found.items() if one.address == address}
                )
                for address in ours
            }

    async def apply(self, address: Address, members: Sequence[Member]) -> tuple[LeftOut, ...]:
        """Send a service address to exactly these; to nobody, if there are none. Idempotent.

        Flows stay where they are, those of a member with weight 0 included; UDP has none if every
        datagram is a flow of its own.

        Raises:
            ForwardingError: somebody else has a virtual service there, or the kernel refused.
        """
        async with self._lock:
            try:
                return await self._apply(address, members)
            except ForwardingError:
                # What we knew may be wrong: the next time looks.
                self._applied.pop(address, None)
                raise

    async def watch(self, changed: Callable[[], None]) -> None:
        """Look every few seconds, and call ``changed`` if something is not as it was applied.

        IPVS notifies nobody. ``changed`` is called too if somebody who was left out can be reached,
        or if the kernel does not answer.
        """
        if self._watching is None:
            self._watching = asyncio.create_task(self._look_again(changed), name="ipvs-watch")

    def means(self, address: Address) -> str | None:
        """By what a service address is carried, for people."""
        if not self._applied.get(address):
            return None
        return f"IPVS, {self._settings.scheduler}, {self._settings.method.name.lower()}"

    async def close(self) -> None:
        """Stop watching. What was applied stays."""
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
        self._services.close()
        self._exchange.close()
        await asyncio.sleep(0)  # the transports let go of their files in the loop's next turn

    async def _apply(self, address: Address, members: Sequence[Member]) -> tuple[LeftOut, ...]:
        before = self._applied.get(address)
        if before is None:
            before = await self._claim(address, wanted=bool(members))
            if before is None:
                return ()
        able, left = await self._able(before, members)
        self._left_out[address] = frozenset(one.address for one in members if one not in able)
        after = wanted(self._settings, address, able)
        if not members_in(after):
            await self._dummy.hide(address)
        for change in changes(before, after):
            await self._services.perform(change)
        if members_in(after):
            await self._dummy.show(address)
        if after:
            self._applied[address] = after
        else:
            await self._marks.unmark(address)
            self._applied.pop(address, None)
        return left

    async def _claim(self, address: Address, *, wanted: bool) -> Table | None:
        """What we have there already; None for nothing, where nothing is wanted.

        Raises:
            ForwardingError: somebody else is there.
        """
        ours = virtuals(self._settings, address)
        if address in await self._marks.marked():
            return await self._services.read(ours)
        if not wanted:
            return None
        taken = [one for one in await self._services.listed() if one in ours]
        if taken:
            raise ForwardingError(
                f"{address}: there is a virtual service {taken[0]} that is not ours; left alone"
            )
        await self._marks.mark(address)
        return {}

    async def _able(
        self, before: Table, members: Sequence[Member]
    ) -> tuple[list[Member], tuple[LeftOut, ...]]:
        """Those to whom packets can be handed; whoever is a member already is one."""
        known = {real for carried in before.values() for real in carried.shares}
        able: list[Member] = []
        left: list[LeftOut] = []
        for member in members:
            obstacle = None if member.address in known else await self._obstacle(member.address)
            if obstacle is None:
                able.append(member)
            else:
                left.append(LeftOut(member.server, obstacle))
        return able, tuple(left)

    async def _obstacle(self, server: Address) -> str | None:
        through = self._settings.method is not Method.DROUTE
        return await self._marks.obstacle(server, behind_routers=through)

    async def _look_again(self, changed: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(self._poll)
            try:
                async with self._lock:
                    same = await self._as_applied()
            except ForwardingError:
                # Whoever is told applies again, and is told why that fails.
                self._applied.clear()
                same = False
            if not same:
                changed()

    async def _as_applied(self) -> bool:
        """Whether the kernel has what was applied; what it has not is forgotten."""
        same = not await self._reachable_now()
        if not self._applied:
            return same
        asked = frozenset(one for table in self._applied.values() for one in table)
        found = await self._services.read(asked)
        marked, shown = await self._marks.marked(), await self._dummy.shown()
        for address, table in list(self._applied.items()):
            here = {one: found[one] for one in table if one in found}
            announced = self._settings.interface is not None and bool(members_in(table))
            placed = address in marked and (address in shown) == announced
            if not placed or differ(here, table):
                del self._applied[address]
                same = False
        return same

    async def _reachable_now(self) -> bool:
        """Whether somebody who was left out could be a member."""
        return any(
            [
                await self._obstacle(server) is None
                for server in frozenset().union(*self._left_out.values())
            ]
        )
