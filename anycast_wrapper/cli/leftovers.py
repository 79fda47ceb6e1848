"""What a wrapper that is gone has left behind."""

import asyncio

from anycast_wrapper import wiring
from anycast_wrapper.config.schema import Config
from anycast_wrapper.core.model import Observation
from anycast_wrapper.kernel import counting_left_behind
from anycast_wrapper.ports import KernelError, RerouteError
from anycast_wrapper.reroute import left_behind as rules_left_behind


def left_behind(config: Config) -> list[str]:
    """In words, what of ours is still in the kernel.

    Raises:
        KernelError: it cannot be read.
    """
    policy = wiring.policy(config)
    found = asyncio.run(_observe(config)).links
    words = []
    for rank, interface in policy.ranks.items():
        link = found.get(interface.name)
        for address in policy.addresses:
            if link is not None and address in link.addresses:
                how = f"announced at {rank.slug}" if link.up else "there, but its link is down"
                words.append(f"{address} on {interface.name}: {how}")
    if policy.hold is not None and (link := found.get(policy.hold.name)) is not None:
        name = policy.hold.name
        words += [f"{address} on {name}: held" for address in sorted(map(str, link.addresses))]
    if _diverts():
        words.append("rules in nftables that divert queries to other nodes")
    if _counts():
        words.append("rules in nftables that count queries")
    return words


def _diverts() -> bool:
    try:
        return asyncio.run(rules_left_behind())
    except RerouteError:
        return False  # Who may not ask for the rules may still ask what is announced.


def _counts() -> bool:
    try:
        return asyncio.run(counting_left_behind())
    except KernelError:
        return False


async def _observe(config: Config) -> Observation:
    kernel = wiring.kernel(config)
    try:
        return await kernel.observe()
    finally:
        await kernel.close()
