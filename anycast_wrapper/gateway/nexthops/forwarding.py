"""`ports.Forwarding` by routes: next-hop objects in a resilient group, where the kernel has them.

For each service address there are, all with our protocol number: a next hop for each server, a
group of these, a route to the group, and its *anchor*, a route that leads nowhere with the next
metric. The anchor never carries a packet while the other is there. It is for routing daemons: zebra
knows no route that leads to a next-hop object which it did not make itself (`model.FIRST_ID`), and
redistributes the anchor instead, which also stays the same as servers come and go.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

from anycast_wrapper.core.model import Address
from anycast_wrapper.gateway.model import Member
from anycast_wrapper.gateway.ports import ForwardingError, LeftOut

from .carrying import Carrier
from .exchange import NexthopExchange
from .hearing import Heard, Hearing
from .leads import Leads
from .model import Found, Hop, Means, Settings
from .objects import Objects

_MOST = 255  # of a weight


class NexthopForwarding:
    """Carries service addresses by routes, in the network namespace of the thread that runs it.

    Args:
        settings: the marks and the place of what is made.
        servers: who may be a member: `adopt` tells by these which servers a route leads to whose
            next hop is a router's address.
        means: the best means to try; the kernel may have only worse.
    """

    def __init__(
        self,
        settings: Settings = Settings(),  # noqa: B008 - frozen
        servers: Collection[Member] = (),
        means: Means = Means.RESILIENT,
    ) -> None:
        self._settings = settings
        self._servers = tuple(servers)
        self._exchange = NexthopExchange()
        self._objects = Objects(self._exchange, settings.protocol)
        self._leads = Leads(self._objects, settings.protocol)
        self._carrier = Carrier(self._objects, settings, means)
        self._hearing = Hearing(settings.protocol, lambda: self._exchange.port, self._heard)
        self._changed: Callable[[], None] | None = None
        self._lock = asyncio.Lock()
        self._found: Found | None = None
        self._epoch = 0
        self._addresses: set[Address] = set()
        self._refused: set[Address] = set()

    async def adopt(self) -> Mapping[Address, tuple[Address, ...]]:
        """What a predecessor left: by service address, the servers that it leads to.

        Routes are kept as they are; next hops and groups that no route needs are removed.

        Raises:
            ForwardingError: the kernel cannot be asked.
        """
        async with self._lock:
            found = await self._look()
            await self._carrier.tidy(found)
            behind = await self._behind()
            adopted: dict[Address, tuple[Address, ...]] = {}
            for route in found.routes:
                # An anchor alone as well: what it was for may have gone with a link.
                servers = set(adopted.get(route.address, ()))
                for hop in found.leads_to(route):
                    servers |= behind.get(hop, {hop.gateway})
                adopted[route.address] = tuple(sorted(servers, key=int))
            return adopted

    async def apply(self, address: Address, members: Sequence[Member]) -> tuple[LeftOut, ...]:
        """Send a service address to exactly these; to nobody, if there are none. Idempotent.

        Of servers behind the same router, the router chooses: they share one next hop, with the sum
        of their weights.

        Raises:
            ForwardingError: somebody else has the route, or the kernel refused.
        """
        async with self._lock:
            self._addresses.add(address)
            for last in (False, True):
                found = await self._look()
                try:
                    return await self._apply(found, address, members)
                except ForwardingError:
                    # What we knew may be wrong, and is looked at once more before this is told.
                    self._forget()
                    if last:
                        raise
        raise AssertionError

    async def watch(self, changed: Callable[[], None]) -> None:
        """Call ``changed`` when what was applied may have been lost or may now be possible.

        Raises:
            ForwardingError: the kernel gives no subscription.
        """
        self._changed = changed
        self._hearing.open()
        # What was learnt before nobody listened may be old.
        self._forget()
        self._leads.forget()

    def means(self, address: Address) -> str | None:
        """By what it is carried, for people; None if it is not."""
        match self._carrier.carried(address):
            case None:
                return None
            case Means.RESILIENT:
                return f"resilient group of {self._settings.resilience.buckets} buckets"
            case worse:
                return f"{worse.value} (flows move when a server comes or goes)"

    async def close(self) -> None:
        """Stop watching. What was applied stays."""
        self._changed = None
        self._hearing.close()
        self._exchange.close()
        await asyncio.sleep(0)  # the transport lets go of the file in the loop's next turn

    async def _apply(
        self, found: Found, address: Address, members: Sequence[Member]
    ) -> tuple[LeftOut, ...]:
        out: list[LeftOut] = []
        hops: dict[Hop, int] = {}
        names: dict[Hop, list[str]] = {}
        seen: dict[tuple[Address, str | None], str] = {}
        for member in members:
            if member.weight <= 0:
                continue  # a route cannot keep flows from which new ones are kept away
            key = member.address, member.interface
            if key in seen:
                detail = f"{member.address} is {seen[key]}'s already"
                out.append(LeftOut(member.server, detail))
                continue
            seen[key] = member.server
            lead = await self._lead(address, member)
            if isinstance(lead, str):
                out.append(LeftOut(member.server, lead))
                continue
            hops[lead] = min(_MOST, hops.get(lead, 0) + member.weight)
            names.setdefault(lead, []).append(member.server)
        refused: Mapping[Hop, str] = {}
        if hops:
            refused = await self._carrier.carry(found, address, hops)
        else:
            await self._carrier.release(found, address)
        (self._refused.add if refused else self._refused.discard)(address)
        out += [LeftOut(name, why) for hop, why in refused.items() for name in names[hop]]
        return tuple(out)

    async def _lead(self, address: Address, member: Member) -> Hop | str:
        if member.address.version != address.version:
            return f"{member.address} is of another IP version than {address}"
        if member.address == address:
            return f"{address} is the service address itself"
        return await self._leads.find(member)

    async def _behind(self) -> Mapping[Hop, set[Address]]:
        """Which servers each next hop leads to, as the routing table has it now."""
        behind: dict[Hop, set[Address]] = {}
        for member in self._servers:
            lead = await self._leads.find(member)
            if isinstance(lead, Hop):
                behind.setdefault(lead, set()).add(member.address)
        return behind

    async def _look(self) -> Found:
        """What is ours in the kernel, from memory as long as nothing was heard."""
        self._hearing.catch_up()
        if not self._hearing.listening:
            if self._changed is not None:
                self._hearing.open()  # it broke
            self._forget()
            self._leads.forget()
        if self._found is not None:
            return self._found
        epoch = self._epoch
        found = await self._objects.read()
        if epoch == self._epoch:
            self._found = found
        return found

    def _forget(self) -> None:
        self._epoch += 1
        self._found = None

    def _heard(self, said: list[Heard]) -> None:
        indexes, lacking = self._leads.indexes, self._leads.lacking or bool(self._refused)
        links = [one.index for one in said if one.index is not None]
        everything = any(one.lost for one in said)
        everything |= any(lacking or index in indexes for index in links)
        prefixes = frozenset(one.prefix for one in said if one.prefix is not None)
        ours = any(one.ours for one in said) or self._is_of_ours(prefixes)
        moved = self._leads.forget(None if everything else prefixes)
        if ours or everything or moved:
            self._forget()
            if self._changed is not None:
                self._changed()

    def _is_of_ours(self, prefixes: Collection[tuple[int, int, int]]) -> bool:
        hosts = {(a.version, a.max_prefixlen, int(a)) for a in self._addresses}
        return any(prefix in hosts for prefix in prefixes)
