"""The faults that matter most, with another routing daemon or protocol on the hosts."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass

from anycast_wrapper.lab.bgp import Bgp
from anycast_wrapper.lab.host import HostOptions
from anycast_wrapper.lab.scenarios.daemon import RESTART, daemon_dies, wrapper_killed
from anycast_wrapper.lab.scenarios.model import Expected, Scenario, Stage
from anycast_wrapper.lab.scenarios.planned import AT_ONCE, stop_and_start

AT_BGPD = 0.5
"""Seconds: the gateway's bgpd gathers what it hears for some 50 ms before it computes."""

NAMED_DIES = 0.15
"""Seconds of a host's queries that are lost with named where OSPF announces."""


@dataclass(frozen=True)
class Speaker:
    """What announces on the hosts.

    Attributes:
        name: With which the scenarios' names begin.
        words: With which their sentences begin.
        stage: The lab.
        needs: See `Scenario`.
    """

    name: str
    words: str
    stage: Stage
    needs: tuple[str, ...] = ()


SPEAKERS = (
    Speaker("bgp", "FRR's bgpd announces", Stage(bgp=Bgp())),
    Speaker("bird", "BIRD announces by OSPF", Stage(host=HostOptions(bird=True)), ("bird",)),
    Speaker(
        "bird-bgp",
        "BIRD announces by BGP",
        Stage(host=HostOptions(bird=True), bgp=Bgp()),
        ("bird",),
    ),
)


def _faults(by: Speaker) -> Iterator[Scenario]:
    bgp = by.stage.bgp is not None
    gone = Expected(gone=AT_BGPD) if bgp else Expected(prompt=True)
    yield Scenario(
        f"{by.name}-stop-start",
        f"{by.words}; an operator stops one node and starts it again.",
        stop_and_start,
        Expected(gone=AT_ONCE, back=3.5 + AT_ONCE),
        by.stage,
        slow=True,
        needs=by.needs,
    )
    yield Scenario(
        f"{by.name}-kill-wrapper",
        f"{by.words}; the wrapper is killed with SIGKILL.",
        wrapper_killed,
        Expected(prompt=gone.prompt, gone=gone.gone, back=5.0),
        by.stage,
        slow=True,
        needs=by.needs,
    )
    yield Scenario(
        f"{by.name}-kill-named",
        f"{by.words}; named is killed with SIGKILL.",
        daemon_dies(signal.SIGKILL),
        Expected(
            outage=AT_BGPD if bgp else NAMED_DIES,
            prompt=gone.prompt,
            gone=gone.gone,
            back=RESTART,
            reason="daemon-exited",
        ),
        by.stage,
        slow=True,
        needs=by.needs,
    )


SCENARIOS = tuple(scenario for speaker in SPEAKERS for scenario in _faults(speaker))
