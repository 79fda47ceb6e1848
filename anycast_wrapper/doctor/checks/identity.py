"""Telling nodes apart: the customer on the phone is not necessarily lying."""

from collections.abc import Iterator

from anycast_wrapper.doctor.check import Finding, Severity, check
from anycast_wrapper.doctor.facts import Facts, known
from anycast_wrapper.doctor.namedconf import Quoted, Statement, option


def _none(statement: Statement | None) -> bool:
    """Whether it is ``none`` without quotes."""
    value = statement.value if statement is not None else ""
    return value == "none" and not isinstance(value, Quoted)


@check(
    Severity.WARNING,
    why="Every client may be answered by another node. With NSID (RFC 5001) or id.server (RFC "
    "4892) one can ask which one it was; named tells neither unless it is told to.",
    cure="Set `server-id hostname;`, or a name of your own for each node.",
)
def server_id(facts: Facts) -> Iterator[Finding]:
    """`server-id`: that it is set, so that a node can be told by NSID and id.server."""
    statement = option(known(facts.named), "server-id")
    if statement is None or _none(statement):
        found = "server-id is not set" if statement is None else "server-id is none"
        yield Finding(found, "server-id hostname;", facts.named_file)


@check(
    Severity.WARNING,
    why="hostname.bind is what most people and most probes (RIPE Atlas, for one) ask for.",
    cure="Remove `hostname none;`.",
)
def hostname_bind(facts: Facts) -> Iterator[Finding]:
    """`hostname`: that hostname.bind CH TXT is answered."""
    if _none(option(known(facts.named), "hostname")):
        yield Finding("hostname is none", "remove: hostname none;", facts.named_file)
