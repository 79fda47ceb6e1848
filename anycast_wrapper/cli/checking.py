"""What can be told about the daemon before it is started."""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from importlib.util import find_spec

from anycast_wrapper.config.schema import Listening
from anycast_wrapper.errors import AnycastWrapError
from anycast_wrapper.nameserver import run_check

from .exits import NotInstalledError

CHECK_SECONDS = 30.0
"""How long the daemon's checker may take, where nothing waits for it but the operator."""


def check_installed(command: Sequence[str]) -> None:
    """Whether the daemon's program is there.

    Raises:
        NotInstalledError: it is not.
    """
    if shutil.which(command[0]) is None:
        raise NotInstalledError(
            f"{command[0]}: no such program, or not executable; install the name server, "
            "or set daemon.command to another one",
        )


def check_metrics(metrics: Listening, find: Callable[[str], object] = find_spec) -> None:
    """Whether what listens for scrapes can, if it is wanted.

    Args:
        metrics: may ask for a listener.
        find: gives None for a module that is not installed.

    Raises:
        NotInstalledError: a library that it needs is not there.
    """
    lacks = [name for name in ("aiohttp", "prometheus_client") if find(name) is None]
    if metrics.listen and lacks:
        raise NotInstalledError(
            f"metrics.listen is set, but {' and '.join(lacks)} cannot be imported; install them "
            "(`pip install 'anycast-wrap[metrics]'`), or take metrics.listen out",
        )


def check_daemon(command: Sequence[str] | None) -> None:
    """Whether the daemon's own configuration is good, by its checker.

    Raises:
        AnycastWrapError: it is not, with the checker's words.
    """
    if command and (words := asyncio.run(run_check(command, CHECK_SECONDS))):
        raise AnycastWrapError(f"{command[0]}: {words}; nothing was changed")
