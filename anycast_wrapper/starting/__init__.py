"""A configuration to begin with, out of what the host has.

`command` and `found` look at the host, `writing` makes the text, which is a good configuration
whatever was found.
"""

from .found import Found, look
from .refusing import RefusedAddressError, accepted
from .writing import frr_lines, text

__all__ = ["Found", "RefusedAddressError", "accepted", "frr_lines", "look", "text"]
