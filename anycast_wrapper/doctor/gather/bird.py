"""BIRD, asked over its socket, and what is not asked where FRR does not announce."""

from pathlib import Path

from anycast_wrapper.core.model import Address
from anycast_wrapper.doctor.facts import Absent, Plan, Unknown
from anycast_wrapper.routing import Bird


async def no_frr() -> Absent:
    """A fact of FRR's, where something else announces."""
    return Absent("FRR does not announce here (routing.daemon)")


async def originated(plan: Plan, version: int) -> frozenset[Address] | Unknown | Absent:
    """The host addresses that the routing daemon really originates, if it can be asked."""
    if plan.routing_daemon != "bird":
        return Absent(f"the routing daemon is not asked (routing.daemon is {plan.routing_daemon})")
    answer = (await Bird(Path(plan.bird_socket)).originated([version]))[version]
    return answer if isinstance(answer, frozenset) else Unknown(str(answer))
