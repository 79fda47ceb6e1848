"""BGP by ExaBGP: what a running wrapper announces, told to the process that speaks BGP.

``follower`` asks the wrapper, ``speaker`` decides what ExaBGP is still to be told, ``words`` says
it in ExaBGP's language, ``pipe`` is ExaBGP's end, ``conversation`` joins them. Nothing here decides
whether an address is announced, and every doubt withdraws.
"""

from .conversation import Conversation
from .pipe import Pipe
from .words import Attributes, Routes, Style, Watchdogs

__all__ = ["Attributes", "Conversation", "Pipe", "Routes", "Style", "Watchdogs"]
