"""Health questions: `DnsProbe` asks name servers, `CommandProbe` runs a command.

Both implement `anycast_wrapper.ports.Prober`: call one, await an `Outcome`, call it again.
"""

from .command import CommandProbe
from .dns import DnsProbe

__all__ = ["CommandProbe", "DnsProbe"]
