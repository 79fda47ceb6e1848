"""How what runs stands, or what is left of it: of a wrapper, and of a tracker."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from anycast_wrapper.config.peek import DEFAULT_SOCKET, control_socket
from anycast_wrapper.control.client import NoAnswerError, NotPermittedError, NotRunningError
from anycast_wrapper.control.lock import Lock
from anycast_wrapper.errors import AnycastWrapError

from .asking import RefusedError, ask
from .exits import StatusExit

Found = tuple[dict[str, Any], StatusExit]
"""What there is to say, and the exit status that says it."""


def find_out(
    path: Path,
    well: Callable[[dict[str, Any]], bool],
    left_behind: Callable[[Path], Sequence[str]],
    *,
    default: Path = DEFAULT_SOCKET,
    seconds: float = 10.0,
) -> Found:
    """Whatever there is to say.

    Args:
        path: the configuration file.
        well: whether everything is announced, or leads somewhere, by a status document.
        left_behind: what one that is gone has left, in words, by the configuration file. It may
            raise an `AnycastWrapError`.
        default: the control socket, if the file does not name another.
        seconds: how long whoever runs may take to answer.
    """
    try:
        document: dict[str, Any] = ask(path, "status", seconds=seconds, default=default)["status"]
        good = well(document)
    except NotRunningError:
        return _not_running(path, left_behind, default)
    except (NotPermittedError, NoAnswerError, RefusedError) as error:
        return _unknown(str(error))
    except (KeyError, TypeError):
        return _unknown("what runs gives no status that we know: is it of another version?")
    return document, StatusExit.ANNOUNCED if good else StatusExit.NOT_ANNOUNCED


def show(found: Found, render: Callable[[dict[str, Any]], str], *, as_json: bool) -> NoReturn:
    """Print it, for people or for programs, and exit."""
    document, code = found
    text = json.dumps(document, indent=2, ensure_ascii=False) if as_json else render(document)
    click.echo(text)
    sys.exit(code)


def _not_running(
    path: Path,
    left_behind: Callable[[Path], Sequence[str]],
    default: Path,
) -> Found:
    socket = control_socket(path, default)
    try:
        if (pid := Lock(socket).holder()) is not None:
            words = f"pid {pid} runs, but nobody listens on its control socket {socket} (any more)"
            return _unknown(words)
        left = left_behind(path)
    except AnycastWrapError as error:
        return _unknown(str(error))
    if left:
        return {"state": "dead", "left_behind": left}, StatusExit.LEFT_BEHIND
    return {"state": "not-running"}, StatusExit.NOT_RUNNING


def _unknown(detail: str) -> Found:
    return {"state": "unknown", "detail": detail}, StatusExit.UNKNOWN
