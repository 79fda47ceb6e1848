"""FRR, asked through vtysh: what ospfd and ospf6d originate themselves, and what others do.

The link-state database is the truth: an address that is in no LSA of our own is not announced,
whatever our interfaces say, and one that is in an LSA of our own is, whether by ``ip ospf area`` or
by ``redistribute connected``. Facts about FRR 8.4 that this rests on are held by lab tests.

Each daemon is asked by a vtysh of its own: one that hangs does not keep the other from answering.
"""

import asyncio
import contextlib
import errno
import json
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from anycast_wrapper.core.model import Address

from .census import Census, census
from .daemon import Answer, Manner
from .lsdb import FORM_ERRORS, documents, lsas, offers, router_lsas

__all__ = ["Answer", "Vtysh", "output", "router_lsas"]

SECONDS = 1.0
"""How long vtysh may take; it takes some 20 ms."""

CENSUS_SECONDS = 2.0
"""How long it may take for the whole database; somebody waits for it, but nothing else does."""

MAX_OUTPUT = 1 << 22
"""Bytes of an answer: those of a host with a thousand addresses take a tenth of it."""

ORIGINATED = {
    4: (
        "show ip ospf database router self-originate json",
        "show ip ospf database external self-originate json",
    ),
    6: (
        "show ipv6 ospf6 database intra-prefix self-originated detail json",
        "show ipv6 ospf6 database as-external self-originated detail json",
    ),
}
"""The one that counts most first: vtysh goes no further than a question that it does not know."""

EVERYBODY = {
    4: tuple(
        f"show ip ospf database {kind} json"
        for kind in ("router", "network", "summary", "asbr-summary", "external", "nssa-external")
    ),
    6: ("show ipv6 ospf6 json", "show ipv6 ospf6 database detail json"),
}
DAEMONS = {4: "ospfd", 6: "ospf6d"}

MANNER = Manner(
    "OSPF",
    DAEMONS,
    {
        version: f"is `{words} area` set on the interface? `anycast-wrap doctor` looks"
        for version, words in ((4, "ip ospf"), (6, "ipv6 ospf6"))
    },
    "look for `redistribute` and for another interface that has the address",
)
"""How FRR is spoken of."""

Document = dict[str, Any]

_Known = TypeVar("_Known")


class Vtysh:
    """Asks the routing daemons.

    Args:
        argv: the vtysh program with what it needs to find the daemons, such as ``-N NAME``.
    """

    def __init__(self, argv: Sequence[str]) -> None:
        self._argv = tuple(argv)

    async def originated(self, versions: Sequence[int]) -> dict[int, Answer]:
        """The host addresses that are originated, by IP version. Never raises."""
        return await self._ask(versions, ORIGINATED, SECONDS, _own)

    async def census(self, versions: Sequence[int]) -> dict[int, Census | str]:
        """Who originates what, by IP version, or why nobody knows. Never raises."""
        return await self._ask(versions, EVERYBODY, CENSUS_SECONDS, census)

    async def _ask(
        self,
        versions: Sequence[int],
        questions: Mapping[int, tuple[str, ...]],
        seconds: float,
        read: Callable[[Sequence[Document]], _Known],
    ) -> dict[int, _Known | str]:
        answers = await asyncio.gather(
            *(self._answer(version, questions[version], seconds, read) for version in versions)
        )
        return dict(zip(versions, answers, strict=True))

    async def _answer(
        self,
        version: int,
        questions: Sequence[str],
        seconds: float,
        read: Callable[[Sequence[Document]], _Known],
    ) -> _Known | str:
        daemon = DAEMONS[version]
        said = await told(self._argv, daemon, questions, seconds)
        if isinstance(said, str):
            return said
        try:
            known = read(said)
        except FORM_ERRORS:
            return f"{daemon} answers in a form that is not known here"
        return f"{daemon}: {known}" if isinstance(known, str) else known


async def told(
    argv: Sequence[str], daemon: str, questions: Sequence[str], seconds: float
) -> list[Document] | str:
    """The documents in what a daemon answers, or why there is no answer. Never raises.

    Args:
        argv: vtysh, with what it needs to find the daemons.
        daemon: who is asked, for the sentence.
        questions: as vtysh takes them.
        seconds: how long it may take.
    """
    try:
        async with asyncio.timeout(seconds):
            text = await output([*argv, *(word for one in questions for word in ("-c", one))])
    except TimeoutError:
        return f"{daemon} does not answer within {seconds:g} s"
    except OSError as error:
        return f"{argv[0]}: {error.strerror}"
    said = list(documents(text))
    return said if said or _is_json(text) else f"{daemon}: {_words(text)}"


def _own(said: Sequence[Document]) -> frozenset[Address]:
    """The host routes in LSAs of our own."""
    if not said:
        raise KeyError("documents")
    return frozenset(offer.address for document in said for offer in offers(lsas(document)))


def _is_json(text: str) -> bool:
    """Whether it is an answer at all, be it of a form that nobody knows."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _words(text: str) -> str:
    """What vtysh says instead of an answer, in one line: the one that says why it ends, if any."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["no answer"]
    return next((line for line in lines if line.startswith("Exiting: ")), lines[0])[:120]


KILLED_WITHIN = 1.0
"""Seconds that the end of a killed process is waited for."""


async def output(argv: Sequence[str]) -> str:
    """What a command prints. Its exit status is no proof of anything: vtysh's is 0 too often.

    Raises:
        OSError: it cannot be run.
    """
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        process_group=0,
        # vtysh runs a pager where it thinks that somebody looks, and always for a configuration;
        # with an empty name that is lost.
        env={**os.environ, "VTYSH_PAGER": "cat"},
    )
    try:
        output = await _all_of(process.stdout)
        await process.wait()
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        # What is left is read, so that nothing stays open; in bounded time, as what sleeps in the
        # kernel does not die at once.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(KILLED_WITHIN):
                await process.communicate()
        raise
    return output.decode("utf-8", "replace")


async def _all_of(stream: asyncio.StreamReader | None) -> bytes:
    """Everything that comes, unless it is more than any routing daemon has to say.

    Raises:
        OSError: it is.
    """
    output = bytearray()
    while stream is not None and (chunk := await stream.read(1 << 16)):
        output += chunk
        if len(output) > MAX_OUTPUT:
            raise OSError(errno.EFBIG, f"prints more than {MAX_OUTPUT} bytes")
    return bytes(output)
