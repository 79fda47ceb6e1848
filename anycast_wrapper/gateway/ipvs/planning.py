"""From what carries a service address to what is wanted: which steps, in which order. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from anycast_wrapper.core.model import Address
from anycast_wrapper.gateway.model import Member

from .messages import (
    DEL_DEST,
    DEL_SERVICE,
    NEW_DEST,
    NEW_SERVICE,
    SET_DEST,
    SET_SERVICE,
)
from .model import (
    ONE_PACKET,
    TRANSPORTS,
    UDP,
    Carried,
    Manner,
    Method,
    Settings,
    Share,
    Table,
    Virtual,
)


@dataclass(frozen=True)
class Change:
    """One message to the kernel.

    Attributes:
        command: `messages.NEW_SERVICE` and so on.
    """

    command: int
    virtual: Virtual
    manner: Manner | None = None
    real: Address | None = None
    share: Share | None = None

    def __str__(self) -> str:
        words = {
            NEW_SERVICE: "make virtual service {0}",
            SET_SERVICE: "change virtual service {0}",
            DEL_SERVICE: "remove virtual service {0}",
            NEW_DEST: "add {1} to {0}",
            SET_DEST: "change {1} of {0}",
            DEL_DEST: "take {1} out of {0}",
        }
        return words[self.command].format(self.virtual, self.real)


def virtuals(settings: Settings, address: Address) -> tuple[Virtual, ...]:
    """The virtual services that a service address has."""
    return tuple(
        Virtual(address, transport, port)
        for port in settings.ports
        for transport in TRANSPORTS.values()
    )


def wanted(settings: Settings, address: Address, members: Sequence[Member]) -> Table:
    """What is to carry a service address; nothing if it leads to nobody."""
    if not members:
        return {}
    shares = {one.address: Share(one.weight, settings.method) for one in members}
    return {
        virtual: Carried(_manner(settings, virtual), shares)
        for virtual in virtuals(settings, address)
    }


def _manner(settings: Settings, virtual: Virtual) -> Manner:
    single = settings.one_packet and virtual.transport == UDP
    # The kernel would forget the datagram before its answer comes by to be translated.
    single = single and settings.method is not Method.MASQ
    return Manner(settings.scheduler, ONE_PACKET if single else 0)


def changes(before: Table, after: Table) -> tuple[Change, ...]:
    """The steps, in an order in which a service that stays always has somebody to send to."""
    steps: list[Change] = []
    for virtual, carried in after.items():
        found = before.get(virtual)
        if found is None:
            steps.append(Change(NEW_SERVICE, virtual, carried.manner))
            found = Carried(carried.manner)
        elif found.manner != carried.manner:
            steps.append(Change(SET_SERVICE, virtual, carried.manner))
        steps += _reals(virtual, found.shares, carried.shares)
    # With its real servers.
    steps += [Change(DEL_SERVICE, virtual) for virtual in before if virtual not in after]
    return tuple(steps)


def _reals(
    virtual: Virtual, before: Mapping[Address, Share], after: Mapping[Address, Share]
) -> list[Change]:
    added = [
        Change(NEW_DEST, virtual, real=real, share=share)
        for real, share in after.items()
        if real not in before
    ]
    changed = [
        Change(SET_DEST, virtual, real=real, share=share)
        for real, share in after.items()
        if real in before and not _same(before[real], share)
    ]
    gone = [Change(DEL_DEST, virtual, real=real) for real in before if real not in after]
    return [*added, *changed, *gone]


def _same(found: Share, share: Share) -> bool:
    """Whether what the kernel has is what it makes of what we want."""
    return found == share or found == replace(share, method=Method.LOCAL)


def differ(found: Table, applied: Table) -> bool:
    """Whether the kernel has something else than what was applied."""
    return bool(changes(found, applied))


def members_in(found: Table) -> tuple[Address, ...]:
    """Who gets new flows, over all virtual services of an address."""
    everybody = {
        real
        for carried in found.values()
        for real, share in carried.shares.items()
        if share.weight > 0
    }
    return tuple(sorted(everybody, key=int))
