"""One contender in a lab: two hosts, a load, a fault after the other."""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from anycast_wrapper.lab.cluster import pause
from anycast_wrapper.lab.eventually import NeverHappenedError, eventually
from anycast_wrapper.lab.load import Load, Results
from anycast_wrapper.lab.outcome import timeline_of
from anycast_wrapper.lab.routelog import RouteLog
from anycast_wrapper.lab.topology import Lab

from .contenders import ADDRESS, Contender, Deployment
from .contenders.bgp import start_bgpd
from .faults import Fault

RATE = 2000.0
HOSTS = 2
WARM_UP = 1.5
"""Seconds in which the load starts and is answered."""

AFTERWARDS = 1.0
PATIENCE = 60.0
"""Seconds until every host is to be announced: two checks of the slowest, and more."""


@dataclass
class Trial:
    """What came of one fault, once.

    Attributes:
        offset: Seconds from the moment that the route came to the fault, whole intervals aside.
        sent: Queries over UDP, from the start of the load.
        lost: Those without a good answer within a second.
        gap: Seconds from the first lost one to the last.
        gone: Seconds from the fault until the router had no route; None: still there at the end.
        waited: Seconds for which it was waited for.
        stall: Seconds for which the load generator itself stood still at most.
        why: How many were lost of what.
    """

    offset: float
    sent: int = 0
    lost: int = 0
    gap: float = 0.0
    gone: float | None = None
    waited: float = 0.0
    stall: float = 0.0
    why: dict[str, int] | None = None


class Scene:
    """One fault, being made: a `faults.Scene`."""

    def __init__(self, victim: Deployment, routes: RouteLog, cap: float, offset: float) -> None:
        self.victim = victim
        self.offset = offset
        self.began = time.monotonic()
        self.gone: float | None = None
        self._routes = routes
        self._cap = cap

    def begin(self) -> None:
        """From here."""
        self.began = time.monotonic()

    def look(self) -> None:
        """See whether the route has been gone."""
        moment = self._routes.gone_at(self.victim.host.name, ADDRESS, self.began)
        self.gone = None if moment is None else moment - self.began

    def await_gone(self) -> None:
        """Wait until the route is gone, or for as long as one is willing to."""
        left = max(self.began + self._cap - time.monotonic(), 0.0)
        host = self.victim.host.name
        try:
            self.gone = self._routes.await_gone(host, ADDRESS, self.began, within=left)
        except NeverHappenedError:
            self.gone = None


