"""What FRR's daemons are told in a lab: which of them run on a router, and their files."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

DAEMON_DIR = Path("/usr/lib/frr")
DAEMONS = ("zebra", "bfdd", "ospfd", "ospf6d", "bgpd")
"""Every daemon that a lab may need, in the order in which they are started."""
MANAGER = "mgmtd"
"""Starts before them where there is one (FRR 9 and later). Without it zebra 10 has no route-maps,
and complains a hundred times a second (FRRouting/frr#17931)."""


@dataclass(frozen=True)
class OspfTimers:
    """How fast neighbours find and miss each other. Every LSA timer stays at its default.

    Attributes:
        hello: Seconds between two hellos.
        dead: Seconds without a hello after which a neighbour is gone.
    """

    hello: int = 1
    dead: int = 4


@dataclass(frozen=True)
class OspfInterface:
    """An interface with OSPF on it, which need not exist yet.

    Attributes:
        name: The interface.
        passive: Announce its prefixes and look for no neighbours.
        cost: The OSPF cost; the daemon's own default when absent.
        priority: To become designated router; 0 means never.
        timers: Only where there are neighbours.
        families: 4, 6 or both.
        by_network: For ospfd a ``network`` statement covers it; it refuses both kinds in one file.
    """

    name: str
    passive: bool = True
    cost: int | None = None
    priority: int | None = None
    timers: OspfTimers | None = None
    families: tuple[int, ...] = (4, 6)
    by_network: bool = False

    def lines(self, family: int) -> list[str]:
        """The configuration for ospfd (4) or ospf6d (6)."""
        prefix = " ip ospf" if family == 4 else " ipv6 ospf6"
        lines = [f"interface {self.name}"]
        if family == 6 or not self.by_network:
            lines.append(f"{prefix} area 0.0.0.0")
        if self.passive:
            lines.append(f"{prefix} passive")
        if self.cost is not None:
            lines.append(f"{prefix} cost {self.cost}")
        if self.priority is not None:
            lines.append(f"{prefix} priority {self.priority}")
        if self.timers:
            lines.append(f"{prefix} hello-interval {self.timers.hello}")
            lines.append(f"{prefix} dead-interval {self.timers.dead}")
        return [*lines, "exit"]


@dataclass(frozen=True)
class RouterConfig:
    """What one router's daemons are told.

    Attributes:
        router_id: The OSPF router id, an IPv4 address.
        interfaces: Where OSPF runs; ospfd and ospf6d run only where it does somewhere.
        ospf: Lines below ``router ospf``.
        ospf6: Lines below ``router ospf6``.
        bgp: All of bgpd's configuration; it runs only where there is one.
        bfd: All of bfdd's; the same.
        raw: Appended as they are, by daemon: ``(("ospfd", ("router ospf", " network ...")),)``.
        zebra_options: For its command line.
    """

    router_id: str
    interfaces: tuple[OspfInterface, ...] = ()
    ospf: tuple[str, ...] = ()
    ospf6: tuple[str, ...] = ()
    bgp: tuple[str, ...] = ()
    bfd: tuple[str, ...] = ()
    raw: tuple[tuple[str, tuple[str, ...]], ...] = ()
    zebra_options: tuple[str, ...] = ()

    @property
    def daemons(self) -> tuple[str, ...]:
        """The daemons that run, in the order in which they are started."""
        wanted = {"zebra"}
        wanted |= {"ospfd", "ospf6d"} if self.interfaces else set()
        wanted |= {"bgpd"} if self.bgp else set()
        wanted |= {"bfdd"} if self.bfd else set()
        manager = (MANAGER,) if (DAEMON_DIR / MANAGER).exists() else ()
        return (*manager, *(daemon for daemon in DAEMONS if daemon in wanted))

    def text(self, daemon: str) -> str:
        """The configuration file of one daemon."""
        lines = [*self._lines(daemon)]
        for name, extra in self.raw:
            if name == daemon:
                lines += extra
        return "".join(f"{line}\n" for line in lines)

    def _lines(self, daemon: str) -> Iterable[str]:
        if daemon not in ("ospfd", "ospf6d"):
            yield from {"bgpd": self.bgp, "bfdd": self.bfd}.get(daemon, ())
            return
        family, name, options = (
            (4, "ospf", self.ospf) if daemon == "ospfd" else (6, "ospf6", self.ospf6)
        )
        for interface in self.interfaces:
            if family in interface.families:
                yield from interface.lines(family)
        yield f"router {name}"
        yield f" ospf{'' if family == 4 else '6'} router-id {self.router_id}"
        yield from (f" {line}" for line in options)
        yield "exit"
