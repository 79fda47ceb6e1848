"""The moves that take every address to the rank it should have, in order and in time.

Three rules, and why:

* What must go, goes now, and together: several addresses on one interface go by one link event,
  because the routers drop the second of two changes within a second (`MIN_LS_ARRIVAL_GAP`). A
  healthy service on the same interface goes with them and comes back a moment later; the hold
  answers meanwhile.
* Everything else waits: one IPv4 and one IPv6 address at a time (they travel in LSAs of different
  protocols), at least ``gap`` after the last change.
* Up before down: a move between ranks announces at the new rank first, and retires the old one
  when everything has arrived.

The functions look at the kernel as it is believed to be (`Link` by name) and at what is wanted
(`Rank` by address); they know nothing of daemons, probes or reasons.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from .effects import AddAddress, CreateLink, DeleteLink, LinkDown, LinkUp, Move, RemoveAddress
from .model import Address, Interface, Link, Policy, Rank, Switch

RETRY = 1.0
"""Seconds until something that the kernel refused is tried again."""

Links = Mapping[str, Link]


@dataclass(frozen=True)
class Trouble:
    """An interface that the kernel refuses to change.

    Attributes:
        move: what was refused last.
        until: when it is tried again.
    """

    move: Move
    detail: str
    until: float


Troubles = Mapping[str, Trouble]


def apply(links: Links, move: Move) -> dict[str, Link]:
    """What the kernel has after the move, as far as we rely on it."""
    after = dict(links)
    link = after.get(move.interface, Link(up=False))
    match move:
        case CreateLink(name):
            after[name] = link
        case DeleteLink(name):
            after.pop(name, None)
        case LinkUp(name):
            after[name] = replace(link, up=True)
        case LinkDown(name):
            # The kernel flushes IPv6 addresses from a link that goes down, and keeps the others.
            kept = frozenset(a for a in link.addresses if a.version == 4)
            after[name] = Link(up=False, addresses=kept)
        case AddAddress(name, address):
            after[name] = replace(link, addresses=link.addresses | {address})
        case RemoveAddress(name, address):
            after[name] = replace(link, addresses=link.addresses - {address})
    return after


def live(links: Links, interface: Interface, known: Collection[Address]) -> tuple[Address, ...]:
    """The addresses that the interface announces now, in a stable order.

    On a link-switched interface everything counts, whoever put it there; on a loopback only what
    is ``known`` to be ours.
    """
    link = links.get(interface.name)
    if link is None or not link.up:
        return ()
    ours = link.addresses
    if interface.switch is Switch.ADDRESS:
        ours = frozenset(a for a in ours if a in known)
    return tuple(sorted(ours, key=_order))


def announced(links: Links, policy: Policy, known: Collection[Address]) -> dict[Address, Rank]:
    """The strongest rank at which each address is announced now; absent is withdrawn."""
    found: dict[Address, Rank] = {}
    for rank in sorted(policy.ranks):
        for address in live(links, policy.ranks[rank], known):
            found[address] = rank
    return found


def _order(address: Address) -> tuple[int, int]:
    return address.version, int(address)


def _one_per_family(addresses: Iterable[Address]) -> tuple[Address, ...]:
    first: dict[int, Address] = {}
    for address in addresses:
        first.setdefault(address.version, address)
    return tuple(first.values())


def withdrawals(
    links: Links,
    policy: Policy,
    wanted: Mapping[Address, Rank],
    known: Collection[Address],
    troubles: Troubles,
) -> tuple[Move, ...]:
    """What must go at once. Never paced."""
    moves: list[Move] = []
    for interface in policy.ranks.values():
        on = live(links, interface, known)
        doomed = [a for a in on if wanted.get(a, Rank.WITHDRAWN) is Rank.WITHDRAWN]
        if not doomed:
            continue
        trouble = troubles.get(interface.name)
        if trouble is not None:
            # What was refused is not tried again before its time; the next stronger means is.
            stronger = interface.switch is Switch.LINK
            if stronger and not isinstance(trouble.move, DeleteLink):
                moves.append(DeleteLink(interface.name))
            continue
        moves += _take_off(interface, on, doomed)
    return tuple(moves)


def _take_off(interface: Interface, on: Collection[Address], gone: list[Address]) -> list[Move]:
    """Take some addresses off an interface: one by one, or by its link if that is one event."""
    one_event = len(gone) == len(on) or len(_one_per_family(gone)) < len(gone)
    if interface.switch is Switch.LINK and one_event:
        return [LinkDown(interface.name)]
    return [RemoveAddress(interface.name, a) for a in gone]


def calm(
    links: Links,
    policy: Policy,
    wanted: Mapping[Address, Rank],
    known: Collection[Address],
    troubles: Troubles,
) -> tuple[Move, ...]:
    """The next moves that are not urgent: one change of the routing daemon's mind, or none."""
    rising = [
        (rank, address)
        for address, rank in wanted.items()
        if rank in policy.ranks
        and policy.ranks[rank].name not in troubles
        and policy.ranks[rank].name in links
        and address not in live(links, policy.ranks[rank], known)
        and _held(links, policy, address)
    ]
    if rising:
        chosen = _one_per_family(address for _, address in rising)
        rank_of = {address: rank for rank, address in rising}
        return _raise(links, policy, {a: rank_of[a] for a in chosen})
    return _retire(links, policy, wanted, known, troubles)


