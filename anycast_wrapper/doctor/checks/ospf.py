"""How what several checks ask of FRR's configuration is read."""

import re

from anycast_wrapper.config.schema import LOOPBACK
from anycast_wrapper.doctor.facts import (
    Absent,
    Facts,
    IrrelevantError,
    Plan,
    UndeterminedError,
    Unknown,
    known,
)
from anycast_wrapper.doctor.frrconfig import FrrConfig

DAEMON = {4: "ospfd", 6: "ospf6d"}
FRR_FILE = "/etc/frr/frr.conf"


def config(facts: Facts, version: int) -> FrrConfig:
    """FRR's configuration, if that of this IP version's daemon is in it.

    Raises:
        UndeterminedError: the daemon does not run, so nothing of it is shown.
        IrrelevantError: BGP announces here.
    """
    if known(facts.plan).by_bgp:
        raise IrrelevantError("BGP announces here, not OSPF")
    frr = known(facts.frr)
    if next(frr.starting("router bgp"), None) and not next(frr.starting(f"router {_p(4)}"), None):
        raise IrrelevantError("BGP announces here, not OSPF")
    if not isinstance(facts.daemons, Unknown | Absent) and DAEMON[version] not in facts.daemons:
        raise UndeterminedError(f"{DAEMON[version]} does not run")
    return frr


def _p(version: int) -> str:
    return "ospf" if version == 4 else "ospf6"


def keyword(version: int) -> str:
    """What the lines of an interface begin with."""
    return "ip ospf" if version == 4 else "ipv6 ospf6"


def router(frr: FrrConfig, version: int) -> tuple[str, ...]:
    """The lines of the routing process."""
    head = f"router {_p(version)}"
    return tuple(
        line
        for stanza in frr.stanzas
        if f"{stanza.head} ".startswith(f"{head} ")
        for line in stanza.lines
    )


def interface(frr: FrrConfig, name: str) -> tuple[str, ...]:
    """The lines of an interface."""
    return frr.under(f"interface {name}") or ()


def in_area(frr: FrrConfig, version: int, name: str) -> bool:
    """Whether the interface itself is in an area (before FRR 8, ospf6d had it in the process)."""
    lines = interface(frr, name)
    if any(re.match(rf"{keyword(version)}( \d+)? area ", line) for line in lines):
        return True
    return any(line.startswith(f"interface {name} area ") for line in router(frr, version))


def is_loopback(name: str) -> bool:
    """Whether OSPF looks for no neighbours on it by its nature."""
    return LOOPBACK.fullmatch(name) is not None


def classic(plan: Plan) -> bool:
    """Whether the address itself is the switch."""
    return is_loopback(plan.preferred)
