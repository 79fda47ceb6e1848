"""What the routing daemon says, as opposed to what we did so that it would."""

from .frr import Vtysh
from .nudge import FrrNudge
from .peers import OspfPeers

__all__ = ["FrrNudge", "OspfPeers", "Vtysh"]
