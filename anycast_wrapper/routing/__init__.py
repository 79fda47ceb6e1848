"""What the routing daemon says, as opposed to what we did so that it would."""

from .census import Announcer, Census
from .departure import Departure, departure
from .frr import Vtysh
from .lookout import Lookout, Sighting
from .nudge import FrrNudge
from .peers import OspfPeers
from .truth import Answers, Herald, Meant, Truth

__all__ = [
    "Announcer",
    "Answers",
    "Census",
    "Departure",
    "FrrNudge",
    "Herald",
    "Lookout",
    "Meant",
    "OspfPeers",
    "Sighting",
    "Truth",
    "Vtysh",
    "departure",
]
