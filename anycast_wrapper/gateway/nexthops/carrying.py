"""One service address taken from how it is carried to how it shall be, in safe steps.

What leads anywhere is there before anything leads to it, and goes after. A group is given other
members where it stands, so that flows to those which stay are left alone.
"""

import errno
import logging
from collections.abc import Mapping

from anycast_wrapper.core.model import Address
from anycast_wrapper.gateway.exchange import RefusedError
from anycast_wrapper.gateway.ports import ForwardingError

from .model import Entries, Found, Group, Hop, Means, Route, Settings, ordered
from .objects import Objects

_log = logging.getLogger(__name__)

_WORSE = {Means.RESILIENT: Means.GROUP, Means.GROUP: Means.MULTIPATH}
# What the kernel says of what it does not know (no next-hop objects before 5.3, no resilient groups
# before 5.13) and of what it cannot do, such as without any bucket.
_CANNOT = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.ERANGE, errno.E2BIG})


class Carrier:
    """Makes routes, groups and next hops, and remembers what this kernel cannot.

    Args:
        objects: who speaks with the kernel.
        settings: what they have in common.
        means: the best means to try.
    """

    def __init__(self, objects: Objects, settings: Settings, means: Means) -> None:
        self._objects = objects
        self._settings = settings
        self.means = means
        # Whose a group is, also while its route is gone: flows are as they were once that is back.
        self._groups: dict[Address, int] = {}
        self._carried: dict[Address, Means] = {}

    def carried(self, address: Address) -> Means | None:
        """By what the address is carried, as we left it."""
        return self._carried.get(address)

    async def carry(
        self, found: Found, address: Address, hops: Mapping[Hop, int]
    ) -> dict[Hop, str]:
        """Lead an address to these next hops, by weight, and to no other.

        Args:
            found: what is there; kept up.
            address: the service address.
            hops: next hops and weights; at least one.

        Returns:
            The next hops that the kernel refused, and why. If they are all, nothing is carried.

        Raises:
            ForwardingError: somebody else has the route, or the kernel refused.
        """
        while True:
            try:
                way = self._by_route if self.means is Means.MULTIPATH else self._by_group
                refused = await way(found, address, hops)
            except _CannotError as error:
                self._settle_for_less(error)
                continue
            if len(refused) < len(hops):
                self._carried[address] = self.means
            return refused

    async def release(self, found: Found, address: Address) -> None:
        """Lead the address nowhere; the anchor goes first, for whoever announces by it.

        Raises:
            ForwardingError: the kernel refused.
        """
        self._groups.pop(address, None)
        self._carried.pop(address, None)
        for route in sorted(found.routes_of(address), key=lambda route: not route.anchor):
            await self._objects.remove_route(route)
            found.routes.discard(route)
        await self.tidy(found)

    async def tidy(self, found: Found) -> None:
        """Remove groups without a route, and next hops without a group.

        Raises:
            ForwardingError: the kernel refused.
        """
        kept = set(self._groups.values())
        for number in found.unused_groups():
            if number in kept:
                continue
            await self._objects.remove(number)
            del found.groups[number]
            found.taken.discard(number)
        for number in found.unused_hops():
            await self._objects.remove(number)
            del found.hops[number]
            found.taken.discard(number)

    async def _by_group(
        self, found: Found, address: Address, hops: Mapping[Hop, int]
    ) -> dict[Hop, str]:
        numbers, refused = await self._make_hops(found, hops)
        if not numbers:
            await self.release(found, address)
            return refused
        resilience = self._settings.resilience if self.means is Means.RESILIENT else None
        wanted = Group(tuple(sorted((n, hops[hop]) for hop, n in numbers.items())), resilience)
        number = await self._make_group(found, self._group_of(found, address), wanted)
        self._groups[address] = number
        try:
            await self._lead(found, self._route(address, group=number))
        except ForwardingError:
            # Nothing is left of an address that cannot be ours.
            if number != self._group_of_route(found, address):
                del self._groups[address]
                await self.tidy(found)
            raise
        return refused

    async def _by_route(
        self, found: Found, address: Address, hops: Mapping[Hop, int]
    ) -> dict[Hop, str]:
        self._groups.pop(address, None)
        await self._lead(found, self._route(address, hops=ordered(hops.items())))
        return {}

    async def _make_hops(
        self, found: Found, hops: Mapping[Hop, int]
    ) -> tuple[dict[Hop, int], dict[Hop, str]]:
        """The ids of the next hops, made where they are not there, and those refused."""
        numbers = {hop: number for number, hop in found.hops.items() if hop in hops}
        refused: dict[Hop, str] = {}
        for hop in hops:
            if hop in numbers:
                continue
            number = found.free_id()
            try:
                await self._objects.add_hop(number, hop)
            except RefusedError as error:
                if error.code == errno.EOPNOTSUPP:
                    raise _CannotError(Means.MULTIPATH, error) from None
                if error.code in (errno.EPERM, errno.EEXIST):
                    raise
                refused[hop] = str(error)
                continue
            numbers[hop] = number
            found.hops[number] = hop
            found.taken.add(number)
        return numbers, refused

    def _group_of(self, found: Found, address: Address) -> int | None:
        """The group that the address is led to now."""
        number = self._group_of_route(found, address) or self._groups.get(address)
        return number if number in found.groups else None

    @staticmethod
    def _group_of_route(found: Found, address: Address) -> int | None:
        numbers = (route.group for route in found.routes_of(address))
        return next((number for number in numbers if number in found.groups), None)

    async def _make_group(self, found: Found, present: int | None, wanted: Group) -> int:
        """The id of a group that is as wanted: the one that there is, if it can become so."""
        number = present
        if present is None or not found.groups[present].may_become(wanted):
            number = None
        elif found.groups[present].alike(wanted):
            return present
        replace = number is not None
        number = number if number is not None else found.free_id()
        try:
            await self._objects.put_group(number, wanted, replace=replace)
        except RefusedError as error:
            if replace or error.code not in _CANNOT:
                raise
            # The same is said of a member that is gone, with its link, since it was looked at.
            there = await self._objects.read()
            if any(number not in there.hops for number, _ in wanted.entries):
                raise
            raise _CannotError(_WORSE[self.means], error) from None
        found.groups[number] = wanted
        found.taken.add(number)
        return number

    async def _lead(self, found: Found, route: Route) -> None:
        """Have exactly this route and its anchor for the address, made in this order."""
        anchor = Route(route.address, route.table, route.metric + 1)
        for wanted in (route, anchor):
            if wanted in found.routes:
                continue
            before = [one for one in found.routes_of(route.address) if one.place == wanted.place]
            await self._put(wanted, replace=bool(before))
            found.routes -= set(before)
            found.routes.add(wanted)
        # Of another table or metric: made under another configuration.
        for other in found.routes_of(route.address):
            if other not in (route, anchor):
                await self._objects.remove_route(other)
                found.routes.discard(other)
        await self.tidy(found)

    async def _put(self, route: Route, *, replace: bool) -> None:
        # To replace takes whatever comes first in that place, so it must be known to be ours.
        if replace and (who := await self._objects.owner(route)) is not None:
            raise ForwardingError(_taken(route, who))
        try:
            await self._objects.put_route(route, replace=replace)
        except RefusedError as error:
            if error.code != errno.EEXIST:
                raise
            who = await self._objects.owner(route)
            if who is None:
                raise
            raise ForwardingError(_taken(route, who)) from None

    def _route(self, address: Address, *, group: int | None = None, hops: Entries = ()) -> Route:
        return Route(address, self._settings.table, self._settings.metric, group, hops)

    def _settle_for_less(self, error: "_CannotError") -> None:
        _log.warning(
            "forwarding-degraded",
            {"wanted": self.means.value, "instead": error.instead.value, "detail": error.reason},
        )
        self.means = error.instead


class _CannotError(Exception):
    """This kernel has no such means."""

    def __init__(self, instead: Means, reason: ForwardingError) -> None:
        super().__init__(str(reason))
        self.instead = instead
        self.reason = reason


def _taken(route: Route, who: str) -> str:
    return (
        f"{route.address}/{route.address.max_prefixlen} metric {route.metric} in table "
        f"{route.table} is somebody else's route ({who}): not touched"
    )
