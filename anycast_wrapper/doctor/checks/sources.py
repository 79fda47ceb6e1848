"""Which address named asks from: what is sent to an anycast address comes back to any node."""

from collections.abc import Iterator
from ipaddress import ip_address

from anycast_wrapper.core.model import Address
from anycast_wrapper.doctor.check import Finding, Severity, check
from anycast_wrapper.doctor.facts import Absent, Facts, Unknown, known
from anycast_wrapper.doctor.namedconf import Statement, everywhere, option

_WHY = (
    "The answer to what is sent from the service address goes to whichever node is nearest to "
    "the one that answers, which mostly is another one."
)
_CURE = "Set it to this host's own address."


def _written(statement: Statement) -> Address | None:
    """The address that a source statement names; None for ``*`` and for nothing."""
    words = statement.words[1:]
    word = statement.after("address") or (words[0] if words else "")
    try:
        return ip_address(word)
    except ValueError:
        return None


def _examined(facts: Facts, name: str) -> Iterator[Finding]:
    """What is wrong with ``name`` and ``name-v6``, wherever they are set, or with the default."""
    plan, whole = known(facts.plan), known(facts.named)
    for version in plan.versions:
        key = name if version == 4 else f"{name}-v6"
        own = _own(facts, version)
        change = f"{key} {own or 'ADDRESS'};   # in options: this host's own address"
        for where, statement in everywhere(whole, key):
            address, place = _written(statement), f" ({where})" if where else ""
            if address is None:
                continue
            if address in plan.addresses:
                found = f"{key} is the service address {address}{place}"
                yield Finding(found, change, facts.named_file)
            elif _foreign(facts, address):
                found = f"{key} is {address}, which no interface of this host has{place}"
                yield Finding(found, change, facts.named_file)
        general = option(whole, key)
        if general is None or _written(general) is None:
            chosen = known(facts.sources).get(version)
            if chosen in plan.addresses:
                found = f"{key} is not set, and the kernel chooses the service address {chosen}"
                yield Finding(found, change, facts.named_file)


def _own(facts: Facts, version: int) -> Address | None:
    """This host's own address, as far as one can tell."""
    plan = known(facts.plan)
    if not isinstance(facts.sources, Unknown):
        chosen = facts.sources.get(version)
        if chosen is not None and chosen not in plan.addresses:
            return chosen
    return None


def _foreign(facts: Facts, address: Address) -> bool:
    if isinstance(facts.interfaces, Unknown | Absent) or address.is_unspecified:
        return False
    there = {one.ip for interface in facts.interfaces for one in interface.addresses}
    return bool(there) and address not in there


@check(Severity.ERROR, why=f"{_WHY} Recursion fails for the queries it happens to.", cure=_CURE)
def query_source(facts: Facts) -> Iterator[Finding]:
    """`query-source` and `query-source-v6`: an address of this host, not a service address."""
    yield from _examined(facts, "query-source")


@check(Severity.ERROR, why=f"{_WHY} Of n nodes, one in n transfers succeeds.", cure=_CURE)
def transfer_source(facts: Facts) -> Iterator[Finding]:
    """`transfer-source` and `transfer-source-v6`: as above, in zones as well."""
    yield from _examined(facts, "transfer-source")


@check(
    Severity.ERROR,
    why=f"{_WHY} The acknowledgement is lost, and a secondary that asks back asks another node.",
    cure=_CURE,
)
def notify_source(facts: Facts) -> Iterator[Finding]:
    """`notify-source` and `notify-source-v6`: as above."""
    yield from _examined(facts, "notify-source")


@check(
    Severity.INFO,
    why="Where they are not set, the kernel chooses an address anew for each destination; what it "
    "chooses may change with the routes, and firewalls and primaries go by it.",
    cure="Set `query-source`, `transfer-source` and `notify-source`, and their `-v6` forms, to "
    "this host's own address.",
)
def sources_set(facts: Facts) -> Iterator[Finding]:
    """Whether the three sources are set at all, for each family that is served."""
    plan, whole = known(facts.plan), known(facts.named)
    for version in plan.versions:
        suffix, own = "" if version == 4 else "-v6", _own(facts, version)
        names = [f"{one}-source{suffix}" for one in ("query", "transfer", "notify")]
        missing = [name for name in names if option(whole, name) is None]
        if missing:
            yield Finding(
                f"not set: {', '.join(missing)}",
                " ".join(f"{name} {own or 'ADDRESS'};" for name in missing),
                facts.named_file,
            )


@check(
    Severity.WARNING,
    why="A fixed source port takes away half of what protects a resolver from forged answers "
    "(RFC 5452).",
    cure="Leave `port` out of `query-source`.",
)
def query_port(facts: Facts) -> Iterator[Finding]:
    """`query-source`: that it has no fixed port."""
    whole = known(facts.named)
    for where, statement in everywhere(whole, "query-source", "query-source-v6"):
        if statement.after("port") not in ("", "0", "*"):
            place = f" ({where})" if where else ""
            yield Finding(
                f"{statement.name} has the fixed port {statement.after('port')}{place}",
                f"{statement.name} {_written(statement) or '*'};",
                facts.named_file,
            )
