"""Keeps the rules true: who the peers are, what is diverted, what was counted.

An addition: what goes wrong here is told, shown in ``status`` and tried again. It never keeps a
service from being announced or withdrawn.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection
from typing import Any

from anycast_wrapper.core.model import Address
from anycast_wrapper.ports import Diversion, Diverted, Peer, Peers, PeerSource, RerouteError

from .nft import remove_left_behind

REFRESH = 5.0
"""Seconds between two looks at who the peers are."""

Services = tuple[tuple[Address, int], ...]
Tell = Callable[[str, str], None]
"""Tells people of an event, by its stable name, in a few words."""


class Rerouter:
    """One running diversion. Everything happens in a task of its own, but for `divert`.

    Args:
        diversion: the rules.
        source: the peers.
        services: service addresses with the ports that the daemon is asked at.
        tell: told of what goes wrong, once.
    """

    def __init__(
        self, diversion: Diversion, source: PeerSource, services: Services, tell: Tell
    ) -> None:
        self._diversion = diversion
        self._source = source
        self._services = services
        self._tell = tell
        self._wake = asyncio.Event()
        self._applied: tuple[Services, Peers] | None = None
        self._diverting: frozenset[Address] = frozenset()
        self._counted = Diverted({}, {})
        self._complaints: list[str] = []
        self._trouble = ""
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin. What a predecessor left has been removed before."""
        self._task = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """Take every rule out, whatever state this is in."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        try:
            await self._diversion.remove()
        except RerouteError as error:
            self._tell("reroute-left-behind", f"{error}; `anycast-wrap withdraw` removes it")

    async def divert(self, addresses: Collection[Address]) -> None:
        """Have queries to these addresses, and no others, answered by the peers.

        Raises:
            RerouteError: the kernel does not take it; it is tried again.
        """
        self._diverting = frozenset(addresses)
        try:
            await self._diversion.divert(addresses)
        except RerouteError:
            self._applied = None
            raise
        finally:
            # What made us turn queries away may have changed what the peers offer.
            self._wake.set()

    def serve(self, services: Services) -> None:
        """Another configuration is in force."""
        self._services = services
        self._wake.set()

    def complain(self, words: str) -> None:
        """Hear what is wrong with the peers: told once, as long as it stays the same."""
        self._complaints.append(words)

    def report(self) -> dict[str, Any]:
        """What ``status`` says."""
        peers = self._applied[1] if self._applied else {}
        addresses = dict.fromkeys(address for address, _ in self._services)
        return {
            "working": self._applied is not None,
            "detail": self._trouble,
            "addresses": [
                {
                    "address": str(address),
                    "diverting": address in self._diverting,
                    "peers": [_peer(peer) for peer in peers.get(address, ())],
                    "packets": self._counted.by_address.get(address, 0),
                }
                for address in addresses
            ],
            "peers": [
                {"peer": _peer(peer), "packets": packets}
                for peer, packets in self._counted.by_peer.items()
            ],
        }

    async def refresh(self) -> None:
        """Look at who the peers are, and at what was counted; repair the rules if need be."""
        services, self._complaints = self._services, []
        peers = await self._source.find(tuple(dict.fromkeys(address for address, _ in services)))
        try:
            if self._applied != (services, peers):
                self._applied = None
                await self._diversion.apply(services, peers)
                self._applied = services, peers
                self._say_peers(peers)
            self._counted = await self._diversion.counters()
        except RerouteError as error:
            self._applied = None
            self.complain(str(error))
        before, self._trouble = self._trouble, "; ".join(self._complaints)
        if self._trouble and self._trouble != before:
            self._tell("reroute-failed", self._trouble)

    async def _keep(self) -> None:
        while True:
            self._wake.clear()
            await self.refresh()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REFRESH):
                    await self._wake.wait()

    def _say_peers(self, peers: Peers) -> None:
        groups: dict[tuple[Peer, ...], list[str]] = {}
        for address, group in peers.items():
            groups.setdefault(group, []).append(str(address))
        words = (
            f"{', '.join(sorted(addresses))} to {', '.join(map(_peer, group)) or 'nobody'}"
            for group, addresses in groups.items()
        )
        self._tell("reroute-peers", "; ".join(words))


async def begin(rerouter: Rerouter | None, tell: Tell) -> None:
    """Take out what a wrapper that was killed has left, and begin if it is wanted."""
    try:
        if await remove_left_behind():
            tell("leftover", "rules that divert queries are there already: taken out")
    except RerouteError as error:
        tell("reroute-failed", str(error))
    if rerouter is not None:
        rerouter.open()


def _peer(peer: Peer) -> str:
    return f"{peer.address}%{peer.interface}"