def _held(links: Links, policy: Policy, address: Address) -> bool:
    if policy.hold is None:
        return True
    hold = links.get(policy.hold.name)
    return hold is not None and hold.up and address in hold.addresses


def _raise(links: Links, policy: Policy, chosen: Mapping[Address, Rank]) -> tuple[Move, ...]:
    """Announce the chosen addresses, each on the interface of its rank."""
    moves: list[Move] = []
    believed = links
    for address, rank in chosen.items():
        name = policy.ranks[rank].name
        link = believed[name]
        steps: list[Move] = []
        if not link.up and policy.ranks[rank].switch is Switch.LINK:
            # Whatever is on a link that comes up is announced with it, in one burst of which the
            # routers drop all but the first: take the others off before.
            others = sorted(link.addresses - {address}, key=_order)
            steps += [RemoveAddress(name, other) for other in others]
            steps.append(LinkUp(name))
        if address not in link.addresses:
            steps.append(AddAddress(name, address))
        for step in steps:
            believed = apply(believed, step)
        moves += steps
    return tuple(moves)


def _retire(
    links: Links,
    policy: Policy,
    wanted: Mapping[Address, Rank],
    known: Collection[Address],
    troubles: Troubles,
) -> tuple[Move, ...]:
    """Take off what is announced at another rank than wanted and has arrived where it is wanted."""
    for rank, interface in policy.ranks.items():
        if interface.name in troubles:
            continue
        on = live(links, interface, known)
        surplus = [
            a
            for a in on
            if (target := wanted.get(a, Rank.WITHDRAWN)) in policy.ranks
            and target is not rank
            and a in live(links, policy.ranks[target], known)
        ]
        if len(surplus) == len(on):
            if surplus:
                return tuple(_take_off(interface, on, surplus))
        elif surplus:
            return tuple(RemoveAddress(interface.name, a) for a in _one_per_family(surplus))
    return ()


def holding(
    links: Links,
    policy: Policy,
    troubles: Troubles,
    *,
    release: bool,
) -> tuple[Move, ...]:
    """Keep every service address on the hold; take off what does not belong, if ``release``.

    Nothing of this is seen by a routing daemon, so nothing of it is paced.
    """
    if policy.hold is None or policy.hold.name in troubles:
        return ()
    name = policy.hold.name
    link = links.get(name)
    moves: list[Move] = []
    if link is None:
        moves.append(CreateLink(name))
        link = Link(up=False)
    if not link.up:
        moves.append(LinkUp(name))
        # IPv6 addresses that are put on a link before it is up come and go with it.
    moves += [AddAddress(name, a) for a in policy.addresses if a not in link.addresses]
    if release and policy.hold.switch is Switch.LINK:
        surplus = link.addresses - set(policy.addresses)
        moves += [RemoveAddress(name, a) for a in sorted(surplus, key=_order)]
    return tuple(moves)


def housekeeping(links: Links, policy: Policy, troubles: Troubles) -> tuple[Move, ...]:
    """What keeps the rank interfaces ready and empty while they announce nothing."""
    moves: list[Move] = []
    for _, interface in sorted(policy.ranks.items()):
        if interface.name in troubles:
            continue
        link = links.get(interface.name)
        if link is None:
            moves.append(CreateLink(interface.name))
        elif not link.up and interface.switch is Switch.LINK:
            moves += [RemoveAddress(interface.name, a) for a in sorted(link.addresses, key=_order)]
    return tuple(moves)
