"""A node's life as its audiences hear it: the core in its simulated world, step by step."""

from ipaddress import ip_address

from anycast_wrapper.core import events
from anycast_wrapper.core.model import (
    DaemonPolicy,
    Outcome,
    Policy,
    Probe,
    Rank,
    Readiness,
    Reason,
    Service,
)
from tests.core.simulation import World

V4 = ip_address("192.0.2.53")
V6 = ip_address("2001:db8:53::53")
BAD = Outcome(ok=False, reason=Reason.PROBE_SERVFAIL, detail="192.0.2.53 udp: SERVFAIL")


class Story(World):
    """A world with audiences, told after every step as the supervisor does."""

    def __init__(self, *audiences, **policy):
        probes = (
            Probe("alive"),
            Probe("resolves", on_failure=Rank.LAST_RESORT),
        )
        service = Service("resolver", (V4, V6), probes)
        policy.setdefault("daemon", DaemonPolicy(ready=Readiness.NOTIFY))
        super().__init__(Policy(services=(service,), **policy))
        self.audiences = audiences

    def feed(self, event):
        asked = super().feed(event)
        for audience in self.audiences:
            audience.hear(self.state, asked)
        return asked

    def start(self, **started):
        self.feed(events.Started(self.observation, **started))
        return self

    def ready(self, pid=4711):
        self.feed(events.DaemonSpawned(pid))
        self.feed(events.DaemonReady())
        return self

    def announced(self):
        """Started, ready, proven and at rest."""
        self.start().ready().run_until(self.now + 10)
        return self
