"""A world for the tracker's core: a clock, servers that answer or do not, and what leads where.

Nothing is real and nothing waits. What the core asks for is done at once, unless the world was
told to refuse it, and is written down.
"""

from dataclasses import dataclass, field
from ipaddress import ip_address

from anycast_wrapper.core.model import Outcome, Probe, Reason
from anycast_wrapper.gateway import effects, events
from anycast_wrapper.gateway.model import Pool, Server
from anycast_wrapper.gateway.plan import Policy, plan
from anycast_wrapper.gateway.ports import LeftOut
from anycast_wrapper.gateway.state import State, initial
from anycast_wrapper.gateway.tracking import next_deadline, step
from tests.fakes.passing import Passing

GOOD = Outcome(ok=True, reason=Reason.HEALTHY, latency=0.001)
LATENCY = 0.001
TIMEOUT = 0.5
PROBE = Probe("soa", fall=1)


def servers(count, version=4, **options):
    """``ns1`` to ``nsN``, with an address of each version in ``version``."""
    forms = {4: "198.51.100.{}", 6: "2001:db8:1::{}"}
    versions = version if isinstance(version, tuple) else (version,)
    return tuple(
        Server(f"ns{n}", tuple(ip_address(forms[v].format(n)) for v in versions), **options)
        for n in range(1, count + 1)
    )


def pool(*addresses, name="resolver", members=None, probes=(PROBE,), **options):
    """A pool of four servers unless it is said otherwise."""
    services = tuple(map(ip_address, addresses or ("192.0.2.53",)))
    return Pool(name, services, members or servers(4), probes, **options)


@dataclass
class World(Passing):
    """The core, the time, and what it believes to be outside.

    Attributes:
        answers: how the server at an address answers; every other one answers well.
        refused: service addresses that the kernel refuses to change.
        unreachable: addresses that cannot be members.
        leads: what the kernel has: by service address, weights by server address.
        log: (time, effect) of everything that was asked for.
        running: probes that run, by their number.
    """

    next_deadline = staticmethod(next_deadline)
    time_passed = events.TimePassed()

    policy: Policy
    now: float = 0.0
    state: State = field(init=False)
    answers: dict = field(default_factory=dict)
    refused: set = field(default_factory=set)
    unreachable: set = field(default_factory=set)
    leads: dict = field(default_factory=dict)
    pending: list = field(default_factory=list)
    log: list = field(default_factory=list)

    def __post_init__(self):
        self.state = initial(self.policy)

    def start(self, drained=()):
        self.feed(
            events.Started(
                {address: tuple(leads) for address, leads in self.leads.items()},
                dict.fromkeys(drained, "from before"),
            ),
        )

    def reconfigure(self, policy):
        self.policy = policy
        self.feed(events.Reconfigured(policy))

    def feed(self, event):
        """One event now, and everything that follows from it at once."""
        self.state, asked = step(self.state, event, self.now)
        follow = []
        for effect in asked:
            self.log.append((self.now, effect))
            match effect:
                case effects.RunProbe(number, ticket):
                    self.pending.append(self._answer(number, ticket))
                case effects.Apply(address, members):
                    follow.append(self._apply(address, members))
        for event_ in follow:
            asked += self.feed(event_)
        return asked

    def _answer(self, number, ticket):
        known = plan(self.policy)
        address = known.sites[known.watches[number].site].address
        outcome = self.answers.get(address, GOOD)
        slow = outcome.reason is Reason.PROBE_TIMEOUT
        at = self.now + (TIMEOUT if slow else LATENCY)
        return at, events.ProbeDone(number, ticket, outcome)

    def _apply(self, address, members):
        if address in self.refused:
            return events.ApplyFailed(address, f"{address}: refused")
        out = tuple(
            LeftOut(m.server, "cannot be reached")
            for m in members
            if m.weight and m.address in self.unreachable
        )
        leads = {m.address: m.weight for m in members if m.address not in self.unreachable}
        self.leads[address] = leads
        if not leads:
            del self.leads[address]
        return events.Applied(address, members, out)

    def led_to(self, address):
        """The servers that get new queries for a service address."""
        address = ip_address(address)
        return {str(server) for server, weight in self.leads.get(address, {}).items() if weight}
