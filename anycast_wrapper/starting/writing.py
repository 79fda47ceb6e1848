"""The text of a first configuration: good whatever was found, with a comment for each choice."""

import json
from collections.abc import Iterator, Sequence

from anycast_wrapper.config.schema import Interfaces
from anycast_wrapper.config.values import query_name
from anycast_wrapper.core.model import Address

from .command import DEFAULT
from .found import Found

_NAMES = Interfaces()
COST = 60000
"""Of last-resort: see contrib/frr/host.frr.conf."""


def text(addresses: Sequence[Address], found: Found) -> str:
    """A whole file."""
    return "\n".join([*_file(addresses, found), ""])


def _file(addresses: Sequence[Address], found: Found) -> Iterator[str]:
    yield "# anycast-wrap, a configuration to begin with: `anycast-wrap config init`."
    yield "# Everything that is not here has its default: `anycast-wrap config show`."
    yield "# Next: the lines for FRR at the end, `anycast-wrap doctor`, `anycast-wrap start`."
    yield ""
    yield from _daemon(found)
    yield ""
    yield from _interfaces(addresses, found)
    yield ""
    yield from _service(addresses, found)
    yield ""
    yield "# For FRR, /etc/frr/frr.conf (the LAN, filters and BFD: contrib/frr/host.frr.conf):"
    yield from (f"#   {line}" for line in frr_lines(addresses))


def _daemon(found: Found) -> Iterator[str]:
    try:
        argv = [_literal(word) for word in found.command]
        origin = _comment(found.command_from)
    except UnicodeEncodeError:  # a command line may be any bytes, TOML is UTF-8
        argv, origin = [_literal(word) for word in DEFAULT], "the default"
    yield "[daemon]"
    yield f"# From {origin}. That unit, if there is one, must not start named as well."
    yield f"command = [{', '.join(argv)}]"


def _interfaces(addresses: Sequence[Address], found: Found) -> Iterator[str]:
    protocols = dict(found.default_routes)
    versions = sorted({address.version for address in addresses})
    routes = {4: "0.0.0.0/0", 6: "::/0"}
    there = [routes[version] for version in versions if version in protocols]
    yield "[interfaces]"
    yield "# Not announced while one of these is missing: a node without a way back would swallow"
    yield "# queries."
    for version in versions:
        if version in protocols:
            yield f"# {routes[version]} is there now, by {_comment(protocols[version])}."
        else:
            yield f"# {routes[version]} is not there now: add it once this host has one."
    yield f"require-route = [{', '.join(map(_literal, there))}]"


def _service(addresses: Sequence[Address], found: Found) -> Iterator[str]:
    zone = _askable(found.zone)
    yield "[[service]]"
    yield f"name = {_literal('nameserver' if zone else 'resolver')}"
    yield f"addresses = [{', '.join(_literal(str(address)) for address in addresses)}]"
    yield ""
    if zone:
        yield "# A zone that this server has itself: what fails here is this server's own fault."
        yield "[[service.probe]]"
        yield f"qname = {_literal(zone)}"
        yield 'qtype = "SOA"'
        yield "expect = { aa = true }"
        return
    yield "# Is named itself alive? Something it knows by itself, so that a broken upstream cannot"
    yield "# withdraw every node at once."
    yield "[[service.probe]]"
    yield 'name = "alive"'
    if found.has_localhost:
        yield 'qname = "localhost"'
        yield 'qtype = "A"'
    else:
        yield 'qname = "version.bind"'
        yield 'qtype = "TXT"'
        yield 'qclass = "CH"'
        yield 'expect = { rcode = ["NOERROR", "REFUSED"] }'
    yield ""
    yield "# Does it resolve? What fails here may fail on all nodes: prefer the others, but do not"
    yield "# disappear."
    yield "[[service.probe]]"
    yield 'name = "resolves"'
    yield 'qname = "."'
    yield 'qtype = "NS"'
    yield 'transport = ["udp"]'
    yield 'interval = "5s"'
    yield 'timeout = "2s"'
    yield "fall = 3"
    yield 'on-failure = "last-resort"'


def frr_lines(addresses: Sequence[Address]) -> Iterator[str]:
    """What FRR needs to announce these addresses."""
    versions = {address.version for address in addresses}
    words = [word for version, word in ((4, "ip ospf"), (6, "ipv6 ospf6")) if version in versions]
    for name, cost in ((_NAMES.preferred, None), (_NAMES.last_resort, COST)):
        yield f"interface {name}"
        for word in words:
            yield f" {word} area 0"
            yield f" {word} passive"
            if cost is not None:
                yield f" {word} cost {cost}"
        yield "exit"


def _askable(zone: str | None) -> str | None:
    """The zone, if a probe can ask for it as it is written."""
    try:
        if zone is not None:
            zone.encode()
            return str(query_name(zone))
    except ValueError:
        pass
    return None


def _literal(value: str) -> str:
    """A string of TOML, which is one of JSON but for DEL; no comment is made of what is in it.

    Raises:
        UnicodeEncodeError: it is none that UTF-8 has.
    """
    value.encode()
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(value: str) -> str:
    """What may stand in a comment: one line, without control or half characters."""
    return "".join(c if c.isprintable() else "?" for c in value)
