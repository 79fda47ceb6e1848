"""``status --watch``: what ``status`` says, again and again, in one place of a terminal.

Where the output is no terminal, it is a line for every change. Whatever is watched may be stopped,
started again or gone for good: that is said like everything else.
"""

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import click

from anycast_wrapper.errors import AnycastWrapError

from .exits import NotInstalledError, StatusExit
from .render import spoken

Document = dict[str, Any]
Find = Callable[[], tuple[Document, StatusExit]]
"""Gives the status document and the exit status that says it."""

WATCH_SECONDS = 4.0
"""How long an answer may take: somebody waits for it, and there is a next one."""

SLICE = 0.1
"""Seconds between two looks whether the terminal has another size."""


def follow(find: Find, interval: float, *, screen: bool = False) -> StatusExit:
    """Show it until somebody interrupts; the exit status that ``status`` would have at the end.

    Args:
        find: asks for it; may raise `AnycastWrapError`, which is shown.
        interval: seconds between two questions.
        screen: use the terminal's alternate screen, which is gone afterwards.

    Raises:
        NotInstalledError: a terminal is drawn on by a library that is not there.
    """
    seen = [StatusExit.UNKNOWN]

    def look() -> Document:
        try:
            document, seen[0] = find()
        except AnycastWrapError as error:
            seen[0] = StatusExit.UNKNOWN
            return {"state": "unknown", "detail": str(error)}
        return document

    before = signal.signal(signal.SIGTERM, _interrupted)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            if sys.stdout.isatty():
                _draw(look, interval, screen=screen)
            else:
                _tell_changes(look, interval)
    finally:
        signal.signal(signal.SIGTERM, before)
    return seen[0]


def _interrupted(number: int, frame: FrameType | None) -> None:
    """Being ended is no other than being interrupted: the terminal wants its cursor back."""
    del number, frame
    raise KeyboardInterrupt


def _draw(look: Callable[[], Document], interval: float, *, screen: bool) -> None:
    try:
        from rich.console import Console  # noqa: PLC0415 - only whoever watches needs it
        from rich.live import Live  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise NotInstalledError(
            f"status --watch draws with {error.name}, which is not installed: "
            "pip install anycast-wrap[watch]"
        ) from None
    from .watchview import view  # noqa: PLC0415 - needs rich as well

    console = Console(highlight=False)
    with Live(console=console, auto_refresh=False, screen=screen, transient=False) as live:
        size = console.size
        while True:
            document = look()
            until = time.monotonic() + interval
            while True:
                if console.size != size:
                    # What stood there was wrapped anew by the terminal: nobody knows where it is.
                    size = console.size
                    console.clear()
                live.update(view(document, console, interval), refresh=True)
                while (left := until - time.monotonic()) > 0 and console.size == size:
                    time.sleep(min(SLICE, left))
                if console.size == size:
                    break


def _tell_changes(look: Callable[[], Document], interval: float) -> None:
    said = ""
    while True:
        words = "; ".join(changing(look()))
        if words != said:
            said = words
            at = datetime.now(tz=UTC).astimezone().strftime("%F %T")
            click.echo(f"{at} {words}")
            sys.stdout.flush()
        time.sleep(interval)


def changing(document: Document) -> Iterator[str]:
    """Of a status document, in words, what is worth a line when it changes."""
    detail = plain(document.get("detail", ""))
    yield document["state"] + (f" ({detail})" if detail else "")
    yield from map(plain, document.get("left_behind", ()))
    if drained := document.get("drained"):
        yield f"drained {plain(drained['detail'])}".rstrip()
    for service in document.get("services", ()):
        why = "" if service["rank"] == "preferred" else f" ({reason(service)})"
        yield f"{service['name']} {service['rank']}{why}"
        for address in service["addresses"]:
            words, lie = truth(address, spoken(document))
            if lie:
                yield f"{address['address']} {words}"


def reason(service: Document) -> str:
    """Why a service has the rank it has."""
    detail = plain(service["detail"])
    return f"{service['reason']}: {detail}" if detail else str(service["reason"])


def truth(address: Document, who: str = "OSPF") -> tuple[str, bool]:
    """What the routing daemon makes of an address, in a few words, and whether we are a liar."""
    withdrawn, found = address["rank"] == "withdrawn", address.get("truth")
    if found == "agrees":
        return f"not in {who}" if withdrawn else f"in {who}", False
    words = {
        "leaking": (f"LEAKS INTO {who}", True),
        "not-originated": (f"MISSING FROM {who}", True),
        "settling": (f"{who} settles", False),
    }
    return words.get(str(found), (f"{who} unknown", False))


def plain(words: object) -> str:
    """Without anything that a terminal would obey: details come from a network."""
    return "".join(c if c.isprintable() else " " for c in str(words))