class Stage:
    """A contender on every host of a lab.

    Args:
        contender: Who.
        lab: Up.
    """

    def __init__(self, contender: Contender, lab: Lab) -> None:
        self.contender = contender
        self.lab = lab
        self.deployments = [contender.deploy(host) for host in lab.hosts]
        self._settled = 0.0

    def start(self) -> None:
        """Start it everywhere, and wait until the router goes by all of them."""
        if not self.contender.ospf:
            start_bgpd(self.lab)
        for deployment in self.deployments:
            deployment.start()
        self.await_settled()

    def await_settled(self) -> None:
        """Wait until every host is announced, and routers take the next change."""
        names = {host.name for host in self.lab.hosts}
        first = self.deployments[0].host.name
        eventually(
            lambda: first in self.lab.gateway.nodes(ADDRESS),
            awaiting=f"{ADDRESS} via {first}",
            within=PATIENCE,
        )
        self._settled = time.monotonic()
        self.lab.gateway.await_nodes(ADDRESS, names, within=PATIENCE)
        for deployment in self.deployments:
            deployment.settle()
        if self.contender.ospf:
            self.lab.await_quiet()

    def reset(self) -> None:
        """The first host as at the beginning, seen from the router as well."""
        first, *others = self.deployments
        first.end()
        self.lab.gateway.await_nodes(ADDRESS, {one.host.name for one in others}, within=PATIENCE)
        if self.contender.ospf:
            self.lab.await_quiet()
        first.start()
        self.await_settled()

    def run(self, fault: Fault, repeat: int) -> dict[str, Any]:
        """Make a fault again and again, spread over the interval of the checks.

        Returns:
            The trials, and the timeline of the middle one.
        """
        trials: list[Trial] = []
        picture: dict[str, Any] = {}
        for number in range(repeat):
            share = (number + 0.5) / repeat
            trial, drawn = self.trial(fault, share * self.contender.interval)
            trials.append(trial)
            if number == repeat // 2 or not picture:
                picture = drawn
            self.reset()
            if fault.withdraws and trial.gone is None:
                break  # never is never
        return {
            "trials": [asdict(trial) for trial in trials],
            "median": summary(trials),
            "picture": picture,
        }

    def trial(self, fault: Fault, offset: float) -> tuple[Trial, dict[str, Any]]:
        """Make a fault once."""
        contender = self.contender
        with self.lab.gateway.route_log() as routes:
            earliest = time.monotonic() + WARM_UP
            moment = next_moment(earliest, self._settled + offset, contender.interval)
            wait_until(moment - WARM_UP)
            load = Load(self.lab.client, (ADDRESS,), rate=RATE, longest=contender.cap + 60)
            with load:
                wait_until(moment)
                scene = Scene(self.deployments[0], routes, contender.cap, offset)
                fault.make(scene)
                if not fault.withdraws:
                    pause(min(contender.cap, contender.interval + AFTERWARDS))
                    scene.look()
                elif scene.gone is None:
                    scene.await_gone()
                waited = time.monotonic() - scene.began
                pause(AFTERWARDS)
            trial = Trial(round(offset, 3), gone=scene.gone, waited=waited)
            return fill(trial, load.results), self._picture(load.results, scene)

    def _picture(self, results: Results, scene: Scene) -> dict[str, Any]:
        line = timeline_of(results, [host.name for host in self.lab.hosts])
        moments = {"fault": round(scene.began - line.start, 4)}
        if scene.gone is not None:
            moments["route gone"] = round(moments["fault"] + scene.gone, 4)
        drawn = {"bucket": line.bucket, "answered": line.answered, "lost": line.lost}
        return {**drawn, "moments": moments, "rate": RATE}


def next_moment(earliest: float, anchor: float, interval: float) -> float:
    """The first moment from ``earliest`` on that is whole intervals from ``anchor``."""
    return earliest + (anchor - earliest) % interval if interval else earliest


def wait_until(moment: float) -> None:
    """Let time pass, up to a moment of the monotonic clock."""
    pause(max(moment - time.monotonic(), 0.0))


def fill(trial: Trial, results: Results) -> Trial:
    """Put in what the load says."""
    lost = results.lost
    trial.sent, trial.lost = results.sent, len(lost)
    trial.gap = round(lost[-1][0] - lost[0][0], 4) if lost else 0.0
    trial.stall = round(results.stall, 4)
    trial.why = dict(results.why_lost)
    trial.waited = round(trial.waited, 3)
    trial.gone = None if trial.gone is None else round(trial.gone, 4)
    return trial


def summary(trials: list[Trial]) -> dict[str, Any]:
    """The medians; the route counts as never gone if it was still there once."""
    gone = [trial.gone for trial in trials]
    return {
        "repeated": len(trials),
        "lost": statistics.median(trial.lost for trial in trials),
        "lost_least": min(trial.lost for trial in trials),
        "lost_most": max(trial.lost for trial in trials),
        "gap": statistics.median(trial.gap for trial in trials),
        "stayed": gone.count(None),
        "gone": None if None in gone else statistics.median(at for at in gone if at is not None),
        "waited": max(trial.waited for trial in trials),
    }


@contextmanager
def staged(contender: Contender, hosts: int = HOSTS) -> Iterator[Stage]:
    """A lab with the contender on every host, announced."""
    with Lab([contender.options] * hosts, services=(ADDRESS,)) as lab:
        stage = Stage(contender, lab)
        stage.start()
        yield stage
