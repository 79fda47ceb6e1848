"""How what several checks ask of bgpd's configuration is read."""

import re
from dataclasses import dataclass

from anycast_wrapper.doctor.facts import (
    Facts,
    IrrelevantError,
    Plan,
    UndeterminedError,
    Unknown,
    known,
)
from anycast_wrapper.doctor.frrconfig import FrrConfig

FAMILY = {4: "ipv4", 6: "ipv6"}


def by_bgp(facts: Facts) -> Plan:
    """The plan, of a host where BGP announces.

    Raises:
        IrrelevantError: something else announces here.
    """
    plan = known(facts.plan)
    if not plan.by_bgp:
        raise IrrelevantError("BGP does not announce here")
    return plan


def config(facts: Facts) -> FrrConfig:
    """FRR's configuration, if bgpd's is in it.

    Raises:
        UndeterminedError: it does not run, so nothing of it is shown.
    """
    frr = known(facts.frr)
    if not isinstance(facts.daemons, Unknown) and "bgpd" not in known(facts.daemons):
        raise UndeterminedError("bgpd does not run")
    return frr


@dataclass(frozen=True)
class Clause:
    """A clause of a route-map that lets something pass."""

    head: str
    lines: tuple[str, ...]

    @property
    def interfaces(self) -> tuple[str, ...]:
        """Those that it matches; none if it matches any."""
        words = "match interface "
        return tuple(line.removeprefix(words) for line in self.lines if line.startswith(words))

    def number(self, words: str, otherwise: int) -> int:
        """What it sets something to."""
        for line in self.lines:
            if found := re.fullmatch(rf"set {words} (\d{{1,10}})", line):
                return int(found[1])
        return otherwise


def block(frr: FrrConfig, version: int) -> tuple[str, ...]:
    """The lines of an address family of the routing process."""
    lines: list[str] = []
    inside = False
    for stanza in frr.stanzas:
        if not stanza.head.startswith("router bgp "):
            continue
        for line in stanza.lines:
            if line.startswith(("address-family ", "exit-address-family")):
                inside = line == f"address-family {FAMILY[version]} unicast"
            elif inside:
                lines.append(line)
    return tuple(lines)


def redistributed(frr: FrrConfig, version: int) -> str | None:
    """The route-map of ``redistribute connected``; "" without one, None if it is not there."""
    for line in block(frr, version):
        if line.startswith("redistribute connected"):
            return line.partition("route-map ")[2]
    return None


def clauses(frr: FrrConfig, name: str) -> list[Clause]:
    """What a route-map lets pass."""
    heads = f"route-map {name} permit "
    return [Clause(one.head, one.lines) for one in frr.stanzas if one.head.startswith(heads)]


def matching(found: list[Clause], interface: str) -> Clause | None:
    """The first clause that matches an interface."""
    return next((one for one in found if interface in one.interfaces), None)
