"""When each host route of the gateway changed, by the kernel's own notices."""

import os
import select
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.namespace import Namespace
from anycast_wrapper.lab.routes import Route, dump, parse, subscribe

REPLACEMENT = 0.005


@dataclass(frozen=True)
class RouteEvent:
    """A change of a host route.

    Attributes:
        time: When, by ``time.monotonic()``.
        address: The service address.
        nodes: The nodes it leads to from then on; none when it is gone.
    """

    time: float
    address: str
    nodes: frozenset[str]


class RouteLog:
    """Writes down every change of a host route in a namespace until it is closed.

    Args:
        namespace: The router's.
        names: The node behind each next hop; a next hop without one is written down as it is.
    """

    def __init__(self, namespace: Namespace, names: Mapping[str, str]) -> None:
        self.events: list[RouteEvent] = []
        self._names = names
        self._last: dict[str, frozenset[str]] = {}
        self._channel = namespace.within(subscribe)
        for route in dump(self._channel):
            self._note(route, time.monotonic())
        self._stop_reading, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._follow, name="route-log", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop following. May be called again."""
        if self._stop < 0:
            return
        os.close(self._stop)
        self._stop = -1
        self._thread.join()
        os.close(self._stop_reading)
        self._channel.close()

    def nodes(self, address: str) -> frozenset[str]:
        """The nodes that an address leads to now."""
        history = self.history(address)
        return history[-1].nodes if history else frozenset()

    def gone_at(self, node: str, address: str, since: float) -> float | None:
        """The first moment from ``since`` on at which the address did not lead to the node."""
        return self._first(node, address, since, present=False)

    def came_at(self, node: str, address: str, since: float) -> float | None:
        """The first moment from ``since`` on at which the address led to the node."""
        return self._first(node, address, since, present=True)

    def await_gone(self, node: str, address: str, since: float, within: float = 10.0) -> float:
        """Wait until the address does not lead to the node; return the seconds from ``since``."""
        moment = eventually(
            lambda: self.gone_at(node, address, since),
            awaiting=f"{address} no longer via {node}",
            within=within,
            every=0.002,
            seen=lambda: self.history(address),
        )
        return (moment or since) - since

    def await_came(self, node: str, address: str, since: float, within: float = 20.0) -> float:
        """Wait until the address leads to the node; return the seconds from ``since``."""
        moment = eventually(
            lambda: self.came_at(node, address, since),
            awaiting=f"{address} via {node}",
            within=within,
            every=0.002,
            seen=lambda: self.history(address),
        )
        return (moment or since) - since

    def history(self, address: str) -> list[RouteEvent]:
        """The changes of one address, a replacement being one change.

        Unless told ``--v6-rr-semantics`` zebra replaces an IPv6 route by deleting and adding: for
        a tenth of a millisecond it leads nowhere, which says nothing about any one node.
        """
        settled: list[RouteEvent] = []
        for event in [event for event in list(self.events) if event.address == address]:
            last = settled[-1] if settled else None
            if last and not last.nodes and event.time - last.time < REPLACEMENT:
                settled[-1] = RouteEvent(last.time, address, event.nodes)
            else:
                settled.append(event)
        if settled and not settled[-1].nodes and time.monotonic() - settled[-1].time < REPLACEMENT:
            settled.pop()  # whether it is gone or being replaced is not known yet
        return settled

    def _first(self, node: str, address: str, since: float, *, present: bool) -> float | None:
        holds = not present  # an address that was never heard of leads nowhere
        for event in self.history(address):
            if event.time >= since:
                if holds:
                    return since
                if (node in event.nodes) == present:
                    return event.time
            holds = (node in event.nodes) == present
        return since if holds else None

    def _follow(self) -> None:
        while True:
            ready, _, _ = select.select([self._channel.fileno(), self._stop_reading], [], [])
            now = time.monotonic()
            if self._stop_reading in ready:
                return
            for route in parse(self._channel.recv(1 << 16)):
                self._note(route, now)

    def _note(self, route: Route, now: float) -> None:
        if "/" in route.prefix or route.prefix == "default":
            return
        nodes = frozenset(self._names.get(hop, hop) for hop in route.nexthops)
        before = self._last.get(route.prefix, frozenset())
        if nodes != before:
            self._last[route.prefix] = nodes
            self.events.append(RouteEvent(now, route.prefix, nodes))
