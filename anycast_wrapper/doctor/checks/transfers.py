"""Zone transfers: what proves who asks, where the address proves nothing."""

from collections.abc import Iterator

from anycast_wrapper.doctor.check import Finding, Severity, check, listed
from anycast_wrapper.doctor.facts import Facts, known
from anycast_wrapper.doctor.namedconf import Block, Statement, Zone, named, option, zones

_LISTS = ("primaries", "masters")
_ANYONE = {"any", "none"}
_DEPTH = 10


@check(
    Severity.WARNING,
    why="A primary that knows its secondaries by their source addresses has to be told of every "
    "node, and refuses those whose packets leave with another address. A key (TSIG, RFC 8945) "
    "goes with the node.",
    cure="Name a `key` for each of `primaries`, or one in a `server` statement.",
)
def transfers_signed(facts: Facts) -> Iterator[Finding]:
    """Secondary zones: that each of their primaries is asked with a key."""
    whole = known(facts.named)
    unsigned: dict[str, list[str]] = {}
    for zone in zones(whole):
        if zone.type in ("secondary", "stub"):
            for primary in _unsigned(whole, _primaries(zone.block), _keyed(whole, zone)):
                unsigned.setdefault(primary, []).append(zone.name)
    for primary, names in unsigned.items():
        yield Finding(
            f"{primary} is asked for {listed(names)} without a key",
            f"primaries {{ {primary} key NAME; }};",
            facts.named_file,
        )


def _primaries(block: Block) -> Block:
    return tuple(entry for one in named(block, *_LISTS) for entry in one.block or ())


def _keyed(whole: Block, zone: Zone) -> set[str]:
    """The servers that are always asked with a key, here or in the zone's view."""
    views = [v.block or () for v in named(whole, "view") if v.value == zone.view.split(" ")[0]]
    return {
        server.value.split("/")[0]
        for block in (whole, *views)
        for server in named(block, "server")
        if any(named(server.block or (), "keys"))
    }


def _unsigned(whole: Block, entries: Block, keyed: set[str], depth: int = 0) -> Iterator[str]:
    """The primaries of a list that are asked without a key; a list may be called by its name."""
    for entry in entries:
        if entry.after("key") or entry.after("tls") or not entry.words:
            continue
        lists = [one for one in named(whole, *_LISTS, "remote-servers") if one.value == entry.name]
        for one in lists if depth < _DEPTH else ():
            yield from _unsigned(whole, one.block or (), keyed, depth + 1)
        if not lists and entry.name not in keyed:
            yield entry.name


@check(
    Severity.WARNING,
    why="Where transfers are permitted by address, the service address is no host's: a secondary "
    "that is anycast itself asks from a different node's address each time, and a list of "
    "addresses forgets the node that was added last.",
    cure="Permit transfers by `key`; or list every node's own address and set `transfer-source` "
    "there; or permit `any`.",
)
def transfers_permitted(facts: Facts) -> Iterator[Finding]:
    """`allow-transfer`: that it goes by keys and not by addresses, or permits all, or nobody."""
    whole = known(facts.named)
    by_address: dict[str, list[str]] = {}
    general = option(whole, "allow-transfer")
    if general is not None and _addresses(general):
        by_address[", ".join(_addresses(general))] = ["all zones"]
    for zone in zones(whole):
        for statement in named(zone.block, "allow-transfer"):
            if found := _addresses(statement):
                by_address.setdefault(", ".join(found), []).append(zone.name)
    for addresses, names in by_address.items():
        yield Finding(
            f"transfers of {listed(names)} are permitted by address: {addresses[:80]}",
            "allow-transfer { key NAME; };",
            facts.named_file,
        )


def _addresses(statement: Statement) -> list[str]:
    """The elements of a list that go by address; negated ones refuse, and permit nobody."""
    elements = [e.words for e in statement.block or () if e.words]
    if any(words[0] == "any" for words in elements):
        return []
    return [
        words[0]
        for words in elements
        if words[0] not in _ANYONE | {"key"} and not words[0].startswith("!")
    ]
