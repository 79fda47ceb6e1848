"""``status``: what is announced, and why or why not."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import click

from anycast_wrapper.config.peek import control_socket
from anycast_wrapper.control.client import NoAnswerError, NotPermittedError, NotRunningError
from anycast_wrapper.control.lock import Lock
from anycast_wrapper.errors import AnycastWrapError

from .asking import RefusedError, ask
from .exits import StatusExit
from .render import render


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
    document, code = find_out(path)
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        click.echo(render(document))
    sys.exit(code)


def find_out(path: Path, *, seconds: float = 10.0) -> tuple[dict[str, Any], StatusExit]:
    """What there is to say, and the exit status that says it.

    Args:
        path: the configuration file.
        seconds: how long a wrapper that runs may take to answer.
    """
    try:
        document = ask(path, "status", seconds=seconds)["status"]
        withdrawn = any(service["rank"] == "withdrawn" for service in document["services"])
    except NotRunningError:
        return _not_running(path)
    except (NotPermittedError, NoAnswerError, RefusedError) as error:
        return {"state": "unknown", "detail": str(error)}, StatusExit.UNKNOWN
    except (KeyError, TypeError):
        detail = "what runs gives no status that we know: is it of another version?"
        return {"state": "unknown", "detail": detail}, StatusExit.UNKNOWN
    return document, StatusExit.NOT_ANNOUNCED if withdrawn else StatusExit.ANNOUNCED


def _not_running(path: Path) -> tuple[dict[str, Any], StatusExit]:
    socket = control_socket(path)
    try:
        pid = Lock(socket).holder()
    except AnycastWrapError as error:
        return {"state": "unknown", "detail": str(error)}, StatusExit.UNKNOWN
    if pid is not None:
        detail = f"pid {pid} runs, but nobody listens on its control socket {socket} (any more)"
        return {"state": "unknown", "detail": detail}, StatusExit.UNKNOWN
    # Here, so that the usual case, a wrapper that runs, does not wait for their import.
    from anycast_wrapper.config.load import load  # noqa: PLC0415

    from .leftovers import left_behind  # noqa: PLC0415

    try:
        left = left_behind(load(path))
    except AnycastWrapError as error:
        return {"state": "unknown", "detail": str(error)}, StatusExit.UNKNOWN
    if left:
        return {"state": "dead", "left_behind": left}, StatusExit.LEFT_BEHIND
    return {"state": "not-running"}, StatusExit.NOT_RUNNING
