"""How many queries come in for the service addresses: counters of nftables(8).

The kernel counts nothing on a UDP socket that anybody else could read, so this makes rules of our
own; `countrules` says which. Nothing depends on them.
"""

import asyncio
import contextlib
import json
import shutil
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from anycast_wrapper.core.model import Address
from anycast_wrapper.nft import ARGV, NftError, NftRefusedError, transact
from anycast_wrapper.ports import KernelError

from .countrules import TABLE, Counts, counts, no_table, our_table, table

SHORT = 0.5
"""Seconds within which nobody is told anything new: one reading costs 10 ms of a processor."""

LONG = 30.0
"""Seconds after which an average says nothing of now."""


@dataclass(frozen=True)
class _Reading:
    at: float
    counts: Counts


class QueryCounter:
    """Counts, and says how many it were in the last moment. Nothing depends on it.

    Args:
        services: service addresses with the ports that the daemon is asked at.
        argv: the nft program.
        clock: a monotonic one.
    """

    def __init__(
        self,
        services: Collection[tuple[Address, int]],
        argv: Sequence[str] = ARGV,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._services = tuple(services)
        self._argv = tuple(argv)
        self._clock = clock
        self._lock = asyncio.Lock()
        self._gone: Counts = {}  # what was counted in tables that are gone
        self._last: _Reading | None = None
        self._before: _Reading | None = None
        self._trouble = ""
        self._closed = False

    async def open(self) -> None:
        """Begin to count, from nought; what a predecessor left is taken out.

        Raises:
            KernelError: the kernel cannot, or nft is not there. It is tried again at every `read`.
        """
        try:
            await transact([*no_table(), *table(self._services)], self._argv)
        except NftError as error:
            self._trouble = f"queries are not counted: {error}"
            raise KernelError(self._trouble) from None
        self._trouble = ""

    async def serve(self, services: Collection[tuple[Address, int]]) -> None:
        """Another configuration is in force.

        Raises:
            KernelError: see `open`.
        """
        async with self._lock:
            if tuple(services) != self._services:
                with contextlib.suppress(KernelError):
                    await self._look()
                self._services = tuple(services)
                await self._renew()

    async def close(self) -> None:
        """Take the table out, and do not make it again for whoever still asks.

        Raises:
            KernelError: it stays.
        """
        self._closed = True
        try:
            async with self._lock:
                await transact(no_table(), self._argv)
        except NftError as error:
            raise KernelError(f"rules that count queries are left behind: {error}") from None

    async def read(self) -> dict[str, Any]:
        """What ``status`` says under ``queries``. Never raises: what is wrong is in ``detail``."""
        async with self._lock:
            recent = self._last is not None and self._clock() - self._last.at < SHORT
            if not recent and not self._closed:
                try:
                    await self._look()
                except KernelError as error:
                    self._trouble = str(error)
        return self._report()

    async def _look(self) -> None:
        try:
            answer = await transact([{"list": {"table": our_table()}}], self._argv)
        except NftRefusedError:
            # Somebody took it out: `nft flush ruleset` is a common way to start a firewall.
            await self._renew()
            return
        except NftError as error:
            raise KernelError(f"queries are not counted: {error}") from None
        found = _sum(self._gone, counts(answer))
        self._before, self._last = self._last, _Reading(self._clock(), found)
        self._trouble = ""

    async def _renew(self) -> None:
        """Make the table anew; it counts from nought, so keep what the last one had."""
        if self._last is not None:
            self._gone = self._last.counts
        self._before = None
        await self.open()

    def _report(self) -> dict[str, Any]:
        last, before = self._last, self._before
        seconds = 0.0 if last is None or before is None else last.at - before.at
        told = 0.0 < seconds <= LONG and not self._trouble
        entries = []
        for address in dict.fromkeys(address for address, _ in self._services):
            entry: dict[str, Any] = {"address": str(address)}
            for transport in ("udp", "tcp"):
                key = (address, transport)
                total = 0 if last is None else last.counts.get(key, 0)
                entry[transport] = total
                since = total - (0 if before is None else before.counts.get(key, 0))
                entry[f"{transport}_per_second"] = round(since / seconds, 1) if told else None
            entries.append(entry)
        return {"working": not self._trouble, "detail": self._trouble, "addresses": entries}


async def counting_left_behind(argv: Sequence[str] = ARGV) -> bool:
    """Whether there is a table of ours, for when no wrapper runs.

    Raises:
        KernelError: it is not known.
    """
    if shutil.which(argv[0]) is None:
        return False  # Without nft nobody can have made any.
    try:
        said = json.loads(await transact([{"list": {"tables": None}}], argv))["nftables"]
        tables = [entry["table"] for entry in said if "table" in entry]
        return any((one["family"], one["name"]) == ("inet", TABLE) for one in tables)
    except NftError as error:
        raise KernelError(str(error)) from None
    except (KeyError, TypeError, ValueError):
        raise KernelError("nft answers in an unknown form") from None


async def remove_counting(argv: Sequence[str] = ARGV) -> bool:
    """Take out the table of a wrapper that is gone; whether there was one.

    Raises:
        KernelError: it is not known, or it stays.
    """
    if not await counting_left_behind(argv):
        return False
    try:
        await transact(no_table(), argv)
    except NftError as error:
        raise KernelError(str(error)) from None
    return True


def _sum(*parts: Counts) -> Counts:
    total: dict[tuple[Address, str], int] = {}
    for part in parts:
        for key, number in part.items():
            total[key] = total.get(key, 0) + number
    return total
