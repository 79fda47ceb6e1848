"""BIRD, asked over its control socket: what it originates by OSPF and exports to BGP, and who else.

Every OSPF and BGP protocol that it runs is asked, whatever it is called. An address is originated
if one of them has it: OSPF in an LSA of our own, BGP in what is exported to a neighbour whose
session stands. Nothing is started for a question: it takes a millisecond, where vtysh takes thirty.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from anycast_wrapper.core.model import Address

from .birdctl import Conversation, Reply, connect, quoted
from .birdstate import census, exported, of_kind, protocols
from .census import Census
from .daemon import Answer

SECONDS = 2.0
"""How long everything that is asked at one time may take."""

ANNOUNCING = frozenset({"OSPF", "BGP"})
"""The kinds of protocols that are understood."""

_HOST_ROUTES = "net.len = 32 || net.len = 128"
_PREFIX = re.compile(r"\s([0-9A-Fa-f.:]+)/\d+(\s|$)")

_Known = TypeVar("_Known")

Surroundings = tuple[Census, tuple[str, ...]]
"""A database, and the lines of ``show ospf neighbors`` beside it."""


class Bird:
    """A `RoutingDaemon` that is BIRD.

    Args:
        socket: where it takes commands.
    """

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def originated(self, versions: Sequence[int]) -> dict[int, Answer]:
        """The host addresses that are originated, by IP version. Never raises."""
        found = await self._with_bird(_originated)
        if isinstance(found, str):
            return dict.fromkeys(versions, found)
        return {v: frozenset(a for a in found if a.version == v) for v in versions}

    async def census(self, versions: Sequence[int]) -> dict[int, Census | str]:
        """Who originates what by OSPF, by IP version, or why nobody knows. Never raises."""
        found = await self._with_bird(_censuses)
        if isinstance(found, str):
            return dict.fromkeys(versions, found)
        return {version: _of_version(version, found) for version in versions}

    async def surroundings(self) -> list[Surroundings] | str:
        """Of each OSPF, its census and what it says of its neighbours. Never raises."""
        return await self._with_bird(_surroundings)

    async def _with_bird(self, ask: Callable[[Conversation], Awaitable[_Known]]) -> _Known | str:
        """What is learnt in a conversation, or a sentence that says why nothing is."""
        try:
            async with asyncio.timeout(SECONDS):
                conversation = await connect(self._socket)
                try:
                    return await ask(conversation)
                finally:
                    await conversation.close()
        except TimeoutError:
            return f"BIRD does not answer within {SECONDS:g} s"
        except OSError as error:
            return f"BIRD: {self._socket}: {error.strerror or error}"
        except ValueError:  # BadReplyError is one, and so is an address that is none
            return "BIRD answers in a form that is not known here"
        except NobodyError as error:
            return f"BIRD: {error}"


class NobodyError(Exception):
    """BIRD has nothing to say of it; the message says why."""


async def _originated(bird: Conversation) -> frozenset[Address]:
    known = protocols((await _told(bird, "show protocols")).lines)
    if not ANNOUNCING & {one.kind for one in known}:
        raise NobodyError("runs neither OSPF nor BGP")
    found: set[Address] = set()
    for name in quoted([one.name for one in of_kind("OSPF", known)]):
        state = census((await _told(bird, f"show ospf state all {name}")).lines)
        if isinstance(state, Census):
            found |= {offer.address for offer in state.offers if offer.router == state.router}
    for name in quoted([one.name for one in of_kind("BGP", known)]):
        question = f"show route export {name} where {_HOST_ROUTES}"
        reply = await bird.ask(question)
        # A session may end between two questions; then nothing is exported to it.
        found |= exported(reply.lines) if not reply.error else frozenset()
    return frozenset(found)


async def _surroundings(bird: Conversation) -> list[Surroundings]:
    known = protocols((await _told(bird, "show protocols")).lines)
    found = []
    for name in quoted([one.name for one in of_kind("OSPF", known)]):
        state = census((await _told(bird, f"show ospf state all {name}")).lines)
        lines = (await _told(bird, f"show ospf neighbors {name}")).lines
        if isinstance(state, Census):
            found.append((state, lines))
    return found


async def _censuses(bird: Conversation) -> list[tuple[int | None, Census]]:
    """What each database says, and of which IP version it is, if it says that."""
    known = protocols((await _told(bird, "show protocols")).lines)
    if not any(of_kind("OSPF", known)):
        raise NobodyError("no OSPF runs, and only OSPF tells a host who else announces an address")
    found = []
    for name in quoted([one.name for one in of_kind("OSPF", known)]):
        lines = (await _told(bird, f"show ospf state all {name}")).lines
        state = census(lines)
        if isinstance(state, Census):
            found.append((_version(lines), state))
    return found


def _version(lines: Iterable[str]) -> int | None:
    """Of the first prefix in a database: each has those of one version only."""
    first = next((match for line in lines if (match := _PREFIX.search(line))), None)
    return None if first is None else 6 if ":" in first[1] else 4


def _of_version(version: int, found: Iterable[tuple[int | None, Census]]) -> Census | str:
    """The census of all databases of one version."""
    mine = [state for one, state in found if one == version]
    if not mine:
        return f"BIRD has no database of OSPF for IPv{version}"
    return Census(
        mine[0].router,
        tuple(offer for state in mine for offer in state.offers),
        frozenset().union(*(state.reachable for state in mine)),
    )


async def _told(bird: Conversation, question: str) -> Reply:
    """The reply.

    Raises:
        NobodyError: there is none, in BIRD's words.
    """
    reply = await bird.ask(question)
    if reply.error:
        raise NobodyError(reply.error)
    return reply
