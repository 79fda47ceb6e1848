"""The moves that take every address to the rank it should have, in order and in time.

Three rules, and why:

* What must go, goes now, and together: several addresses on one interface go by one link event,
  because the routers drop the second of two changes within a second (`MIN_LS_ARRIVAL_GAP`). A
  healthy service on the same interface goes with them and comes back a moment later; the hold
  answers meanwhile.
* Everything else waits: one IPv4 and one IPv6 address at a time (they travel in LSAs of different
  protocols), at least ``gap`` after the last change.
* Up before down: a move between ranks announces at the new rank first, and retires the old one
  when everything has arrived. Where the policy has no ``overlap`` it is the other way round, as
  there a routing daemon loses an address that it finds on two interfaces; the hold answers what
  comes in between, and nothing is paced there as a rule.

The functions look at the kernel as it is believed to be (`Link` by name) and at what is wanted
(`Rank` by address); they know nothing of daemons, probes or reasons.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from .effects import AddAddress, CreateLink, DeleteLink, LinkDown, LinkUp, Move, RemoveAddress
from .model import Address, Interface, Link, Policy, Rank, Switch
from .remembered import remembered

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


@dataclass(frozen=True)
class Scene:
    """What the moves are chosen from.

    Attributes:
        links: the kernel as it is believed to be.
        wanted: the rank that every service address should have.
        known: the addresses that are ours on a loopback.
        troubles: interfaces that are left alone for now.
    """

    links: Links
    policy: Policy
    wanted: Mapping[Address, Rank]
    known: Collection[Address]
    troubles: Troubles

    def on(self, interface: Interface) -> tuple[Address, ...]:
        """What an interface announces now."""
        return live(self.links, interface, self.known)

    def has_arrived(self, address: Address) -> bool:
        """Whether an address is announced at the rank that it should have."""
        interface = self.policy.ranks.get(self.wanted.get(address, Rank.WITHDRAWN))
        return interface is not None and is_live(self.links, interface, self.known, address)

    def deletable(self, interface: Interface) -> bool:
        """Whether an interface in trouble may be deleted instead.

        What was refused is not tried again before its time; the next stronger means is.
        """
        refused = isinstance(self.troubles[interface.name].move, DeleteLink)
        return interface.switch is Switch.LINK and not refused

    def astray(self, address: Address) -> bool:
        """Whether an address is announced at another rank than it should have."""
        wanted = self.wanted.get(address)
        return any(
            rank is not wanted and is_live(self.links, interface, self.known, address)
            for rank, interface in self.policy.ranks.items()
        )


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


def is_live(
    links: Links, interface: Interface, known: Collection[Address], address: Address
) -> bool:
    """Whether `live` has the address."""
    link = links.get(interface.name)
    ours = interface.switch is Switch.LINK or address in known
    return ours and link is not None and link.up and address in link.addresses


@remembered
def announced(links: Links, policy: Policy, known: Collection[Address]) -> Mapping[Address, Rank]:
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


@remembered
def withdrawals(scene: Scene) -> tuple[Move, ...]:
    """What must go at once. Never paced."""
    moves: list[Move] = []
    for interface in scene.policy.ranks.values():
        on = scene.on(interface)
        doomed = [a for a in on if scene.wanted.get(a, Rank.WITHDRAWN) is Rank.WITHDRAWN]
        if not doomed:
            continue
        if interface.name not in scene.troubles:
            moves += _take_off(interface, on, doomed, apart=not scene.policy.gap)
        elif scene.deletable(interface):
            moves.append(DeleteLink(interface.name))
    return tuple(moves)


def _take_off(
    interface: Interface, on: Collection[Address], gone: list[Address], *, apart: bool
) -> list[Move]:
    """Take some addresses off an interface: one by one, or by its link if that is one event.

    Where nothing is paced, two of a family go ``apart`` as fast as together, and the others stay.
    """
    together = not apart and len(_one_per_family(gone)) < len(gone)
    one_event = len(gone) == len(on) or together
    if interface.switch is Switch.LINK and one_event:
        return [LinkDown(interface.name)]
    return [RemoveAddress(interface.name, a) for a in gone]


@remembered
def calm(scene: Scene) -> tuple[Move, ...]:
    """The next moves that are not urgent: one change of the routing daemon's mind, or none."""
    ranks = scene.policy.ranks
    rising = {
        address: rank
        for address, rank in scene.wanted.items()
        if rank in ranks
        and ranks[rank].name in scene.links
        and ranks[rank].name not in scene.troubles
        and not scene.has_arrived(address)
        and _held(scene.links, scene.policy, address)
    }
    if not scene.policy.overlap:
        if moves := _clear(scene, rising):
            links = scene.links
            for move in moves:
                links = apply(links, move)
            return (*moves, *calm(replace(scene, links=links)))
        # Where the kernel refuses to clear it, an address stays where it is until it can be.
        rising = {address: rank for address, rank in rising.items() if not scene.astray(address)}
    if not rising:
        return _retire(scene)
    # Where nothing is paced, all go at once.
    paced = _one_per_family(rising) if scene.policy.gap else tuple(rising)
    chosen = {address: rising[address] for address in paced}
    return _raise(scene.links, scene.policy, chosen)


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


def _clear(scene: Scene, rising: Collection[Address]) -> tuple[Move, ...]:
    """Take every address that is announced at a wrong rank off, if it can rise at the right one.

    Where it is at both, off both: nobody knows which of them the routing daemon goes by. What a
    link that went down has kept goes as well, so that nothing of it is there when the address
    appears elsewhere.
    """
    moves: list[Move] = []
    for interface in scene.policy.ranks.values():
        on = scene.on(interface)
        gone = [a for a in on if scene.astray(a) and (a in rising or scene.has_arrived(a))]
        if gone and interface.name not in scene.troubles:
            moves += _take_off(interface, on, gone, apart=True)
            if moves[-1] == LinkDown(interface.name):
                moves += [RemoveAddress(interface.name, a) for a in gone if a.version == 4]
        elif gone and scene.deletable(interface):
            moves.append(DeleteLink(interface.name))
    return tuple(moves)


def _retire(scene: Scene) -> tuple[Move, ...]:
    """Take off what is announced at another rank than wanted and has arrived where it is wanted."""
    for rank, interface in scene.policy.ranks.items():
        if interface.name in scene.troubles:
            continue
        on = scene.on(interface)
        surplus = [a for a in on if scene.wanted.get(a) is not rank and scene.has_arrived(a)]
        if surplus and len(surplus) == len(on):
            return tuple(_take_off(interface, on, surplus, apart=False))
        if surplus:
            return tuple(RemoveAddress(interface.name, a) for a in _one_per_family(surplus))
    return ()


@remembered
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
