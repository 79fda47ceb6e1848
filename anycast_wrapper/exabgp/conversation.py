"""One process of ExaBGP: it hears the wrapper, tells ExaBGP, and heeds what ExaBGP answers."""

import asyncio
import contextlib
import json
import logging
import signal
from pathlib import Path

from .follower import follow
from .pipe import Pipe
from .speaker import DONE, ERROR, Refused, Speaker, Trouble, Unanswered
from .words import Services, Style

STUCK = 2.0
"""Seconds after which it is said that ExaBGP does not read; it looks at us once a second."""

STANDSTILL = 10.0
"""Seconds after which the kernel ends us if we stand still, such as over a log that nobody reads:
the wrapper or its absence makes us turn every second. ExaBGP starts another one, and ends if that
does not help."""

FAREWELL = 0.5
"""Seconds that the last withdrawals may take."""

_log = logging.getLogger(__name__)


class Conversation:
    """Runs until ExaBGP is gone or we are told to end."""

    def __init__(self, socket: Path, style: Style, known: Services, pipe: Pipe) -> None:
        """Nothing happens before `run`.

        Args:
            socket: the wrapper's control socket.
            style: how ExaBGP is told.
            known: the services of the configuration: a predecessor may have announced them.
            pipe: to ExaBGP.
        """
        self._socket = socket
        self._style = style
        self._speaker = Speaker(style, style.topics(known))
        self._pipe = pipe
        self._timer: asyncio.TimerHandle | None = None
        self._stuck_since: float | None = None
        self._flushed = asyncio.Event()

    async def run(self) -> None:
        """Follow the wrapper and tell ExaBGP. At the end by a signal, everything is withdrawn.

        Raises:
            PipeError: nobody can be told.
        """
        loop = asyncio.get_running_loop()
        self._end: asyncio.Future[str] = loop.create_future()
        self._exabgp = True
        signal.setitimer(signal.ITIMER_REAL, STANDSTILL)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._finish, signal.Signals(number).name)
        with self._pipe.open(self._hear, self._turn, self._gone):
            following = asyncio.create_task(follow(self._socket, self._know))
            following.add_done_callback(self._fell)
            try:
                reason = await self._end
                _log.info("exabgp-ended", {"reason": reason})
                following.cancel()
                await self._farewell()
            finally:
                following.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await following
                if self._timer is not None:
                    self._timer.cancel()
                signal.setitimer(signal.ITIMER_REAL, 0.0)

    def _finish(self, reason: str) -> None:
        if not self._end.done():
            self._end.set_result(reason)

    def _gone(self, words: str) -> None:
        self._exabgp = False
        self._flushed.set()
        self._finish(f"ExaBGP is gone: {words}")

    def _fell(self, following: asyncio.Task[None]) -> None:
        """Whoever follows never ends: if it has, by a fault of ours, nobody knows anything."""
        if not following.cancelled() and (error := following.exception()) is not None:
            _log.error("internal-error", exc_info=error)
            self._finish("an internal error")

    async def _farewell(self) -> None:
        """Withdraw: whoever comes next says what is true. ExaBGP keeps the routes of the dead."""
        if not self._exabgp:
            return
        self._know(None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await self._flushed.wait()

    # --- what comes in ---

    def _know(self, services: Services | None) -> None:
        self._speaker.want(self._style.topics(services or {}))
        self._turn()

    def _hear(self, line: str) -> None:
        """Heed an answer; whatever else ExaBGP was configured to tell is none of our business."""
        if (word := answer(line)) is not None:
            self._complain(self._speaker.answer(word, asyncio.get_running_loop().time()))
            self._turn()

    # --- what goes out ---

    def _turn(self) -> None:
        """Say what is to be said as far as ExaBGP reads, and see when to look again."""
        signal.setitimer(signal.ITIMER_REAL, STANDSTILL)
        now = asyncio.get_running_loop().time()
        self._complain(self._speaker.overdue(now))
        while self._pipe.free and (lines := self._speaker.lines(now)):
            self._pipe.write("".join(f"{line.text}\n" for line in lines).encode("ascii"))
            for line in lines:
                if line.again:
                    _log.debug("exabgp-told", {"line": line.text})
                else:
                    _log.info("exabgp-told", {"line": line.text})
        if self._pipe.free:
            self._flushed.set()
        else:
            self._flushed.clear()
        stuck = self._stuck(now)
        self._arm(self._speaker.deadline() if self._pipe.free else stuck, now)

    def _stuck(self, now: float) -> float | None:
        """Say once that ExaBGP does not read, and that it does again; when to say it."""
        since = self._pipe.full_since
        late = since is not None and now >= since + STUCK
        if late and self._stuck_since is None:
            _log.warning("exabgp-stuck", {"seconds": STUCK})
            self._stuck_since = since
        elif self._stuck_since is not None and not late:
            _log.info("exabgp-reads", {"seconds": round(now - self._stuck_since, 1)})
            self._stuck_since = None
        return None if since is None or late else since + STUCK

    def _arm(self, at: float | None, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if at is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(at, now + 0.001), self._turn)

    @staticmethod
    def _complain(trouble: Trouble | None) -> None:
        match trouble:
            case Refused(line, seconds):
                _log.warning("exabgp-refused", {"line": line, "again": f"{seconds:g}"})
            case Unanswered(line):
                _log.warning("exabgp-silent", {"line": line})


def answer(line: str) -> str | None:
    """``done`` or ``error`` if that is what a line says, in words or in JSON; None if not."""
    if line.startswith("{"):
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            return None
        line = str(found.get("answer", ""))
    return line if line in (DONE, ERROR) else None
