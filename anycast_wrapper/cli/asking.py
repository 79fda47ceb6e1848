"""What the commands that talk to a running wrapper, or to a running tracker, share."""

import getpass
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from anycast_wrapper.config.peek import DEFAULT_SOCKET, control_socket
from anycast_wrapper.control import client
from anycast_wrapper.errors import AnycastWrapError

FORCE = "Even if no other node announces what this one announces."
"""The help of an option."""


class RefusedError(AnycastWrapError):
    """Whoever was asked did not do it, and says why.

    Attributes:
        code: the exit status that says it, in the words of LSB.
    """

    def __init__(self, reply: dict[str, Any]) -> None:
        super().__init__(str(reply.get("error", "no reason given")))
        self.code: object = reply.get("code")


def ask(
    path: Path,
    command: str,
    *,
    seconds: float = 10.0,
    default: Path = DEFAULT_SOCKET,
    **fields: object,
) -> dict[str, Any]:
    """Ask whoever runs with this configuration file.

    Args:
        path: the file.
        command: what is asked for.
        seconds: how long an answer may take.
        default: the control socket, if the file does not name another.
        fields: what goes with the command.

    Raises:
        AnycastWrapError: nobody runs, we may not ask, or it refuses.
    """
    reply = client.request(control_socket(path, default), command, seconds=seconds, **fields)
    if not reply.get("ok"):
        raise RefusedError(reply)
    return reply


def warn(reply: dict[str, Any]) -> None:
    """Show what there is to say although it was done."""
    if warning := reply.get("warning"):
        click.echo(f"anycast-wrap: warning: {warning}", err=True)


def signed(reason: Sequence[str] = ()) -> str:
    """Who gives the command, and why, for the log and for colleagues."""
    sudo = os.environ.get("SUDO_USER")
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        name = f"uid {os.getuid()}"
    who = f"{sudo} (as {name})" if sudo else name
    return f"by {who}: {' '.join(reason)}" if reason else f"by {who}"
