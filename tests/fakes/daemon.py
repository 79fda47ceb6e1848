"""What the supervisor works with besides the kernel, in memory: daemon, memory, heart, ears."""

from dataclasses import dataclass, field

from anycast_wrapper.core import effects, events
from anycast_wrapper.core.model import Drain, Outcome, Reason
from anycast_wrapper.ports import DaemonError, StateError

GOOD = Outcome(ok=True, reason=Reason.HEALTHY, latency=0.001)
BAD = Outcome(ok=False, reason=Reason.PROBE_SERVFAIL, detail="SERVFAIL")


class FakeDaemon:
    """`ports.Daemon`: it runs as long as nobody ends it.

    Attributes:
        calls: what it was told, in order.
        running: the pid, or None.
    """

    def __init__(self, post=None, *, adoptable=None):
        self.post = post
        self.calls = []
        self.running = None
        self.notifies = True
        self.not_spawned = None
        self.unreachable = False
        self.stubborn = False
        self._adoptable = adoptable
        self._pids = iter(range(100, 10_000))

    def spawn(self):
        self.calls.append("spawn")
        if self.not_spawned is not None:
            self.post(events.DaemonNotSpawned(self.not_spawned))
            return
        self.running = next(self._pids)
        self.post(events.DaemonSpawned(self.running))
        if self.notifies:
            self.post(events.DaemonReady())

    def adopt(self):
        self.running = self._adoptable
        return self._adoptable

    def terminate(self):
        self.calls.append("terminate")
        if self.unreachable:
            raise DaemonError("pid 100 cannot be sent SIGTERM: Operation not permitted")
        if not self.stubborn:
            self.die(0)

    def kill(self):
        self.calls.append("kill")
        self.die(-9)

    def die(self, code, words=""):
        """It ends, whoever wanted that."""
        self.running = None
        self.post(events.DaemonExited(code, words))


@dataclass
class FakeMemory:
    """`ports.Memory`."""

    drain: Drain | None = None
    broken: bool = False

    def recall(self):
        return self.drain

    def remember(self, detail):
        if self.broken:
            raise StateError("cannot write /var/lib/anycast-wrap/drained: Read-only file system")
        self.drain = Drain(detail=detail)

    def forget(self):
        if self.broken:
            raise StateError("cannot remove /var/lib/anycast-wrap/drained: Read-only file system")
        self.drain = None


@dataclass
class FakeHeart:
    """`ports.Heartbeat`: remembers when it was given."""

    clock: object
    beats: list = field(default_factory=list)

    def beat(self):
        self.beats.append(self.clock())


@dataclass
class Ears:
    """`ports.Audience`: remembers everything."""

    told: list = field(default_factory=list)
    states: list = field(default_factory=list)

    def hear(self, state, told):
        self.states.append(state)
        self.told.extend(told)

    def changes(self):
        """Every change of a service as (rank, reason)."""
        return [(e.rank.slug, str(e.reason)) for e in self.told if isinstance(e, effects.Changed)]

    def ranks(self):
        """Every change of a service's rank, as the new one."""
        changes = [e for e in self.told if isinstance(e, effects.Changed)]
        return [e.rank.slug for e in changes if e.rank is not e.before]

    def notices(self):
        """Every notice by its name, with its words."""
        return [(e.event, e.detail) for e in self.told if isinstance(e, effects.Noticed)]

    def exits(self):
        return [e for e in self.told if isinstance(e, effects.Exit)]


@dataclass
class FakeProber:
    """`ports.Prober`: answers as told, or does what it is told."""

    outcome: Outcome = GOOD
    action: object = None
    asked: int = 0

    async def __call__(self):
        self.asked += 1
        if self.action is not None:
            await self.action()
        return self.outcome
