"""What the commands that talk to a running wrapper share."""

import getpass
import os
from pathlib import Path
from typing import Any

import click

from anycast_wrapper.config.peek import control_socket
from anycast_wrapper.control import client
from anycast_wrapper.errors import AnycastWrapError

FORCE = "Even if no other node announces what this one announces."
"""The help of an option."""


class RefusedError(AnycastWrapError):
    """The wrapper did not do what it was asked to; it says why.

    Attributes:
        code: the exit status that says it, in the words of LSB.
    """

    def __init__(self, reply: dict[str, Any]) -> None:
        super().__init__(str(reply.get("error", "no reason given")))
        self.code: object = reply.get("code")


def ask(path: Path, command: str, *, seconds: float = 10.0, **fields: object) -> dict[str, Any]:
    """Ask the wrapper that runs with this configuration file.

    Raises:
        AnycastWrapError: there is none, we may not, or it refuses.
    """
    reply = client.request(control_socket(path), command, seconds=seconds, **fields)
    if not reply.get("ok"):
        raise RefusedError(reply)
    return reply


def warn(reply: dict[str, Any]) -> None:
    """Show what the wrapper has to say although it did what it was asked to."""
    if warning := reply.get("warning"):
        click.echo(f"anycast-wrap: warning: {warning}", err=True)


def who() -> str:
    """Whoever gives the command, for the log and for colleagues."""
    sudo = os.environ.get("SUDO_USER")
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        name = f"uid {os.getuid()}"
    return f"{sudo} (as {name})" if sudo else name
