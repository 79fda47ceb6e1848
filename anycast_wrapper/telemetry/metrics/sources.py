"""What a scrape asks for besides what was heard: plain values, whoever has them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from anycast_wrapper.core.model import Address

STATES = ("announced", "degraded", "partly-announced", "withdrawn", "drained", "stopping")
"""What `status.node_state` can say."""


@dataclass(frozen=True)
class Truth:
    """What the routing daemons said when they were last asked.

    Attributes:
        age: seconds since then, or None if they never were.
        answering: by IP version, whether there was an answer.
        originated: the addresses that they originate; of a version that did not answer, nothing.
    """

    age: float | None = None
    answering: Mapping[int, bool] = field(default_factory=dict)
    originated: frozenset[Address] = frozenset()


@dataclass(frozen=True)
class Sources:
    """What is asked at every scrape, besides the tally. Nothing of it may block.

    Attributes:
        truth: what OSPF originates.
        queries: those that came in, by address and transport; None where nobody counts.
        rerouted: packets sent to other nodes, by address; None where nothing is.
        refused: connections that were not served.
    """

    truth: Callable[[], Truth] = Truth
    queries: Callable[[], Mapping[tuple[str, str], int] | None] = lambda: None
    rerouted: Callable[[], Mapping[str, int] | None] = lambda: None
    refused: Callable[[], int] = lambda: 0
