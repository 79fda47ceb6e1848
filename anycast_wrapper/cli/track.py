"""``track``: on a gateway, probe the servers and lead the service addresses to the healthy ones."""

import asyncio
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from anycast_wrapper.config import DEFAULT_TRACK_FILE
from anycast_wrapper.config.peek import TRACK_SOCKET, control_socket
from anycast_wrapper.config.trackfile import load
from anycast_wrapper.control.lock import Lock
from anycast_wrapper.errors import AnycastWrapError

from . import standing
from .asking import ask, signed, warn
from .checking import check_metrics
from .trackview import render
from .waiting import eventually

PATIENCE = 3600.0
"""Seconds to wait for a drain: it lingers as long as it is configured to, and answers by itself."""

_ask = partial(ask, default=TRACK_SOCKET)


@click.group(invoke_without_command=True)
@click.pass_context
def track(context: click.Context) -> None:
    """On a gateway: send a service's queries to the servers that answer.

    Without a command, it runs, as with `run`. The file is /etc/anycast-wrap/track.toml, or what -c
    says.
    """
    root = context.find_root()
    if root.get_parameter_source("path") is ParameterSource.DEFAULT:
        context.obj = DEFAULT_TRACK_FILE
    if context.invoked_subcommand is None:
        context.invoke(run)


@track.command()
@click.pass_obj
def run(path: Path) -> None:
    """Probe the servers and lead every service address to the healthy ones, until stopped.

    In the foreground, for systemd. SIGTERM and SIGINT end it, SIGHUP is `track reload`.
    """
    from anycast_wrapper.telemetry.logs import open_log  # noqa: PLC0415 - not for every command
    from anycast_wrapper.track.running import Gateway  # noqa: PLC0415 - the same

    config = load(path)
    check_metrics(config.metrics)
    lock = Lock(config.control.socket, config.control.pid_file)
    lock.acquire()
    open_log(config.log.to, config.log.level, foreground=True)
    sys.exit(asyncio.run(Gateway(config, path, os.environ).run(lock)).code)


@track.command()
@click.option("--json", "as_json", is_flag=True, help="A document for programs.")
@click.pass_obj
def status(path: Path, *, as_json: bool) -> None:
    """Show every server with its health, and where each service address leads.

    \b
    Exit status:
      0  every service address leads somewhere
      1  not running, but something is left behind
      3  not running
      4  unknown
      5  running, but some service address leads nowhere
    """  # noqa: D301 - \b is for click
    found = standing.find_out(path, _all_led, _left_behind, default=TRACK_SOCKET)
    standing.show(found, render, as_json=as_json)


@track.command()
@click.argument("server")
@click.argument("reason", nargs=-1)
@click.pass_obj
def drain(path: Path, server: str, reason: tuple[str, ...]) -> None:
    """Take a server out of service, over restarts and reboots, until it is undrained.

    SERVER is its name, in every pool that has it, or POOL/SERVER. Returns when nothing leads to it
    any more. REASON is kept for your colleagues.
    """
    reply = _ask(path, "drain", seconds=PATIENCE, server=server, detail=signed(reason))
    warn(reply)
    click.echo(f"drained: {', '.join(reply['servers'])}; `anycast-wrap track undrain` ends it")


@track.command()
@click.argument("server")
@click.pass_obj
def undrain(path: Path, server: str) -> None:
    """Put a drained server back; it is sent queries once its probes say that it answers."""
    click.echo(f"undrained: {', '.join(_ask(path, 'undrain', server=server)['servers'])}")


@track.command()
@click.pass_obj
def reload(path: Path) -> None:
    """Read the file again. One with a mistake changes nothing: the mistake is reported."""
    _ask(path, "reload", seconds=30.0)
    click.echo("reloaded")


@track.command()
@click.pass_obj
def stop(path: Path) -> None:
    """End the tracker that runs, and wait for it. That none runs is no error.

    What it has led anywhere is withdrawn, or stays, by track.on-exit.
    """
    lock = Lock(control_socket(path, TRACK_SOCKET))
    if lock.holder() is None:
        click.echo("not running")
        return
    limit = float(_ask(path, "stop", detail=signed())["seconds"])
    if not eventually(lambda: lock.holder() is None, limit):
        raise AnycastWrapError(f"the tracker (pid {lock.holder()}) still runs after {limit:g} s")
    click.echo("stopped")


@track.command()
@click.pass_obj
def withdraw(path: Path) -> None:
    """Remove whatever a tracker left in the kernel. A tracker that runs will put it back."""
    from anycast_wrapper.track import wiring  # noqa: PLC0415 - not for every command

    done = asyncio.run(wiring.withdraw(load(path)))
    for sentence in done or ("nothing was left behind",):
        click.echo(sentence)


@track.command("check-config")
@click.pass_obj
def check_config(path: Path) -> None:
    """Check the file; every mistake is reported, exit status 6 if there is one."""
    pools = load(path).pool
    servers = sum(len(pool.server) for pool in pools)
    click.echo(
        f"{path}: good, {len(pools)} pool{'s' if len(pools) > 1 else ''}, "
        f"{servers} server{'s' if servers > 1 else ''}",
    )


# --- how a tracker stands ---


def _all_led(document: dict[str, Any]) -> bool:
    return all(a["members"] for pool in document["pools"] for a in pool["addresses"])


def _left_behind(path: Path) -> list[str]:
    from anycast_wrapper.track import wiring  # noqa: PLC0415 - a tracker that runs needs none

    return asyncio.run(wiring.left_behind(load(path)))
