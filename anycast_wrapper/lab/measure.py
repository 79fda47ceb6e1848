"""What the routing protocol alone takes: the floor under every loss of the wrapper."""

import statistics
import time

from anycast_wrapper.lab.host import PREFERRED, Host
from anycast_wrapper.lab.topology import Lab

ADDRESS = "192.0.2.199"
"""What is announced meanwhile; nobody else may announce it."""


def measure_protocol_time(lab: Lab, host: Host, *, rounds: int = 3) -> float:
    """Set the link of an announced TAP down by hand; time until the gateway lost it.

    Args:
        lab: The lab, no change of its routes being under way.
        host: A host without an ``anycast0``.
        rounds: How often.

    Returns:
        The median in seconds, from before the system call to the kernel's own notice.
    """
    times = []
    with lab.gateway.route_log() as log, host.open_tap(PREFERRED, [ADDRESS]) as tap:
        for _ in range(rounds):
            lab.await_quiet()
            began = time.monotonic()
            tap.up()
            log.await_came(host.name, ADDRESS, began)
            # Within MinLSArrival of the announcement this would measure its 5 s retransmission.
            lab.await_quiet()
            began = time.monotonic()
            tap.down()
            times.append(log.await_gone(host.name, ADDRESS, began))
    return statistics.median(times)
