"""What the host has that a first configuration is made of."""

import asyncio
from dataclasses import dataclass
from pathlib import PurePath

from anycast_wrapper.doctor.facts import Absent, Interface, Unknown
from anycast_wrapper.doctor.gather import host, named
from anycast_wrapper.doctor.gather.running import in_thread
from anycast_wrapper.doctor.namedconf import Block, zones

from . import command

_BUILT_IN = {"localhost", "127.in-addr.arpa", "0.in-addr.arpa", "255.in-addr.arpa"}
"""Zones that every server has for itself (RFC 6303): that they are served proves little."""


@dataclass(frozen=True)
class Found:
    """What was found.

    Attributes:
        command: how named is started.
        command_from: where that is known from.
        zone: one that the server is authoritative for, or None.
        has_localhost: whether it serves the zone localhost.
        default_routes: their protocol by IP version, where there is one.
        interfaces: of the host.
    """

    command: tuple[str, ...] = command.DEFAULT
    command_from: str = "the default"
    zone: str | None = None
    has_localhost: bool = False
    default_routes: tuple[tuple[int, str], ...] = ()
    interfaces: tuple[Interface, ...] = ()


def look() -> Found:
    """Look at this host, for some seconds at most. What cannot be had is left out."""
    return asyncio.run(_look())


async def _look() -> Found:
    found = await in_thread("named's command", lambda: command.find(command.from_process()))
    argv, origin = (command.DEFAULT, "the default") if isinstance(found, Unknown) else found
    (conf, _), routes, interfaces = await asyncio.gather(
        named.conf(argv),
        in_thread("the routes", host.default_routes),
        in_thread("the interfaces", host.interfaces),
    )
    known = () if isinstance(conf, Unknown | Absent) else conf
    return Found(
        command=argv,
        command_from=origin,
        zone=served(known) if PurePath(argv[0]).name == "named" else None,
        has_localhost=any(zone.name == "localhost" for zone in zones(known)),
        default_routes=()
        if isinstance(routes, Unknown)
        else tuple(sorted({(route.version, route.protocol) for route in routes})),
        interfaces=() if isinstance(interfaces, Unknown) else interfaces,
    )


def served(conf: Block) -> str | None:
    """A zone that the server is authoritative for: a forward one, if there is one."""
    own = [
        zone.name
        for zone in zones(conf)
        if zone.type in ("primary", "secondary")
        and zone.name.rstrip(".").lower() not in _BUILT_IN | {""}
    ]
    forward = [name for name in own if not name.rstrip(".").lower().endswith(".arpa")]
    return next(iter(forward or own), None)
