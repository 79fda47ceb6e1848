"""What a check of another tool costs, by calling its own function: run by its own interpreter.

cost_of_peers.py TOOL COUNT SERVER NAME

Prints a line of JSON: CPU seconds of this process and of its children, and seconds by the clock.
"""

import json
import logging
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

Check = Callable[[], bool]


class Metric:
    """A metric that nobody reads."""

    def labels(self, **_: str) -> Self:
        """Itself."""
        return self

    def set(self, _: float) -> None:
        """Forget it."""

    def inc(self) -> None:
        """Forget it."""


def ahc(server: str, name: str) -> Check:
    """anycast-healthchecker: is the address there, and what does the command say?"""
    from anycast_healthchecker.servicecheck import ServiceCheck  # noqa: PLC0415

    logging.disable(logging.CRITICAL)
    config = {
        "check_cmd": f"/usr/bin/dig +time=1 +tries=1 @{server} {name} SOA",
        "check_timeout": 2.0,
        "check_interval": 10.0,
        "interface": "lo",
        "ip_prefix": f"{server}/32",
        "ip_check_disabled": False,
        "custom_bird_reconfigure_cmd_timeout": 2.0,
    }
    metrics = [Metric() for _ in range(4)]
    service = ServiceCheck("resolver", config, None, None, *metrics, None)
    # Private, and what one round of its loop does.
    return lambda: bool(service._ip_assigned() and service._run_check() == 0)  # noqa: SLF001


def exabgp(server: str, name: str) -> Check:
    """Exabgp healthcheck: what does the command say?"""
    from exabgp.application.healthcheck import check  # noqa: PLC0415

    logging.disable(logging.CRITICAL)
    command = f"/usr/bin/dig +time=1 +tries=1 @{server} {name} SOA"
    return lambda: bool(check(command, 5))


def watchdog(server: str, name: str) -> Check:
    """The watchdog: does it take a connection, does it know the serial number?"""
    sys.path.insert(0, str(Path(__file__).parent))
    from watchdog import answers  # noqa: PLC0415

    return lambda: answers(server, name)


def cpu(who: int) -> float:
    """CPU seconds so far."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure."""
    tool, count, server, name = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    check = {"ahc": ahc, "exabgp": exabgp, "watchdog": watchdog}[tool](server, name)
    if not check():
        sys.exit(f"{tool}: the check does not pass")
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    before, began = [cpu(kind) for kind in kinds], time.monotonic()
    good = sum(bool(check()) for _ in range(count))
    own, children = (cpu(kind) - then for kind, then in zip(kinds, before, strict=True))
    took = time.monotonic() - began
    print(json.dumps({"own": own, "children": children, "wall": took, "good": good}))


if __name__ == "__main__":
    main()
