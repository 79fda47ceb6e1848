"""``drain`` and ``undrain``: a node out of service and back, while everything keeps running."""

import sys
from pathlib import Path

import click

from .asking import FORCE, ask, signed, warn
from .exits import Exit

PATIENCE = 600.0
"""Seconds to wait for a drain. It lingers as long as it is configured to, and answers by itself."""


@click.command()
@click.argument("reason", nargs=-1)
@click.option("--force", is_flag=True, help=FORCE)
@click.pass_obj
def drain(path: Path, reason: tuple[str, ...], *, force: bool) -> None:
    """Take the node out of service; it stays out over restarts and reboots until undrained.

    Returns when nothing is announced any more and the queries that were under way are answered:
    from then on the node is yours. REASON is kept for your colleagues.
    """
    warn(ask(path, "drain", seconds=PATIENCE, detail=signed(reason), force=force))
    click.echo("drained: nothing is announced, the daemon runs on; `anycast-wrap undrain` ends it")


@click.command()
@click.option("--wait", default=60.0, show_default=True, help="Seconds to wait for it.")
@click.pass_obj
def undrain(path: Path, wait: float) -> None:
    """Put a drained node back; returns once it is announced, or says why it is not."""
    status = ask(path, "undrain", seconds=wait + 15.0, wait=wait)["status"]
    click.echo(status["headline"])
    if any(service["rank"] == "withdrawn" for service in status["services"]):
        sys.exit(Exit.FAILED)
