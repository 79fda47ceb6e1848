"""The rules in the kernel, by nft(8): every change is one transaction."""

import asyncio
import json
import shutil
from collections.abc import Collection, Sequence
from typing import Any

from anycast_wrapper.core.model import Address
from anycast_wrapper.nft import ARGV, NftError, NftRefusedError, transact
from anycast_wrapper.ports import Diverted, Peer, Peers, RerouteError

from . import rules
from .trials import TRIALS

Counts = tuple[dict[str, int], dict[str, int]]
"""Packets by address and by name of a peer's counter."""


class _ExitError(RerouteError):
    """nft, or the kernel, has refused a transaction."""


class NftDiversion:
    """A `ports.Diversion`. One transaction at a time, in the order in which they are asked for."""

    def __init__(self, argv: Sequence[str] = ARGV) -> None:
        self._argv = tuple(argv)
        self._lock = asyncio.Lock()
        self._plans: dict[int, rules.Plan] = {}
        self._diverted: frozenset[Address] = frozenset()
        self._lacks: str | None = None
        self._peers: dict[tuple[int, str], Peer] = {}
        # What is in the kernel's counters, and what was in those of tables that are gone.
        self._now: dict[int, Counts] = {}
        self._before: dict[int, Counts] = {}

    async def apply(self, services: Collection[tuple[Address, int]], peers: Peers) -> None:
        """See `ports.Diversion`."""
        async with self._lock:
            versions = {address.version for address, _ in services} | set(self._plans)
            plans = {version: _plan(version, services, peers) for version in sorted(versions)}
            commands: list[rules.Command] = []
            for version, plan in plans.items():
                before = self._plans.get(version)
                if before is None:
                    commands += rules.fresh_table(version)
                stale = frozenset() if before is None else before.chains - plan.chains
                commands += rules.ruleset(version, plan, stale)
                if before is None:
                    commands += rules.diverted(version, self._diverted)
            try:
                await self._change(commands)
            except _ExitError as error:
                lacks = await self._explain()
                raise RerouteError(
                    f"this kernel lacks {lacks}: {error}" if lacks else str(error)
                ) from None
            for version, plan in plans.items():
                if version not in self._plans:
                    self._put_by(version)
                self._peers |= {(version, rules.counter(peer)): peer for peer in plan.everyone}
            self._plans = plans

    async def divert(self, addresses: Collection[Address]) -> None:
        """See `ports.Diversion`."""
        self._diverted = frozenset(addresses)
        async with self._lock:
            commands = [c for v in self._plans for c in rules.diverted(v, self._diverted)]
            if commands:
                await self._change(commands)

    async def counters(self) -> Diverted:
        """See `ports.Diversion`."""
        async with self._lock:
            for version in tuple(self._plans):
                answer = await self._change(rules.questions(version))
                try:
                    self._now[version] = counts(answer)
                except (AttributeError, KeyError, TypeError, ValueError):
                    raise self._refusal("answers in a form that is not known here") from None
        return self._diverted_so_far()

    async def remove(self) -> bool:
        """See `ports.Diversion`."""
        async with self._lock:
            self._plans = {}
            there = await self.there()
            if there:
                await self._run([c for version in there for c in rules.no_table(version)])
            return bool(there)

    async def there(self) -> list[int]:
        """The IP versions that have a table of ours, whoever made it.

        Raises:
            RerouteError: it is not known.
        """
        try:
            said = json.loads(await self._run([{"list": {"tables": None}}]))["nftables"]
            tables = [entry["table"] for entry in said if "table" in entry]
            ours = {table["family"] for table in tables if table["name"] == rules.TABLE}
        except (AttributeError, KeyError, TypeError, ValueError):
            raise self._refusal("answers in a form that is not known here") from None
        return [version for version, family in rules.FAMILIES.items() if family in ours]

    async def _explain(self) -> str:
        """What this kernel cannot do; found out once, as that does not change often."""
        if self._lacks is None:
            self._lacks = await self.missing()
        return self._lacks

    async def missing(self) -> str:
        """What this kernel cannot do of what the rules need, in words; empty if nothing."""
        lacks = []
        for words, commands in TRIALS.items():
            try:
                await self._run(commands)
            except RerouteError:
                lacks.append(words)
        return ", ".join(lacks)

    async def _change(self, commands: Sequence[rules.Command]) -> str:
        try:
            return await self._run(commands)
        except RerouteError:
            # Nobody knows what there is (`nft flush ruleset` is a common way to start a firewall):
            # next time everything is made anew.
            self._plans = {}
            raise

    async def _run(self, commands: Sequence[rules.Command]) -> str:
        try:
            return await transact(commands, self._argv)
        except NftRefusedError as error:
            raise _ExitError(str(error)) from None
        except NftError as error:
            raise RerouteError(str(error)) from None

    def _refusal(self, words: str) -> RerouteError:
        return RerouteError(f"{' '.join(self._argv)}: {words}")

    # --- counting ---

    def _put_by(self, version: int) -> None:
        """The table was made anew and counts from nought: keep what the last one had."""
        self._before[version] = _sum(self._before.get(version), self._now.pop(version, None))

    def _diverted_so_far(self) -> Diverted:
        by_address: dict[Address, int] = {}
        by_peer: dict[Peer, int] = {}
        for version, plan in self._plans.items():
            addresses, peers = _sum(self._before.get(version), self._now.get(version))
            by_address |= {a: addresses.get(str(a), 0) for a, _ in plan.services}
            by_peer |= {
                self._peers[version, name]: packets
                for name, packets in peers.items()
                if (version, name) in self._peers
            }
        return Diverted(by_address, by_peer)


async def left_behind() -> bool:
    """Whether there are rules, for when no wrapper runs.

    Raises:
        RerouteError: it is not known.
    """
    return shutil.which(ARGV[0]) is not None and bool(await NftDiversion().there())


async def remove_left_behind() -> bool:
    """Take out the rules of a wrapper that is gone; whether there were any.

    Raises:
        RerouteError: it is not known, or they stay.
    """
    # Without nft nobody can have made any, and nobody who does without it is to be told of it.
    return shutil.which(ARGV[0]) is not None and await NftDiversion().remove()


def _plan(version: int, services: Collection[tuple[Address, int]], peers: Peers) -> rules.Plan:
    mine = {address: group for address, group in peers.items() if address.version == version}
    return rules.Plan(tuple(s for s in services if s[0].version == version), mine)


def counts(answer: str) -> Counts:
    """What nft says to `rules.questions`: documents, one line each."""
    addresses: dict[str, int] = {}
    peers: dict[str, int] = {}
    entries: list[dict[str, Any]] = []
    for line in answer.splitlines():
        if line.strip():
            entries += json.loads(line)["nftables"]
    for entry in entries:
        if found := entry.get("counter"):
            peers[found["name"]] = found["packets"]
        for element in entry.get("set", {}).get("elem", []):
            addresses[element["elem"]["val"]] = element["elem"]["counter"]["packets"]
    return addresses, peers


def _sum(*parts: Counts | None) -> Counts:
    addresses: dict[str, int] = {}
    peers: dict[str, int] = {}
    for part in parts:
        for total, some in zip((addresses, peers), part or ({}, {}), strict=True):
            for key, packets in some.items():
                total[key] = total.get(key, 0) + packets
    return addresses, peers
