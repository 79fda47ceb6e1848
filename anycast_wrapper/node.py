"""One running wrapper: the supervisor with its observers, its control socket and its reloads."""

import asyncio
import os
import resource
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import reroute, wiring
from .comparing import Comparing
from .config.load import load
from .config.schema import Config
from .control.lock import Lock
from .control.protocol import Document, failure, words
from .control.server import ControlServer, Handler
from .core import effects, events
from .core.query import all_announced, quiet, settled
from .core.state import State
from .following import Following
from .memory import DrainFile
from .nameserver import DaemonProcess, run_check
from .observing import Observers, Sights
from .performing import World
from .ports import Audience, DaemonError
from .reloading import NOT_CONFIGURED, KeptError, listen_to_signals, read_again, reload
from .showing import Showing
from .supervisor import Supervisor
from .telemetry.logs import EventLog
from .telemetry.status import Journal, snapshot
from .telemetry.systemd import Notifier, SystemdAudience
from .telemetry.watchdog import Watchdog

SLACK = 5.0
"""Seconds that something may take beyond what it should."""

MAX_WAIT = 600.0
"""Seconds that a client may let us wait for something on its behalf."""


FIXED = (
    *("daemon.command", "daemon.ready", "daemon.core-dumps", "daemon.check-command"),
    *("interfaces.kind", "interfaces.hold", "interfaces.preferred", "interfaces.last-resort"),
    *("drain.file", "routing.daemon", "routing.protocol"),
    *("control", "metrics", "log", "reroute"),
)
"""What cannot be changed while we run."""


