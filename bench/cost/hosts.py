"""How a cluster grows: start-up, and what one killed named costs, with 2 to 24 hosts."""

import time
from typing import Any

from anycast_wrapper.lab.cluster import Cluster, pause
from anycast_wrapper.lab.load import Load
from anycast_wrapper.lab.topology import Lab
from bench.contenders import ADDRESS
from bench.stage import AFTERWARDS, RATE

STEPS = (2, 4, 8, 16, 24)
QUICK_STEPS = (2, 4)
CONVERGENCE = 120.0


class PatientLab(Lab):
    """A lab that may take longer to come up: many hosts share few processors."""

    def await_converged(self, within: float = CONVERGENCE) -> None:
        """Wait for every neighbour and default route."""
        super().await_converged(within)


def hosts(count: int) -> dict[str, Any]:
    """Make a lab of so many hosts, start them all, kill one named under load.

    Returns:
        Seconds: ``routing`` until the routing protocol stood, ``start`` from there until the router
        spread over all hosts, ``gone`` from the kill until the route was gone. Queries: ``sent``,
        ``lost``, ``share`` of the one host. ``protocol``: the routing protocol's own time.
    """
    with PatientLab(count, services=(ADDRESS,)) as lab:
        cluster = Cluster(lab, (ADDRESS,))
        protocol = cluster.measure_protocol(rounds=1)
        began = time.monotonic()
        cluster.start_wrappers()
        cluster.await_both(within=CONVERGENCE)
        started = time.monotonic() - began
        lab.await_quiet()
        return {
            "routing": round(lab.setup_seconds, 2),
            "start": round(started, 2),
            "protocol": round(protocol, 4),
            **_one_kill(cluster),
        }


def _one_kill(cluster: Cluster) -> dict[str, Any]:
    lab = cluster.lab
    name = cluster.one.host.name
    with lab.gateway.route_log() as routes:
        with Load(lab.client, (ADDRESS,), rate=RATE) as load:
            pause(1.0)
            began = time.monotonic()
            cluster.one.kill_daemon()
            gone = routes.await_gone(name, ADDRESS, began, within=30)
            pause(AFTERWARDS)
        results = load.results
    before = results.by_server_between(0.0, began)
    share = before[name] / max(sum(before.values()), 1)
    return {
        "gone": round(gone, 4),
        "sent": results.sent,
        "lost": len(results.lost),
        "share": round(share, 4),
        "stall": round(results.stall, 4),
    }
