"""Hosts of a lab that serve with the wrapper: started, settled, asked."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.load import Load
from anycast_wrapper.lab.measure import measure_protocol_time
from anycast_wrapper.lab.topology import SERVICES, Lab
from anycast_wrapper.lab.wrapper import PROBE, Wrapper

RATE = 2000.0
TCP_RATE = 20.0
LONGEST_LOAD = 600.0
FLOOR = 0.015
"""Seconds: what the protocol takes at least, so that one lucky measurement does not set a bound
that no other can hold."""


def pause(seconds: float) -> None:
    """Let a stated time pass under load: what is awaited is the time itself."""
    until = time.monotonic() + seconds
    eventually(lambda: time.monotonic() >= until, awaiting="the time", within=seconds + 5)


class Cluster:
    """A lab whose hosts announce with the wrapper; ``one`` is the one that is hurt.

    Args:
        lab: Up and converged.
        addresses: The service addresses.
        wrappers: One for each host; made when absent.
        probe: For the wrappers that are made.
        interfaces: The same.

    Attributes:
        protocol_time: Seconds that the routing protocol itself takes, once measured.
    """

    def __init__(
        self,
        lab: Lab,
        addresses: Sequence[str] = SERVICES,
        wrappers: Sequence[Wrapper] = (),
        *,
        probe: str = PROBE,
        interfaces: str = "",
    ) -> None:
        self.lab = lab
        self.addresses = tuple(addresses)
        self.protocol_time = 0.0
        self.wrappers = list(wrappers) or [
            Wrapper(host, self.addresses, probe=probe, interfaces=interfaces) for host in lab.hosts
        ]
        self.one, self.other = self.wrappers[0], self.wrappers[-1]

    def measure_protocol(self, rounds: int = 3) -> float:
        """The routing protocol's own time, in this run: link down by hand until the route is gone.

        Only while no wrapper runs on the host.
        """
        self.protocol_time = measure_protocol_time(self.lab, self.one.host, rounds=rounds)
        return self.protocol_time

    @property
    def bound(self) -> float:
        """Three times the protocol's own time."""
        return 3 * max(self.protocol_time, FLOOR)

    def start(self) -> None:
        """Start what does not run, and wait until the gateway spreads over all of them."""
        self.start_wrappers()
        self.await_both()
        self.lab.mend_ipv6()

    def start_wrappers(self) -> None:
        """Start what does not run, all hosts at once."""
        with ThreadPoolExecutor(max_workers=len(self.wrappers)) as pool:
            # Each by its own way: one that is watched starts in another.
            for _ in pool.map(lambda wrapper: wrapper.start(), self.wrappers):
                pass

    def await_both(self, within: float = 30.0) -> None:
        """Wait until every address leads to every host."""
        names = {host.name for host in self.lab.hosts}
        for address in self.addresses:
            self.lab.gateway.await_nodes(address, names, within=within)

    def settle(self) -> None:
        """All hosts announce, nothing changes any more, and routers take the next change."""
        for wrapper in self.wrappers:
            wrapper.await_rank("preferred")
        self.await_both()
        self.lab.await_quiet()

    @contextmanager
    def load(self, rate: float = RATE) -> Iterator[Load]:
        """Queries over UDP and TCP to all addresses."""
        client, seconds = self.lab.client, LONGEST_LOAD
        with Load(client, self.addresses, rate=rate, tcp_rate=TCP_RATE, longest=seconds) as load:
            pause(0.5)
            yield load
