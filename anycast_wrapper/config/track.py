"""What may be written in the gateway's file, and what is meant where nothing is written.

As in `schema`, the keys are a contract. Everything has a default but the pools: their names, their
addresses and their servers.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from .peek import TRACK_SOCKET
from .schema import (
    ANYBODY,
    Addressed,
    Listening,
    Log,
    ProbeTable,
    Problem,
    Program,
    Question,
    Table,
    across,
    kind_of_probe,
    twice,
)
from .schema import Control as WrapperControl
from .values import AbsolutePath, Duration, InterfaceName, Slug

MAX_WEIGHT = 255
Protocol = Annotated[int, Field(ge=100, le=185)]
"""Route protocol numbers that nobody has: iproute2's etc/rt_protos, FRR's zebra/rt_netlink.h. Every
route with our number is taken for ours, so it must not be anybody else's."""

SERVER = "{server}"
"""What stands for the server's address in a command."""


class Track(Table):
    """``[track]``: by what means, and what becomes of it."""

    backend: Literal["route", "ipvs"] = "route"
    on_exit: Literal["withdraw", "keep"] = "withdraw"
    linger: Duration = 10.0
    drain_file: AbsolutePath = Path("/var/lib/anycast-track/drained")


class Route(Table):
    """``[route]``: routes with next-hop groups."""

    table: int = Field(default=254, ge=1, le=0xFFFFFFFF)
    protocol: Protocol = 153
    metric: int = Field(default=50, ge=1, le=0xFFFFFFFE)
    buckets: int = Field(default=1024, ge=1, le=65535)
    idle_timer: Duration = 30.0
    unbalanced_timer: Duration = 120.0


class Ipvs(Table):
    """``[ipvs]``: virtual services."""

    ports: Annotated[
        tuple[Annotated[int, Field(ge=1, le=65535)], ...],
        Field(min_length=1, max_length=16, strict=False),
    ] = (53,)
    scheduler: Slug = "wrr"
    method: Literal["droute", "tunnel", "masq"] = "droute"
    one_packet: bool = True
    interface: InterfaceName = "anycast-lvs"
    protocol: Protocol = 154


class Control(WrapperControl):
    """``[control]``: how the running tracker is reached and watched."""

    socket: AbsolutePath = TRACK_SOCKET


class ServerProbe(ProbeTable):
    """What every probe of a server has. Its defaults find a dead one within 1.6 seconds."""

    fall: int = Field(default=1, ge=1, le=1000)


class DnsProbe(Question, ServerProbe):
    """``type = "dns"``: a question to each of a server's addresses."""

    tries: int = Field(default=2, ge=1, le=10)


class CommandProbe(Program, ServerProbe):
    """``type = "command"``: a program whose exit code says it; `SERVER` in it is the address."""


AnyProbe = Annotated[
    Annotated[DnsProbe, Tag("dns")] | Annotated[CommandProbe, Tag("command")],
    Discriminator(kind_of_probe),
]


class Server(Addressed):
    """``[[pool.server]]``: a name server behind the gateway."""

    weight: int = Field(default=1, ge=1, le=MAX_WEIGHT)
    interface: InterfaceName | None = None


class Pool(Addressed):
    """``[[pool]]``: service addresses, and the servers that answer at them."""

    minimum: int = Field(default=1, ge=1, le=10000)
    below_minimum: Literal["withdraw", "keep"] = "withdraw"
    server: Annotated[tuple[Server, ...], Field(min_length=1, strict=False)]
    probe: Annotated[tuple[AnyProbe, ...], Field(strict=False)] = ()

    @property
    def probes(self) -> tuple[DnsProbe | CommandProbe, ...]:
        """Its probes, or the default one."""
        return self.probe or (DnsProbe.model_validate(ANYBODY),)


class TrackConfig(Table):
    """The whole file."""

    track: Track = Track()
    route: Route = Route()
    ipvs: Ipvs = Ipvs()
    control: Control = Control()
    metrics: Listening = Listening()
    log: Log = Log()
    pool: Annotated[tuple[Pool, ...], Field(min_length=1, strict=False)]

    @model_validator(mode="after")
    def _across(self) -> Self:
        if problems := conflicts(self.pool):
            raise across(problems)
        return self


# --- what is good in itself, but not together ---


def conflicts(pools: Sequence[Pool | None]) -> list[Problem]:
    """What pools have no right to, because of each other or within themselves.

    Args:
        pools: in the order of the file, with None for one that is wrong in itself.
    """
    problems = list(twice("pool", pools))
    services = {address for pool in pools if pool is not None for address in pool.addresses}
    for number, pool in enumerate(pools, start=1):
        if pool is not None:
            key = f"pool[{number}]"
            problems += _servers(key, pool)
            problems += _loops(key, pool, services)
            problems += _versions(key, pool)
            problems += _probes(key, pool)
    return problems


def _servers(owner: str, pool: Pool) -> Iterator[Problem]:
    """Servers that are in a pool more than once."""
    names: dict[str, str] = {}
    addresses: dict[object, str] = {}
    for number, server in enumerate(pool.server, start=1):
        key = f"{owner}.server[{number}]"
        if server.name in names:
            where = names[server.name]
            yield f"{key}.name", server.name, f"another name, as {where} has this one"
        names.setdefault(server.name, key)
        versions: set[int] = set()
        for place, address in enumerate(server.addresses, start=1):
            here = f"{key}.addresses[{place}]"
            if address in addresses:
                where = addresses[address]
                yield here, str(address), f"another address, as this one is {where} already"
            elif address.version in versions:
                yield here, str(address), "one address of each IP version at most"
            addresses.setdefault(address, here)
            versions.add(address.version)


def _loops(owner: str, pool: Pool, services: set[Any]) -> Iterator[Problem]:
    """Servers whose address is a service address: queries for it would come back to us."""
    for number, server in enumerate(pool.server, start=1):
        for place, address in enumerate(server.addresses, start=1):
            if address in services:
                key = f"{owner}.server[{number}].addresses[{place}]"
                words = "an address of the server's own, as this one is a service address: a loop"
                yield key, str(address), words


def _versions(owner: str, pool: Pool) -> Iterator[Problem]:
    """Service addresses for which there are no servers, or never enough."""
    for place, address in enumerate(pool.addresses, start=1):
        version = address.version
        count = sum(one.version == version for s in pool.server for one in s.addresses)
        if not count:
            words = f"an address of the other IP version, as no server has an IPv{version} address"
            yield f"{owner}.addresses[{place}]", str(address), words
        elif count < pool.minimum:
            words = f"at most {count}, as so many servers have an IPv{version} address"
            yield f"{owner}.minimum", str(pool.minimum), words
            return


def _probes(owner: str, pool: Pool) -> Iterator[Problem]:
    titles: set[str] = set()
    for place, probe in enumerate(pool.probe, start=1):
        if probe.called in titles:
            key = f"{owner}.probe[{place}].name"
            yield key, probe.name, f"a name, as another probe is {probe.called} already"
        titles.add(probe.called)