class Node:
    """A wrapper that serves one configuration until it is stopped."""

    def __init__(self, config: Config, path: Path, environ: Mapping[str, str]) -> None:
        """Nothing happens before `run`.

        Args:
            config: what was read from ``path``, which a reload reads again.
            path: the configuration file.
            environ: our environment, for systemd's protocol.
        """
        self._config = config
        self._path = path
        self._notifier = Notifier(environ)
        self._journal = Journal()
        self._memory = DrainFile(config.drain.file)
        self._supervisor = Supervisor(wiring.policy(config), wiring.probers(config))
        self._rerouter = wiring.rerouter(config, self._notice)
        comparing = Comparing(config, lambda: self._supervisor.state, self._notice)
        self._comparing = comparing
        self._following = Following(lambda: self._supervisor.state, self._supervisor.until)
        self._showing = Showing(config, self._notice)
        page = self._showing.routes(self._document)
        sights = Sights(
            lookout=comparing.lookout,
            compare=comparing.compare,
            tell=self._notice,
            rerouted=self._rerouted,
            queries=self._showing.queries,
            routes=page,
        )
        self._observers = Observers(config, sights)
        self._daemon: DaemonProcess

    async def run(self, lock: Lock, audiences: Sequence[Audience] = ()) -> effects.Exit:
        """Serve until stopped.

        Args:
            lock: held by us; released at the end.
            audiences: who is told of every step, besides the log, ``status`` and systemd.

        Raises:
            AnycastWrapError: the node could not be taken over or kept.
        """
        config = self._config
        if not config.daemon.core_dumps:
            # A process that dumps core is not dead until it has: 55 ms for a named of 70 MB,
            # seconds for one with a large cache, and all that time nobody answers and nobody
            # knows. named raises its own soft limit, so the hard one has to be 0.
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        self._daemon = wiring.daemon(config, self._supervisor.post)
        watchdog = Watchdog(config.control.watchdog, self._notifier)
        server = ControlServer(config.control.socket, config.control.group, self._handlers())
        world = World(
            kernel=wiring.kernel(config),
            daemon=self._daemon,
            memory=self._memory,
            hint=wiring.hint(config),
            heartbeat=watchdog,
            audiences=(
                EventLog(),
                self._journal,
                *self._comparing.audiences,
                SystemdAudience(self._notifier),
                *self._observers.audiences,
                *self._showing.audiences,
                *audiences,
            ),
            reroute=self._rerouter,
            nudge=wiring.nudge(config),
        )
        watchdog.beat()
        try:
            await server.open()
            listen_to_signals(self._stop_by, self._reload)
            self._observers.open()
            await reroute.begin(self._rerouter, self._notice)
            self._showing.open()
            return await self._supervisor.run(world)
        finally:
            watchdog.stop()
            await self._observers.close()
            await self._showing.close()
            await self._comparing.close()
            if self._rerouter is not None:
                await self._rerouter.close()
            self._daemon.close()
            await server.close()
            lock.release()

    def _notice(self, event: str, detail: str) -> None:
        """Tell people of what the core knows nothing of."""
        hearing: tuple[Audience, ...] = (EventLog(), self._journal, *self._observers.audiences)
        for audience in hearing:
            audience.hear(self._supervisor.state, (effects.Noticed(event, detail),))

    def _rerouted(self) -> dict[str, int] | None:
        """Packets sent to other nodes, by service address; None where none are."""
        if self._rerouter is None:
            return None
        return {one["address"]: one["packets"] for one in self._rerouter.report()["addresses"]}

    def _stop_by(self, name: str) -> None:
        self._supervisor.post(events.StopAsked(name))

    # --- what can be asked over the control socket ---

    def _handlers(self) -> dict[str, Handler]:
        return {
            "status": Handler(self._status, changes=False),
            "await": Handler(self._following.reply, changes=False),
            "stop": Handler(self._stop),
            "drain": Handler(self._drain),
            "undrain": Handler(self._undrain),
            "reload": Handler(self._reload),
        }

    async def _status(self, request: Document) -> Document:
        del request
        return {"ok": True, "status": await self._document()}

    async def _document(self) -> dict[str, Any]:
        """The whole of what ``status --json`` says."""
        document = self._snapshot()
        document["reroute"] = None if self._rerouter is None else self._rerouter.report()
        await self._comparing.complete(document)
        await self._showing.complete(document)
        return document

    async def _stop(self, request: Document) -> Document:
        leaving = await self._comparing.departure(force=request.get("force") is True)
        if leaving.refusal:
            return failure(f"not stopped: {leaving.refusal}")
        self._supervisor.post(events.StopAsked(words(request)))
        config = self._config
        seconds = config.drain.linger + config.daemon.stop_timeout + 3 * SLACK
        pid, warning = os.getpid(), leaving.warning
        return {"ok": True, "pid": pid, "seconds": seconds, "warning": warning}

    async def _drain(self, request: Document) -> Document:
        """Drain, and answer once nothing that was announced can still be asked."""
        leaving = await self._comparing.departure(force=request.get("force") is True)
        if leaving.refusal:
            return failure(f"not drained: {leaving.refusal}")
        self._supervisor.post(events.DrainAsked(words(request)))
        limit = self._config.drain.linger + SLACK
        out = await self._supervisor.until(_drained_and_quiet, limit)
        if not out:
            return failure(f"still announced after {limit:g} s; see status")
        if self._memory.recall() is None:
            return failure("drained, but that could not be stored: a restart forgets it")
        return {"ok": True, "status": self._snapshot(), "warning": leaving.warning}

    async def _undrain(self, request: Document) -> Document:
        """Put the node back, and answer once it is settled what is announced."""
        self._supervisor.post(events.UndrainAsked())
        await self._supervisor.until(_undrained, SLACK)
        await self._supervisor.until(_announced, _seconds(request))
        return {"ok": True, "status": self._snapshot()}

    async def _reload(self, request: Document) -> Document:
        del request
        return await reload(self._take_over, self._notifier, self._notice)

    async def _take_over(self) -> Document:
        config = read_again(self._path, load, self._config, FIXED)
        check = wiring.check_command(config)
        signalled = config.daemon.reload_signal != "none"
        if signalled and check and (told := await run_check(check)):
            raise KeptError(f"{check[0]}: {told}\nnothing was reloaded", NOT_CONFIGURED)
        self._config = config
        self._supervisor.reconfigure(wiring.policy(config), wiring.probers(config))
        self._comparing.reconfigure(config)
        self._showing.reconfigure(config)
        if self._rerouter is not None:
            self._rerouter.serve(wiring.asked(config))
        if signalled:
            try:
                self._daemon.hangup(signal.Signals[f"SIG{config.daemon.reload_signal}"])
            except DaemonError as error:
                return failure(f"the new configuration is in force, but {error}")
        return {"ok": True}

    def _snapshot(self) -> dict[str, Any]:
        now = asyncio.get_running_loop().time()
        return snapshot(self._supervisor.state, now, os.getpid(), self._journal)


def _drained_and_quiet(state: State, now: float) -> bool:
    return state.drained is not None and quiet(state, now)


def _undrained(state: State, now: float) -> bool:
    del now
    return state.drained is None


def _announced(state: State, now: float) -> bool:
    del now
    return settled(state) and all_announced(state)


def _seconds(request: Document) -> float:
    value = request.get("wait", 10.0)
    return min(float(value), MAX_WAIT) if isinstance(value, int | float) and value > 0 else 10.0
