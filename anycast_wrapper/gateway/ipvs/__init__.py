"""`ports.Forwarding` by IPVS, the kernel's layer-4 switch (Linux Virtual Server).

==============  ====================================================================================
``model``       virtual services and real servers, as plain values
``messages``    what of it the kernel is told, and says
``planning``    which steps lead from what is there to what is wanted; pure
``exchange``    an exchange with the kernel about these
``services``    the table of virtual services
``marks``       the service address delivered here, and the mark of what is ours
``dummy``       the service address shown to routing daemons and neighbours
``forwarding``  the adapter
==============  ====================================================================================
"""

from .forwarding import IpvsForwarding
from .model import Method, Settings

__all__ = ["IpvsForwarding", "Method", "Settings"]
