"""Take out everything of ours from outside: for a command, when nobody is there to do it."""

from .exchange import NexthopExchange
from .objects import Objects


async def withdraw(protocol: int) -> tuple[str, ...]:
    """Remove every host route, group and next hop that carries the number, in every table.

    Args:
        protocol: see `model.Settings`.

    Returns:
        What was done, one sentence each; nothing if there was nothing to do.

    Raises:
        ForwardingError: the kernel refused; what was not reached stays.
    """
    exchange = NexthopExchange()
    objects = Objects(exchange, protocol)
    try:
        found = await objects.read()
        # An anchor first: whoever announces by it is to hear of it first.
        routes = sorted(found.routes, key=lambda route: (not route.anchor, str(route.address)))
        for route in routes:
            await objects.remove_route(route)
        for number in (*found.groups, *found.hops):
            await objects.remove(number)
    finally:
        exchange.close()
    addresses = sorted({str(route.address) for route in routes})
    done = [f"the route to {address} removed" for address in addresses]
    if found.groups or found.hops:
        many = len(found.groups) + len(found.hops)
        done.append(f"{many} next-hop {'object' if many == 1 else 'objects'} removed")
    return tuple(done)


async def left_behind(protocol: int) -> bool:
    """Whether there is anything that `withdraw` would remove.

    Raises:
        ForwardingError: the kernel cannot be asked.
    """
    exchange = NexthopExchange()
    try:
        found = await Objects(exchange, protocol).read()
    finally:
        exchange.close()
    return bool(found.routes or found.groups or found.hops)
