"""FRR, asked through vtysh: which host routes ospfd and ospf6d originate themselves.

The link-state database is the truth: an address that is in no LSA of our own is not announced,
whatever our interfaces say. Facts about FRR 8.4 that this rests on are held by a lab test.
"""

import asyncio
import contextlib
import errno
import json
import os
import signal
from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from anycast_wrapper.core.model import Address

MAX_AGE = 3600
"""Seconds: an LSA of this age is being flushed (RFC 2328, MaxAge)."""

SECONDS = 1.0
"""How long vtysh may take; it takes some 20 ms."""

MAX_OUTPUT = 1 << 22
"""Bytes of an answer: those of a host with a thousand addresses take a tenth of it."""

COMMANDS = {
    4: "show ip ospf database router self-originate json",
    6: "show ipv6 ospf6 database intra-prefix self-originated detail json",
}
DAEMONS = {4: "ospfd", 6: "ospf6d"}

Answer = frozenset[Address] | str
"""The addresses, or a sentence that says why nobody knows."""


class Vtysh:
    """Asks the routing daemons.

    Args:
        argv: the vtysh program with what it needs to find the daemons, such as ``-N NAME``.
    """

    def __init__(self, argv: Sequence[str]) -> None:
        self._argv = tuple(argv)

    async def originated(self, versions: Sequence[int]) -> dict[int, Answer]:
        """The host addresses that are originated, by IP version. Never raises."""
        answers = await asyncio.gather(*(self._ask(version) for version in versions))
        return dict(zip(versions, answers, strict=True))

    async def _ask(self, version: int) -> Answer:
        daemon = DAEMONS[version]
        try:
            async with asyncio.timeout(SECONDS):
                text = await output((*self._argv, "-c", COMMANDS[version]))
        except TimeoutError:
            return f"{daemon} does not answer within {SECONDS:g} s"
        except OSError as error:
            return f"{self._argv[0]}: {error.strerror}"
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            first = next((line for line in text.splitlines() if line.strip()), "no answer")
            return f"{daemon}: {first.strip()[:120]}"
        try:
            return frozenset(_ospf(document) if version == 4 else _ospf6(document))
        except (AttributeError, KeyError, TypeError, ValueError):
            return f"{daemon} answers in a form that is not known here"


def _ospf(document: Any) -> Iterator[Address]:
    """The /32 stub networks of our own router-LSAs."""
    for lsa in router_lsas(document):
        for link in lsa.get("routerLinks", {}).values():
            if link.get("networkMask") == "255.255.255.255":
                yield ip_address(link["networkAddress"])


def router_lsas(document: Any) -> Iterator[Any]:
    """The router-LSAs that ospfd shows and that are not being flushed.

    FRR 8 has them by area and router, FRR 10 as a list by area.

    Raises:
        KeyError: it shows them in neither form.
    """
    if "Router Link States" in document:
        areas = [list(area.values()) for area in document["Router Link States"].values()]
    elif "routerLinkStates" in document:
        areas = list(document["routerLinkStates"]["areas"].values())
    elif isinstance(document, dict) and document.keys() <= {"routerId"}:
        areas = []
    else:
        raise KeyError("routerLinkStates")
    yield from (lsa for area in areas for lsa in area if lsa.get("lsaAge", 0) < MAX_AGE)


def _ospf6(document: Any) -> Iterator[Address]:
    """The /128 prefixes of our own intra-area-prefix-LSAs."""
    for area in document.get("areaScopedLinkStateDb", []):
        for lsa in area.get("lsa", []):
            if lsa.get("age", 0) >= MAX_AGE:
                continue
            for prefix in lsa.get("prefix", []):
                network = ip_network(prefix["prefix"])
                if network.prefixlen == network.max_prefixlen:
                    yield network.network_address


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
        with contextlib.suppress(BaseException):
            await asyncio.shield(process.wait())
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
