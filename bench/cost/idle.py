"""What a tool costs while nothing happens: no load, no fault."""

from typing import Any

from anycast_wrapper.lab.cluster import pause
from bench.contenders.model import Contender
from bench.contenders.ours import AnycastWrap
from bench.stage import staged

from .processes import sample, status_latency

SECONDS = 20.0
CALM = 3.0


def idle(contender: Contender, *, quick: bool = False) -> dict[str, Any]:
    """Watch the tool's processes on one of two hosts.

    Returns:
        ``rows``: see `sample`; ``seconds``; for ours ``status``, the seconds that it takes.
    """
    with staged(contender) as stage:
        pause(CALM)
        deployment = stage.deployments[0]
        seconds = SECONDS / 3 if quick else SECONDS
        figures: dict[str, Any] = {
            "rows": sample(deployment.processes(), seconds),
            "seconds": seconds,
        }
        if isinstance(deployment, AnycastWrap):
            figures["status"] = status_latency(deployment.wrapper)
        return figures
