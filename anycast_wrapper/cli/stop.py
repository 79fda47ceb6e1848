"""``stop`` and ``restart``."""

from pathlib import Path

import click

from anycast_wrapper import wiring
from anycast_wrapper.config.load import load
from anycast_wrapper.config.peek import control_socket
from anycast_wrapper.control.client import NotRunningError
from anycast_wrapper.control.lock import Lock
from anycast_wrapper.errors import AnycastWrapError

from .asking import FORCE, ask, signed, warn
from .checking import check_daemon, check_installed, check_metrics
from .start import start_background
from .unit import refuse_restart, refuse_start
from .waiting import eventually


@click.command()
@click.option("--force", is_flag=True, help=FORCE)
@click.pass_obj
def stop(path: Path, *, force: bool) -> None:
    """Withdraw, let the queries under way be answered, stop the daemon; returns when all is down.

    That nothing runs is no error.
    """
    try:
        stop_and_wait(path, force=force)
    except NotRunningError:
        click.echo("not running")
        return
    click.echo("stopped")


@click.command()
@click.option("--wait", default=60.0, show_default=True, help="Seconds to wait for announcing.")
@click.option("--force", is_flag=True, help=FORCE)
@click.pass_obj
def restart(path: Path, wait: float, *, force: bool) -> None:
    """Stop and start, if the configuration and the daemon's own are good; else change nothing."""
    config = load(path)
    check_installed(config.daemon.command)
    check_metrics(config.metrics)
    check_daemon(wiring.check_command(config))
    refuse_restart(Lock(control_socket(path)).holder())
    try:
        stop_and_wait(path, force=force)
    except NotRunningError:
        refuse_start(path)
        click.echo("not running; starting")
    start_background(config, path, wait)


def stop_and_wait(path: Path, *, force: bool) -> None:
    """Ask the running wrapper to stop, and wait until it is gone.

    Args:
        path: the configuration file.
        force: even if nobody else announces what it announces.

    Raises:
        NotRunningError: there is none.
        AnycastWrapError: it may not be asked, refuses, or does not stop in time.
    """
    lock = Lock(control_socket(path))
    if lock.holder() is None:
        raise NotRunningError("anycast-wrap is not running")
    reply = ask(path, "stop", detail=signed(), force=force)
    warn(reply)
    limit = float(reply["seconds"])
    if not eventually(lambda: lock.holder() is None, limit):
        raise AnycastWrapError(f"anycast-wrap (pid {lock.holder()}) still runs after {limit:g} s")
