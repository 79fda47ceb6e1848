"""What the routing daemon says, as opposed to what we did so that it would."""

from .frr import Vtysh

__all__ = ["Vtysh"]
