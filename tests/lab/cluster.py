"""The cluster of the package, with a fault under load and the figures of it."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from anycast_wrapper.lab import cluster
from anycast_wrapper.lab.cluster import pause
from anycast_wrapper.lab.load import Results
from anycast_wrapper.lab.routelog import RouteLog

LOG = logging.getLogger("figures")

FIGURES: list[str] = []
"""Everything that was measured in this run, in order."""


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


class Cluster(cluster.Cluster):
    """A lab whose two hosts announce with the wrapper; ``one`` is the one that is hurt."""

    def measure_protocol(self, rounds: int = 3) -> float:
        found = super().measure_protocol(rounds)
        figure(f"the protocol's own time: {found * 1e3:.1f} ms")
        return found

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
    LOG.info("%s", text)
    FIGURES.append(text)
