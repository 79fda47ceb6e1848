"""``status``: what is announced, and why or why not."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from . import standing
from .render import render
from .standing import Found


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A document for programs.")
@click.option("--watch", is_flag=True, help="Live, until interrupted.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1, max=3600),
    metavar="SECONDS",
    help="Between two looks of --watch.  [default: 1]",
)
@click.option("--screen", is_flag=True, help="With --watch: leave the terminal as it was.")
@click.pass_obj
def status(path: Path, interval: float | None, *, as_json: bool, watch: bool, screen: bool) -> None:
    """Show what is announced, and why or why not.

    \b
    Exit status:
      0  everything is announced
      1  not running, but something is left behind
      3  not running
      4  unknown
      5  running, but not everything is announced
    """  # noqa: D301 - \b is for click
    if watch:
        if as_json:
            raise click.UsageError("--watch is for people, --json for programs: one of them")
        from .watching import WATCH_SECONDS, follow  # noqa: PLC0415 - not every time

        find = partial(find_out, path, seconds=WATCH_SECONDS)
        sys.exit(follow(find, interval or 1.0, screen=screen))
    if interval is not None or screen:
        raise click.UsageError("--interval and --screen belong to --watch")
    standing.show(find_out(path), render, as_json=as_json)


def find_out(path: Path, *, seconds: float = 10.0) -> Found:
    """What there is to say of the wrapper, and the exit status that says it.

    Args:
        path: the configuration file.
        seconds: how long a wrapper that runs may take to answer.
    """
    return standing.find_out(path, _all_announced, _left_behind, seconds=seconds)


def _all_announced(document: dict[str, Any]) -> bool:
    return all(service["rank"] != "withdrawn" for service in document["services"])


def _left_behind(path: Path) -> Sequence[str]:
    # Here, so that the usual case, a wrapper that runs, does not wait for their import.
    from anycast_wrapper.config.load import load  # noqa: PLC0415

    from .leftovers import left_behind  # noqa: PLC0415

    return left_behind(load(path))
