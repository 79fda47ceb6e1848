"""``exabgp``: what the running wrapper announces, told to ExaBGP, whose process this is."""

import asyncio
import sys
from pathlib import Path

import click

from anycast_wrapper.config import schema
from anycast_wrapper.config.load import load
from anycast_wrapper.core.model import Rank
from anycast_wrapper.exabgp import Attributes, Conversation, Pipe, Routes, Style, Watchdogs
from anycast_wrapper.telemetry.logs import open_log


@click.command()
@click.pass_obj
def exabgp(path: Path) -> None:
    """Tell ExaBGP what the running wrapper announces; to be run by ExaBGP as its process.

    In ExaBGP's configuration: ``process NAME { run /usr/bin/anycast-wrap exabgp; encoder text; }``,
    and NAME in the ``api`` of each neighbour.

    What is announced is said as soon as it changes. If the wrapper is gone, or silent for 1.5 s,
    everything is withdrawn until it is back. Ends with ExaBGP, and withdraws at SIGTERM.
    """
    config = load(path)
    open_log("stderr", config.log.level, foreground=True)
    known = {
        service.name: dict.fromkeys(service.addresses, Rank.WITHDRAWN)
        for service in config.services
    }
    pipe = Pipe(sys.stdin.fileno(), sys.stdout.fileno())
    asyncio.run(Conversation(config.control.socket, style(config.exabgp), known, pipe).run())


def style(table: schema.ExaBgp) -> Style:
    """The way in which ExaBGP is told, by the configuration."""
    if table.style == "watchdog":
        return Watchdogs()
    return Routes(
        {Rank.PREFERRED: _made(table.preferred), Rank.LAST_RESORT: _made(table.last_resort)},
        {address.version: address for address in table.next_hop},
    )


def _made(table: schema.PreferredRoute | schema.LastResortRoute) -> Attributes:
    return Attributes(table.med, table.local_preference, table.communities, table.as_path)
