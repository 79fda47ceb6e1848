"""Two hosts that serve with the wrapper, a load over them, and the figures of a fault."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.load import Load, Results
from anycast_wrapper.lab.measure import measure_protocol_time
from anycast_wrapper.lab.routelog import RouteLog
from anycast_wrapper.lab.topology import SERVICES, Lab
from anycast_wrapper.lab.wrapper import Wrapper

LOG = logging.getLogger("figures")

RATE = 2000.0
FLOOR = 0.015
"""Seconds: what the protocol takes at least, so that one lucky measurement does not set a bound
that no other can hold."""


def pause(seconds: float) -> None:
    """Let a stated time pass under load: what is awaited is the time itself."""
    until = time.monotonic() + seconds
    eventually(lambda: time.monotonic() >= until, awaiting="the time", within=seconds + 5)


@dataclass
class Fault:
    """What one fault did.

    Attributes:
        began: when it was made, by ``time.monotonic()``.
        gone: seconds until each address no longer led to the host.
    """

    name: str
    began: float
    results: Results
    gone: dict[str, float] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        return len(self.results.lost)


class Cluster:
    """A lab whose two hosts announce with the wrapper; ``one`` is the one that is hurt."""

    def __init__(self, lab: Lab, addresses: tuple[str, ...] = SERVICES, **options: str) -> None:
        self.lab = lab
        self.addresses = addresses
        self.protocol_time = 0.0
        self.wrappers = [Wrapper(host, addresses, **options) for host in lab.hosts]
        self.one, self.other = self.wrappers[0], self.wrappers[-1]

    def measure_protocol(self) -> float:
        """The routing protocol's own time, in this run: link down by hand until the route is gone.

        Only while no wrapper runs on the host.
        """
        self.protocol_time = measure_protocol_time(self.lab, self.one.host)
        figure(f"the protocol's own time: {self.protocol_time * 1e3:.1f} ms")
        return self.protocol_time

    @property
    def bound(self) -> float:
        """Three times the protocol's own time."""
        return 3 * max(self.protocol_time, FLOOR)

    def start(self) -> None:
        """Start what does not run, and wait until the gateway spreads over both."""
        for wrapper in self.wrappers:
            wrapper.start()
        self.await_both()
        self.lab.mend_ipv6()

    def await_both(self, within: float = 30.0) -> None:
        """Wait until every address leads to both hosts."""
        names = {host.name for host in self.lab.hosts}
        for address in self.addresses:
            self.lab.gateway.await_nodes(address, names, within=within)

    def settle(self) -> None:
        """Both hosts announce, nothing changes any more, and routers take the next change."""
        for wrapper in self.wrappers:
            wrapper.await_rank("preferred")
        self.await_both()
        self.lab.await_quiet()

    @contextmanager
    def load(self) -> Iterator[Load]:
        """Queries over UDP and TCP to all addresses."""
        with Load(self.lab.client, self.addresses, rate=RATE, tcp_rate=20) as load:
            pause(0.5)
            yield load

    def hurt(
        self,
        name: str,
        fault: Callable[[], object],
        *,
        withdraws: bool = True,
        within: float = 10.0,
        afterwards: float = 1.0,
    ) -> Fault:
        """Make a fault on ``one`` under load, and measure."""
        with self.lab.gateway.route_log() as log, self.load() as load:
            began = time.monotonic()
            fault()
            gone = self._await_gone(log, began, within) if withdraws else {}
            pause(afterwards)
        found = Fault(name, began, load.results, gone)
        worst = f"route gone after {max(gone.values()) * 1e3:.1f} ms, " if gone else ""
        figure(f"{name}: {worst}{load.results.summary()}")
        return found

    def _await_gone(self, log: RouteLog, began: float, within: float) -> dict[str, float]:
        name = self.one.host.name
        return {a: log.await_gone(name, a, began, within=within) for a in self.addresses}


def figure(text: str) -> None:
    """Print a figure where a run of the tests shows it."""
    LOG.info("FIGURE %s", text)
