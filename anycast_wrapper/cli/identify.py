"""``identify``: who answers at an address, how evenly, and whether all say the same."""

import asyncio
import itertools
import json
import math
import os
import signal
import sys
from datetime import datetime
from typing import Any

import click

from anycast_wrapper.identify.answers import Transport
from anycast_wrapper.identify.asking import MAX_RATE, Order
from anycast_wrapper.identify.channel import NotAnAddressError, Place, place
from anycast_wrapper.identify.counting import Count
from anycast_wrapper.identify.document import document
from anycast_wrapper.identify.lines import Lines, as_json_line
from anycast_wrapper.identify.run import run
from anycast_wrapper.identify.text import Clock, summary, time_of_day
from anycast_wrapper.identify.viewer import Viewer
from anycast_wrapper.identify.watching import line
from anycast_wrapper.identify.wire import zone_name

from .exits import Exit

COUNT = 64
"""Source ports for each address and transport, unless it is said otherwise."""

RATE, WATCH_RATE = 100.0, 50.0
"""Questions a second, unless it is said otherwise."""

SLACK = 0.5
"""Seconds more than a timeout until a second of a run is over."""


class _Number(click.FloatRange):
    """A range that what is no number is outside of: NaN compares as if it were inside."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value} is not a number", param, ctx)
        return number


def _places(_: click.Context, __: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        try:
            place(word, 53)
        except NotAnAddressError as error:
            raise click.BadParameter(
                f"{error}; it takes IPv4 and IPv6 addresses and looks up no names"
            ) from None
    return tuple(dict.fromkeys(words))


def _zone(_: click.Context, __: click.Parameter, word: str) -> str:
    try:
        return zone_name(word) if word else ""
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True, callback=_places)
@click.option("--zone", default="", callback=_zone, help="Compare the SOA serial of this zone.")
@click.option("--port", type=click.IntRange(1, 65535), default=53, show_default=True)
@click.option(
    "--count",
    type=click.IntRange(1, 100_000),
    help=f"Source ports for each address and transport.  [default: {COUNT}; no end with --watch]",
)
@click.option(
    "--rate",
    type=_Number(0.1, MAX_RATE),
    metavar="Q",
    help=f"Questions a second, at most.  [default: {RATE:g}; {WATCH_RATE:g} with --watch]",
)
@click.option(
    "--timeout",
    type=_Number(0.05, 60.0),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="How long an answer may take.",
)
@click.option("--udp", is_flag=True, help="Ask over UDP only.")
@click.option("--tcp", is_flag=True, help="Ask over TCP only.")
@click.option("--watch", is_flag=True, help="Follow live who answers, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="A document for programs.")
def identify(  # noqa: PLR0913, PLR0917 - one for each option
    addresses: tuple[str, ...],
    zone: str,
    port: int,
    count: int | None,
    rate: float | None,
    timeout: float,
    *,
    udp: bool,
    tcp: bool,
    watch: bool,
    as_json: bool,
) -> None:
    """Ask an anycast address from many source ports, and show who answers.

    Runs anywhere: it needs no wrapper, no configuration and no permission. Routers spread queries
    by a hash of addresses and ports, so many source ports lead to every node that can be reached.

    \b
    Exit status:
      0  everything was answered, and everybody says the same (evenly or not)
      1  answers were lost or wrong, serials differ, or nobody answers
      2  usage
    """  # noqa: D301 - \b is for click
    began = datetime.now().astimezone()
    transports = tuple(
        one for one, only in ((Transport.UDP, udp), (Transport.TCP, tcp)) if only or udp == tcp
    )
    order = Order(
        places=_at(addresses, port),
        transports=transports,
        zone=zone,
        count=count or (None if watch else COUNT),
        rate=rate or (WATCH_RATE if watch else RATE),
        timeout=timeout,
        lean=watch,
    )
    counting = Count(zone, itertools.product(addresses, transports))
    clock = time_of_day(began)
    viewer = _viewer(clock, timeout, as_json=as_json) if watch else None
    if not watch and sys.stderr.isatty():
        click.echo(f"{_plan(order)}; Ctrl-C shows what there is by then", err=True)
    asyncio.run(_until_stopped(order, counting, viewer))
    findings = counting.findings()
    if as_json:
        said = document(findings)
        click.echo(json.dumps(said, indent=None if watch else 2, ensure_ascii=False))
    else:
        click.echo(summary(findings, clock if watch else None))
    sys.exit(Exit.FAILED if findings.problems or not findings.answered else Exit.DONE)


def _at(addresses: tuple[str, ...], port: int) -> tuple[Place, ...]:
    return tuple(place(address, port) for address in addresses)


def _plan(order: Order) -> str:
    """What is about to be done, for who waits for it."""
    ports = (order.count or 0) * len(order.places) * len(order.transports)
    most = ports * len(order.topics)
    return f"asking from {ports:,} source ports, for {most / order.rate:.0f} s at most or so"


def _viewer(clock: Clock, timeout: float, *, as_json: bool) -> Viewer:
    """Whoever follows it: a terminal, a pipe, a program."""
    if as_json:
        return Lines(click.echo, as_json_line, timeout + SLACK)
    if sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        try:
            from anycast_wrapper.identify.screen import Screen  # noqa: PLC0415 - needs rich
        except ModuleNotFoundError as error:
            hint = "pip install 'anycast-wrap[lab]'"
            click.echo(f"anycast-wrap: drawn in place only with {error.name}: {hint}", err=True)
        else:
            return Screen()
    return Lines(
        click.echo, lambda at, address, counts: line(at, address, counts, clock), timeout + SLACK
    )


async def _until_stopped(order: Order, counting: Count, viewer: Viewer | None) -> None:
    """Run to the end, or to the first Ctrl-C; a second one is not waited for."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def interrupt() -> None:
        stop.set()
        for one in signals:
            loop.remove_signal_handler(one)

    signals = (signal.SIGINT, signal.SIGTERM)
    for one in signals:
        loop.add_signal_handler(one, interrupt)
    await run(order, counting, viewer, stop)
