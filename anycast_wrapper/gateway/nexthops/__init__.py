"""`ports.Forwarding` by kernel routes: next-hop objects, resilient groups. Linux only.

==============  ====================================================================================
``forwarding``  the adapter
``carrying``    one address, from how it is carried to how it shall be
``leads``       how a server is reached, by the routing table
``hearing``     what the kernel says by itself
``removal``     everything taken out, from outside
``objects``     one exchange for each thing that is made or read
``exchange``    an exchange with the kernel about these
``messages``    what pyroute2 lacks; ``writing`` and ``reading`` go between it and ``model``
``model``       next hops, groups, routes: plain values
==============  ====================================================================================
"""

from .forwarding import NexthopForwarding
from .model import Means, Resilience, Settings
from .removal import left_behind, withdraw

__all__ = ["Means", "NexthopForwarding", "Resilience", "Settings", "left_behind", "withdraw"]
