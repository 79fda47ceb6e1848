"""What a fault has in its hands: the cluster under load, and a pen for the timeline."""

import time
from dataclasses import dataclass, field

from anycast_wrapper.lab.cluster import Cluster, pause
from anycast_wrapper.lab.fakeclock import FakeClock
from anycast_wrapper.lab.routelog import RouteLog
from anycast_wrapper.lab.topology import Lab
from anycast_wrapper.lab.wrapper import Wrapper


class DisappointedError(AssertionError):
    """Something is not as a scenario expects; the message is for people."""


@dataclass(frozen=True)
class Mark:
    """A moment on the timeline.

    Attributes:
        time: By ``time.monotonic()``.
        text: What happened.
        host: Where; "" where it concerns all.
    """

    time: float
    text: str
    host: str = ""


Step = tuple[float, float]
"""When a clock was stepped, by ``time.monotonic()``, and the seconds that it is ahead since."""


@dataclass
class Play:
    """One run of a scenario.

    Attributes:
        cluster: The hosts.
        routes: The gateway's routes, as they change.
        marks: What happened when.
        began: When the fault was made.
        mended: When its mending began.
        back_for_good: Since when every route has been back, where routes come and go before.
        victims: The hosts that the fault concerns.
        clock: The steps of the wrappers' clocks: when, and how far from the true time since.
    """

    cluster: Cluster
    routes: RouteLog
    marks: list[Mark] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    mended: float | None = None
    back_for_good: float | None = None
    victims: list[str] = field(default_factory=list)
    clock: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.victims:
            self.victims.append(self.one.host.name)

    @property
    def lab(self) -> Lab:
        """All of it."""
        return self.cluster.lab

    @property
    def now(self) -> float:
        """The time, as everything here has it."""
        return time.monotonic()

    @property
    def one(self) -> Wrapper:
        """The wrapper on the host that is hurt."""
        return self.cluster.one

    @property
    def other(self) -> Wrapper:
        """A wrapper on a host that is not."""
        return self.cluster.other

    def mark(self, text: str, host: str = "") -> None:
        """Write on the timeline."""
        self.marks.append(Mark(time.monotonic(), text, host))

    def begin(self, text: str) -> None:
        """The fault is made now: what is measured is measured from here."""
        self.mark(text, self.victims[0] if len(self.victims) == 1 else "")
        self.began = self.marks[-1].time

    def mend(self, text: str) -> None:
        """It is mended from now on."""
        self.mark(text, self.victims[0] if len(self.victims) == 1 else "")
        self.mended = self.marks[-1].time

    def step_clock(self, clock: FakeClock, seconds: int) -> None:
        """Have the wrappers see a time that is so far from the true one."""
        clock.step(seconds)
        self.clock.append((time.monotonic(), seconds))

    def hold(self, seconds: float) -> None:
        """Let time pass under load."""
        pause(seconds)

    @staticmethod
    def require(condition: object, otherwise: str) -> None:
        """End the scenario unless something holds."""
        if not condition:
            raise DisappointedError(otherwise)

    def require_unmoved(self, since: float) -> None:
        """No route to a victim has changed since then."""
        for host in self.victims:
            moved = [a for a in self.cluster.addresses if self.left(host, a, since) is not None]
            self.require(not moved, f"{', '.join(moved)}: the route to {host} was given up")

    def require_unserved(self) -> None:
        """No address leads to a victim now."""
        for host in self.victims:
            led = [a for a in self.cluster.addresses if host in self.routes.nodes(a)]
            self.require(not led, f"{', '.join(led)} led to {host} again, too early")

    def left(self, host: str, address: str, since: float) -> float | None:
        """When an address ceased to lead to a host after having led to it, if it did."""
        for event in self.routes.history(address):
            if event.time >= since and host not in event.nodes:
                return event.time
        return None

    def await_gone(self, within: float) -> float:
        """Wait until no address leads to a victim; seconds from the fault."""
        return max(
            self.routes.await_gone(host, address, self.began, within=within)
            for host in self.victims
            for address in self.cluster.addresses
        )

    def await_back(self, since: float, within: float) -> float:
        """Wait until every address leads to every victim; seconds from the mending."""
        if self.back_for_good is not None:
            return max(self.back_for_good - since, 0.0)
        return max(
            self.routes.await_came(host, address, since, within=within)
            for host in self.victims
            for address in self.cluster.addresses
        )
