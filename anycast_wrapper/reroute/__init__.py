"""Failover below the routing protocol's limit: queries that cannot be answered here go to a peer.

Where there is no socket for a query, or a verdict has fallen, the kernel sends it on to another
node that offers the same address, before any router has heard that this one does not.
"""

from .nft import NftDiversion, left_behind, remove_left_behind
from .rerouter import Rerouter, begin
from .sources import ListedPeers, LivingPeers

__all__ = [
    "ListedPeers",
    "LivingPeers",
    "NftDiversion",
    "Rerouter",
    "begin",
    "left_behind",
    "remove_left_behind",
]
