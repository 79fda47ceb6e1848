"""The running wrapper, followed over its control socket: see `anycast_wrapper.following`."""

import asyncio
import logging
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

from anycast_wrapper.control.protocol import (
    MAX_REPLY,
    Document,
    ProtocolError,
    decode,
    encode,
)
from anycast_wrapper.core.model import Rank

from .words import Services

HEARTBEAT = 0.5
"""Seconds after which the wrapper answers even if nothing has changed."""

SILENCE = 3 * HEARTBEAT
"""Seconds without an answer after which nobody knows what is true."""

PAUSE = 0.1
PAUSE_AT_MOST = 1.0
"""Seconds between two attempts to reach a wrapper that is gone: at first, and at most."""

_RANKS = {rank.slug: rank for rank in Rank}

_log = logging.getLogger(__name__)

Know = Callable[[Services | None], None]
"""Told what is announced; None where that is not known."""


class LostError(Exception):
    """The wrapper did not answer; the message says how."""


class TurnedAwayError(Exception):
    """It did, but not what was asked; the message is its own."""


async def follow(path: Path, know: Know) -> None:
    """Follow whichever wrapper is behind a control socket, for ever.

    Args:
        path: of the control socket.
        know: called with every answer, and at once when there is none.
    """
    clock = asyncio.get_running_loop().time
    mark, heard, pause, lost = "", clock(), PAUSE, ""
    while True:
        try:
            reply = await _ask(path, mark)
            services = read(reply)
        except (LostError, TurnedAwayError) as error:
            if isinstance(error, LostError) or clock() - heard > SILENCE:
                know(None)
                if lost != str(error):
                    lost = str(error)
                    _log.warning("wrapper-lost", {"socket": path, "error": lost})
                mark = ""
            await asyncio.sleep(pause)
            pause = min(2 * pause, PAUSE_AT_MOST)
            continue
        know(services)  # before the log: it may be slow
        if not mark:
            _log.info("wrapper-followed", {"socket": path})
        mark, heard, pause, lost = reply["mark"], clock(), PAUSE, ""


def read(reply: Document) -> Services:
    """What is announced, by a reply.

    Raises:
        TurnedAwayError: by the wrapper's own words, or because they are not ours.
    """
    if not reply.get("ok"):
        raise TurnedAwayError(str(reply.get("error", "no reason given")))
    try:
        services = {
            str(service["name"]): {
                ip_address(address): _RANKS[rank] for address, rank in service["addresses"].items()
            }
            for service in reply["services"]
        }
        known = isinstance(reply["mark"], str) and reply["mark"] != ""
    except (KeyError, TypeError, ValueError, AttributeError):
        known = False
    if not known:
        raise TurnedAwayError("an answer that we do not know: is it of another version?")
    return services


async def _ask(path: Path, mark: str) -> Document:
    """Ask once. The connection ends with the wrapper, so its end is known at once.

    Raises:
        LostError: there is no answer.
    """
    request = {"command": "await", "mark": mark, "wait": HEARTBEAT}
    try:
        async with asyncio.timeout(SILENCE):
            reader, writer = await asyncio.open_unix_connection(path, limit=MAX_REPLY)
            try:
                writer.write(encode(request))
                return decode(await reader.readline())
            finally:
                writer.close()
    except TimeoutError:
        raise LostError(f"no answer in {SILENCE:g} s") from None
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        raise LostError("nobody is there") from None
    except PermissionError:
        raise LostError("no permission; see control.group") from None
    except (ProtocolError, ValueError) as error:  # ValueError: a line beyond the limit
        raise LostError(f"its answer was {error}") from None
    except OSError as error:
        raise LostError(error.strerror or str(error)) from None
