"""The faults that matter most, with BIRD on the hosts: the same wrapper, another routing daemon."""

import signal

from anycast_wrapper.lab.bgp import Bgp
from anycast_wrapper.lab.host import HostOptions
from anycast_wrapper.lab.scenarios.daemon import RESTART, daemon_dies, wrapper_killed
from anycast_wrapper.lab.scenarios.model import Expected, Scenario, Stage
from anycast_wrapper.lab.scenarios.planned import AT_ONCE, stop_and_start

OSPF = Stage(host=HostOptions(bird=True))
BGP = Stage(host=HostOptions(bird=True), bgp=Bgp())

AT_BGPD = 0.5
"""Seconds: the gateway's bgpd gathers what it hears for some 50 ms before it computes."""

SCENARIOS = (
    Scenario(
        "bird-stop-start",
        "BIRD announces by OSPF; an operator stops one node and starts it again.",
        stop_and_start,
        Expected(gone=AT_ONCE, back=3.5 + AT_ONCE),
        OSPF,
        slow=True,
        needs=("bird",),
    ),
    Scenario(
        "bird-kill-wrapper",
        "BIRD announces by OSPF; the wrapper is killed with SIGKILL.",
        wrapper_killed,
        Expected(prompt=True, back=5.0),
        OSPF,
        slow=True,
        needs=("bird",),
    ),
    Scenario(
        "bird-kill-named",
        "BIRD announces by OSPF; named is killed with SIGKILL.",
        daemon_dies(signal.SIGKILL),
        Expected(outage=0.15, prompt=True, back=RESTART, reason="daemon-exited"),
        OSPF,
        slow=True,
        needs=("bird",),
    ),
    Scenario(
        "bird-bgp-stop-start",
        "BIRD announces by BGP; an operator stops one node and starts it again.",
        stop_and_start,
        Expected(gone=AT_ONCE, back=3.5 + AT_ONCE),
        BGP,
        slow=True,
        needs=("bird",),
    ),
    Scenario(
        "bird-bgp-kill-wrapper",
        "BIRD announces by BGP; the wrapper is killed with SIGKILL.",
        wrapper_killed,
        Expected(gone=AT_BGPD, back=5.0),
        BGP,
        slow=True,
        needs=("bird",),
    ),
    Scenario(
        "bird-bgp-kill-named",
        "BIRD announces by BGP; named is killed with SIGKILL.",
        daemon_dies(signal.SIGKILL),
        Expected(outage=AT_BGPD, gone=AT_BGPD, back=RESTART, reason="daemon-exited"),
        BGP,
        slow=True,
        needs=("bird",),
    ),
)
