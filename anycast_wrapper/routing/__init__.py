"""What the routing daemon says, as opposed to what we did so that it would."""

from .bgp import MANNER as BGP
from .bgp import BgpTable
from .bird import Bird
from .birdpeers import BirdPeers
from .census import Census
from .daemon import BIRD, Manner, RoutingDaemon, Unasked
from .departure import Departure, departure
from .frr import MANNER as FRR
from .frr import Vtysh
from .lookout import Lookout, Sighting
from .nudge import FrrNudge
from .peers import OspfPeers
from .truth import Answers, Herald, Meant, Truth

__all__ = [
    "BGP",
    "BIRD",
    "FRR",
    "Answers",
    "BgpTable",
    "Bird",
    "BirdPeers",
    "Census",
    "Departure",
    "FrrNudge",
    "Herald",
    "Lookout",
    "Manner",
    "Meant",
    "OspfPeers",
    "RoutingDaemon",
    "Sighting",
    "Truth",
    "Unasked",
    "Vtysh",
    "departure",
]
