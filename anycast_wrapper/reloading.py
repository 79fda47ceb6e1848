"""What a wrapper and a tracker do alike: hear signals, and read the file that they serve again."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

from .config.errors import ConfigError
from .control.protocol import Document, failure
from .telemetry.systemd import Notifier

NOT_CONFIGURED = 6

Config = TypeVar("Config")


class KeptError(Exception):
    """The old configuration stays in force; the message says why."""

    def __init__(self, words: str, code: int = 1) -> None:
        super().__init__(words)
        self.code = code


def listen_to_signals(
    stop: Callable[[str], None],
    act: Callable[[Document], Coroutine[Any, Any, Document]],
) -> None:
    """From now on, SIGTERM and SIGINT stop, and SIGHUP reloads; one reload at a time.

    Args:
        stop: is told the signal's name.
        act: what is done at the request to reload, in which nothing is said.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, signal.Signals(number).name)
    reloading: asyncio.Task[Document] | None = None

    def hang_up() -> None:
        nonlocal reloading
        if reloading is None or reloading.done():
            reloading = loop.create_task(act({}))

    loop.add_signal_handler(signal.SIGHUP, hang_up)


async def reload(
    take_over: Callable[[], Awaitable[Document]],
    notifier: Notifier,
    tell: Callable[[str, str], None],
) -> Document:
    """Take over the file as it is now, or nothing of it; the reply to who asked for that.

    Args:
        take_over: does it; it raises `KeptError` where nothing is taken over.
        notifier: tells systemd when it begins and ends.
        tell: tells people of an event, by its stable name, in a few words.
    """
    notifier.reloading()
    try:
        reply = await take_over()
    except KeptError as error:
        reply = failure(str(error), error.code)
    finally:
        notifier.reloaded()
    detail = "" if reply["ok"] else reply["error"].replace("\n", "; ")
    tell("reloaded" if reply["ok"] else "reload-refused", detail)
    return reply


def read_again(
    path: Path,
    load: Callable[[Path], Config],
    old: Config,
    fixed: Sequence[str],
) -> Config:
    """The configuration that a file has now.

    Args:
        path: the file.
        load: reads it.
        old: what is in force.
        fixed: the keys that cannot be changed while we run.

    Raises:
        KeptError: the file means nothing, or changes what is fixed.
    """
    try:
        new = load(path)
    except ConfigError as error:
        words = f"{error}\nthe old configuration stays in force"
        raise KeptError(words, NOT_CONFIGURED) from None
    if keys := changed(old, new, fixed):
        raise KeptError(
            f"{path}: {', '.join(keys)} changed, which needs a restart; "
            "the old configuration stays in force",
        )
    return new


def changed(old: Config, new: Config, keys: Sequence[str]) -> list[str]:
    """Those of some keys (``drain.file``) and tables (``metrics``) that differ in two of a kind."""
    fields = {key: attrgetter(key.replace("-", "_")) for key in keys}
    return [key for key, field in fields.items() if field(old) != field(new)]
