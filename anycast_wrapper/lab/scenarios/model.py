"""What a scenario is: data. The fault is a function; everything else is a value."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from anycast_wrapper.lab.bgp import Bgp
from anycast_wrapper.lab.host import HostOptions
from anycast_wrapper.lab.play import Play
from anycast_wrapper.lab.topology import SERVICES
from anycast_wrapper.lab.wrapper import PROBE

Fault = Callable[[Play], AbstractContextManager[None]]
"""Makes the fault when entered and mends it when left; mending what mends itself is nothing."""


@dataclass(frozen=True)
class Stage:
    """The lab that a scenario needs. Scenarios with equal stages share one.

    Attributes:
        addresses: The service addresses.
        probe: TOML of the service's probes. In all TOML, ``@DIR@`` is the wrapper's directory
            and ``@HOST@`` the host's own IPv4 address.
        daemon: TOML lines of ``[daemon]``.
        interfaces: TOML lines of ``[interfaces]``.
        first_interfaces: The same on the first host only.
        more: TOML that is appended.
        host: What every host is like.
        announce_clients: Whether hosts learn the way to the clients apart from their default route.
        launcher: named is started by a script that the fault can slow down or break.
        small_disk: The wrapper's files are on a file system of this many kilobytes; 0 is none.
        primary: The hosts' zone comes from a name server on the gateway, and expires without it.
        fake_clock: The wrapper sees a wall clock that the fault can step (libfaketime).
        systemd: Something stands in for systemd on the first host: socket and watchdog.
        bgp: BGP instead of OSPF.
    """

    addresses: tuple[str, ...] = SERVICES
    probe: str = PROBE
    daemon: str = ""
    interfaces: str = ""
    first_interfaces: str = ""
    more: str = ""
    host: HostOptions = field(default_factory=HostOptions)
    announce_clients: bool = False
    launcher: bool = False
    small_disk: int = 0
    primary: bool = False
    fake_clock: bool = False
    systemd: bool = False
    bgp: Bgp | None = None


@dataclass(frozen=True)
class Expected:
    """What has to come out. Seconds throughout; None is not looked at.

    Attributes:
        outage: At most so long one host's share of the queries may be lost; 0: not one query.
        gone: Within this no address leads to the host.
        prompt: Gone within three times what the routing protocol itself takes.
        stays: No route to the host changes.
        back: Within this every address leads to the host again, counted from the mending.
        reason: What the wrapper's log gives as the reason for leaving the preferred rank.
        detail: What stands in its detail.
    """

    outage: float | None = 0.0
    gone: float | None = None
    prompt: bool = False
    stays: bool = False
    back: float | None = None
    reason: str = ""
    detail: str = ""

    @property
    def withdraws(self) -> bool:
        """Whether the host has to leave."""
        return self.prompt or self.gone is not None

    def __str__(self) -> str:
        words = []
        if self.outage == 0:
            words.append("0 lost")
        elif self.outage is not None:
            words.append(f"a host's share of {self.outage:g} s lost at most")
        if self.prompt:
            words.append("gone within 3x the protocol's own time")
        elif self.gone is not None:
            words.append(f"gone within {self.gone:g} s")
        if self.stays:
            words.append("stays announced")
        if self.back is not None:
            words.append(f"back within {self.back:g} s")
        if self.reason:
            words.append(f"reason {self.reason}")
        return "; ".join(words)


@dataclass(frozen=True)
class Scenario:
    """A fault, and what is expected of the wrapper in it.

    Attributes:
        name: How it is called for.
        sentence: What happens.
        fault: Does it.
        expected: What has to come out.
        stage: The lab that it needs.
        hosts: How many hosts, if nobody says otherwise.
        afterwards: Seconds of load after everything is over.
        slow: Whether a run of all tests leaves it out: it takes long, or is much like another one.
        needs: Programs or libraries beyond the lab's own: see `lacks`.
        known: A limit that is known: why the expectation is not better.
    """

    name: str
    sentence: str
    fault: Fault
    expected: Expected
    stage: Stage = Stage()
    hosts: int = 2
    afterwards: float = 1.0
    slow: bool = False
    needs: tuple[str, ...] = ()
    known: str = ""
