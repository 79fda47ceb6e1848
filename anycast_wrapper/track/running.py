"""A tracker that runs: the loop with its listener, its control socket and its reloads."""

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from anycast_wrapper.config.track import TrackConfig
from anycast_wrapper.config.trackfile import load
from anycast_wrapper.control.lock import Lock
from anycast_wrapper.control.protocol import Document, failure, words
from anycast_wrapper.control.server import ControlServer, Handler
from anycast_wrapper.gateway import effects, events
from anycast_wrapper.gateway.listening import Audience
from anycast_wrapper.gateway.ports import Forwarding
from anycast_wrapper.gateway.state import Name, State
from anycast_wrapper.gateway.tracker import Tracker, World
from anycast_wrapper.ports import StateError
from anycast_wrapper.reloading import listen_to_signals, read_again, reload
from anycast_wrapper.telemetry.systemd import Notifier
from anycast_wrapper.telemetry.watchdog import Watchdog

from . import wiring
from .exposing import Exposed
from .logbook import TrackLog
from .status import Journal, SystemdAudience, settled, snapshot

SLACK = 10.0
"""Seconds that something may take beyond what it should."""


FIXED = ("track.backend", "track.drain-file", "route", "ipvs", "control", "metrics", "log")
"""What cannot be changed while we run."""


class Gateway:
    """A tracker that serves one file until it is stopped."""

    def __init__(
        self,
        config: TrackConfig,
        path: Path,
        environ: Mapping[str, str],
        forwarding: Callable[[TrackConfig], Forwarding] = wiring.forwarding,
    ) -> None:
        """Nothing happens before `run`.

        Args:
            config: what was read from ``path``, which a reload reads again.
            path: the file.
            environ: our environment, for systemd's protocol.
            forwarding: makes what carries queries to the servers.
        """
        self._config, self._path = config, path
        self._notifier = Notifier(environ)
        self._journal, self._log = Journal(), TrackLog()
        self._tracker = Tracker(wiring.policy(config), wiring.probers(config))
        self._forwarding = forwarding(config)
        self._exposed = Exposed(config, self._notice)

    async def run(self, lock: Lock) -> effects.Exit:
        """Serve until stopped.

        Args:
            lock: held by us; released at the end.

        Raises:
            AnycastWrapError: the kernel cannot be asked, or the control socket not be opened.
        """
        config = self._config
        watchdog = Watchdog(config.control.watchdog, self._notifier)
        server = ControlServer(config.control.socket, config.control.group, self._handlers())
        systemd = SystemdAudience(self._notifier)
        audiences: tuple[Audience, ...] = (self._log, self._journal, systemd)
        audiences += self._exposed.audiences
        drains = wiring.drains(config)
        world = World(self._forwarding, drains, watchdog, audiences)
        watchdog.beat()
        try:
            await server.open()
            listen_to_signals(self._stop_by, self._reload)
            self._exposed.open()
            return await self._tracker.run(world)
        finally:
            watchdog.stop()
            await self._exposed.close()
            await server.close()
            lock.release()

    def _notice(self, event: str, detail: str) -> None:
        """Tell people of what the core knows nothing of."""
        hearing: tuple[Audience, ...] = (self._log, self._journal, *self._exposed.audiences)
        for audience in hearing:
            audience.hear(self._tracker.state, (effects.Noticed(event, detail),), ())

    def _stop_by(self, name: str) -> None:
        self._tracker.post(events.StopAsked(name))

    # --- what can be asked over the control socket ---

    def _handlers(self) -> dict[str, Handler]:
        return {
            "status": Handler(self._status, changes=False),
            "stop": Handler(self._stop),
            "drain": Handler(self._drain),
            "undrain": Handler(self._undrain),
            "reload": Handler(self._reload),
        }

    def _snapshot(self) -> dict[str, Any]:
        now = asyncio.get_running_loop().time()
        means = self._forwarding.means
        return snapshot(self._tracker.state, now, os.getpid(), self._journal, means)

    async def _status(self, request: Document) -> Document:
        del request
        return {"ok": True, "status": self._snapshot()}

    async def _stop(self, request: Document) -> Document:
        self._tracker.post(events.StopAsked(words(request)))
        return {"ok": True, "pid": os.getpid(), "seconds": 2 * SLACK}

    async def _drain(self, request: Document) -> Document:
        """Drain servers, and answer once nothing leads to them any more."""
        names = self._named(request)
        if not names:
            return failure(f"there is no server {_server(request)}; `track status` shows them")
        self._tracker.post(events.Drained(names, words(request)))
        limit = self._config.track.linger + SLACK
        if not await self._tracker.until(lambda state, _: _is_out(state, names), limit):
            return failure(f"drained, but still sent queries after {limit:g} s; see `track status`")
        warning = None if self._stored(names) else "that is not stored: a restart forgets it"
        return {"ok": True, "servers": ["/".join(name) for name in names], "warning": warning}

    def _stored(self, names: tuple[Name, ...]) -> bool:
        try:
            return set(names) <= set(wiring.drains(self._config).recall())
        except StateError:
            return False

    async def _undrain(self, request: Document) -> Document:
        """Put servers back, and answer at once: whether they serve is for their probes to say."""
        names = self._named(request)
        if not names:
            return failure(f"there is no server {_server(request)}; `track status` shows them")
        self._tracker.post(events.Undrained(names))
        await self._tracker.until(lambda state, _: not set(names) & set(state.drained), SLACK)
        return {"ok": True, "servers": ["/".join(name) for name in names]}

    def _named(self, request: Document) -> tuple[Name, ...]:
        """The servers that are meant: by their name in every pool, or by ``POOL/SERVER``."""
        pool, _, server = _server(request).rpartition("/")
        state = self._tracker.state
        known = {(p.name, s.name) for p in state.policy.pools for s in p.servers}
        return tuple(
            sorted(
                name
                for name in known | set(state.drained)
                if name[1] == server and pool in ("", name[0])
            )
        )

    async def _reload(self, request: Document) -> Document:
        del request
        reply = await reload(self._take_over, self._notifier, self._notice)
        if reply["ok"]:
            await self._tracker.until(lambda state, _: settled(state), SLACK)
        return reply

    async def _take_over(self) -> Document:
        config = read_again(self._path, load, self._config, FIXED)
        self._config = config
        self._tracker.reconfigure(wiring.policy(config), wiring.probers(config))
        return {"ok": True}


def _is_out(state: State, names: tuple[Name, ...]) -> bool:
    """Whether no service address of their pools leads to them, not even for flows of before."""
    if not set(names) <= set(state.drained):
        return False
    pools = {pool.name: pool.addresses for pool in state.policy.pools}
    return not any(
        member.server == server
        for pool, server in names
        for address in pools.get(pool, ())
        if address in state.leads
        for member in (*state.leads[address].members, *(state.leads[address].asked or ()))
    )


def _server(request: Document) -> str:
    """Which server is meant; bounded, as it comes back in an answer."""
    return words(request, "server", 130)
