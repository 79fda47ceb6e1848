"""The gateway's configuration made into the values and the adapters that a tracker works with."""

from anycast_wrapper import probewiring
from anycast_wrapper.config import track as schema
from anycast_wrapper.config.schema import NONE
from anycast_wrapper.core.model import Address
from anycast_wrapper.gateway.model import Below, Member, Pool, Server
from anycast_wrapper.gateway.plan import Policy, plan
from anycast_wrapper.gateway.ports import Forwarding
from anycast_wrapper.memory import DrainList
from anycast_wrapper.probes import CommandProbe, DnsProbe
from anycast_wrapper.probing import Bounded


def policy(config: schema.TrackConfig) -> Policy:
    """What the core decides by."""
    return Policy(
        pools=tuple(_pool(pool) for pool in config.pool),
        # A route cannot tell flows apart: who is without weight is out.
        linger=config.track.linger if config.track.backend == "ipvs" else 0.0,
        keep=config.track.on_exit == "keep",
    )


def _pool(pool: schema.Pool) -> Pool:
    return Pool(
        name=pool.name,
        addresses=pool.addresses,
        servers=tuple(
            Server(one.name, one.addresses, one.weight, one.interface) for one in pool.server
        ),
        probes=tuple(map(probewiring.probe, pool.probes)),
        minimum=pool.minimum,
        below=Below(pool.below_minimum),
    )


def probers(config: schema.TrackConfig) -> list[Bounded]:
    """Every probe of every server at each of its addresses, in the order of the plan."""
    pools = {pool.name: pool.probes for pool in config.pool}
    made = []
    for site in plan(policy(config)).sites:
        for probe in pools[site.pool]:
            made.append(Bounded(_prober(site.address, probe), probe.timeout))  # noqa: PERF401
    return made


def _prober(
    server: Address,
    probe: schema.DnsProbe | schema.CommandProbe,
) -> DnsProbe | CommandProbe:
    if isinstance(probe, schema.CommandProbe):
        words = tuple(word.replace(schema.SERVER, str(server)) for word in probe.command)
        return CommandProbe(words, probe.timeout)
    return probewiring.dns_probe(probe, (server,), probe.timeout)


def forwarding(config: schema.TrackConfig) -> Forwarding:
    """What carries queries to the servers. Nothing is touched yet; pyroute2 is loaded now."""
    if config.track.backend == "ipvs":
        return _ipvs(config.ipvs)
    return _routes(config)


def _routes(config: schema.TrackConfig) -> Forwarding:
    from anycast_wrapper.gateway.nexthops import (  # noqa: PLC0415 - only where it is wanted
        NexthopForwarding,
        Resilience,
        Settings,
    )

    route = config.route
    resilience = Resilience(route.buckets, route.idle_timer, route.unbalanced_timer)
    settings = Settings(route.protocol, route.table, route.metric, resilience)
    return NexthopForwarding(settings, _members(config))


def _members(config: schema.TrackConfig) -> list[Member]:
    """Everybody who may ever be one."""
    return [
        Member(server.name, address, server.weight, server.interface)
        for pool in config.pool
        for server in pool.server
        for address in server.addresses
    ]


def _ipvs(ipvs: schema.Ipvs) -> Forwarding:
    from anycast_wrapper.gateway.ipvs import (  # noqa: PLC0415 - only where it is wanted
        IpvsForwarding,
        Method,
        Settings,
    )

    return IpvsForwarding(
        Settings(
            ports=ipvs.ports,
            scheduler=ipvs.scheduler,
            method=Method[ipvs.method.upper()],
            one_packet=ipvs.one_packet,
            interface=None if ipvs.interface == NONE else ipvs.interface,
            protocol=ipvs.protocol,
        ),
    )


async def left_behind(config: schema.TrackConfig) -> list[str]:
    """In words, what a tracker that is gone has left in the kernel. Nothing of it is touched.

    Raises:
        ForwardingError: the kernel cannot be asked.
    """
    if config.track.backend == "route":
        from anycast_wrapper.gateway.nexthops import left_behind as found  # noqa: PLC0415

        number = config.route.protocol
        words = f"what `ip route show table all proto {number}` and `ip nexthop` show as {number}"
        return [words] if await found(number) else []
    carrier = forwarding(config)
    try:
        leads = await carrier.adopt()
    finally:
        await carrier.close()
    return [f"{one} leads to {', '.join(map(str, to)) or 'nobody'}" for one, to in leads.items()]


async def withdraw(config: schema.TrackConfig) -> tuple[str, ...]:
    """Remove whatever a tracker left in the kernel; what was done, one sentence each.

    Raises:
        ForwardingError: it was refused; what was not reached stays.
    """
    if config.track.backend == "route":
        from anycast_wrapper.gateway.nexthops import withdraw as remove  # noqa: PLC0415

        return await remove(config.route.protocol)
    carrier = forwarding(config)
    try:
        found = await carrier.adopt()
        for address in found:
            await carrier.apply(address, ())
    finally:
        await carrier.close()
    return tuple(f"{address} leads nowhere any more" for address in found)


def drains(config: schema.TrackConfig) -> DrainList:
    """What remembers who is drained."""
    return DrainList(config.track.drain_file)
