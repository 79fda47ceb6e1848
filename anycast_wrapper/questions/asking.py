"""Servers asked all at once, each over each transport, in one time and in as many tries as given.

Nothing here knows what an answer says: whoever asks brings the judge. Like `exchange` it has no
imports that cost anything, and runs on any loop.
"""

from __future__ import annotations

from os import urandom

from .exchange import Exchange, TcpExchange

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Protocol

    from . import exchange

    class Timer(Protocol):
        """What `Loop.call_at` returns."""

        def cancel(self) -> None:
            """Do not call back."""

    class Loop(exchange.Loop, Protocol):
        """What asking needs of an event loop; asyncio's has it."""

        def call_at(self, when: float, callback: Callable[[], None], /) -> Timer:
            """Call back once at a time of `time`."""

    Judge = Callable[[bytes, Exchange], Any]
    """Makes a finding of an answer; None: it is to be asked for again over TCP."""

    Explain = Callable[[Exception], Any]
    """Makes a finding of why there is no answer: `TimeoutError`, or what `Exchange` says."""

_KINDS = {"udp": Exchange, "tcp": TcpExchange}


class Whom:
    """One server over one transport, and what was found there.

    Attributes:
        server: its address, for people.
        transport: 'udp' or 'tcp'.
        where: the address for the kernel; or why there is none.
        finding: what `Judge` or `Explain` made of it, or None as long as nothing is known.
        latency: seconds from the question that was answered to its answer, or to the time limit.
        kind: what it is asked by next: over TCP once a truncated answer has come.
        opened: questions under way.
    """

    __slots__ = ("finding", "kind", "latency", "opened", "server", "transport", "where")

    def __init__(self, server: str, transport: str, where: exchange.Place | Exception) -> None:
        self.server = server
        self.transport = transport
        self.where = where
        self.finding: Any = None
        self.latency = 0.0
        self.kind: type[Exchange] = _KINDS[transport]
        self.opened: list[Exchange] = []


class Asking:
    """Asks everybody once, and again in even steps of time as long as nothing has come.

    The first whole answer of a server over a transport counts, good or bad, whichever of the
    questions it belongs to; so does a refusal. Each question has a fresh id and a fresh socket.
    """

    def __init__(
        self,
        loop: Loop,
        whom: Sequence[Whom],
        message: bytes,
        judge: Judge,
        explain: Explain,
    ) -> None:
        """Nothing is sent yet.

        Args:
            loop: what calls back.
            whom: whom to ask, over what; filled in as it becomes known.
            message: the question, without its id.
            judge: what an answer amounts to.
            explain: what it means that there is none.
        """
        self._loop = loop
        self.whom = whom
        self._message = message
        self._judge = judge
        self._explain = explain
        self._timer: Timer | None = None
        self._tried = 0

    def begin(
        self,
        timeout: float,
        tries: int,
        finished: Callable[[], None],
        source: exchange.Place | None = None,
    ) -> None:
        """Ask.

        Args:
            timeout: seconds after which everything has been found, be it that nothing came.
            tries: how many questions there may be in that time.
            finished: called once, when there is a finding for everybody.
            source: the address to ask from, or None for the kernel to choose.
        """
        self._finished = finished
        self._source = source
        self._left = len(self.whom)
        self._began = self._loop.time()
        self._tries = tries
        self._step = timeout / tries
        self._turn()

    def close(self) -> None:
        """Stop, whether all is known or not. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for one in self.whom:
            self._hang_up(one)

    def _turn(self) -> None:
        """Time for another question, or past the time for any."""
        asking = [one for one in self.whom if one.finding is None]
        if self._tried == self._tries:
            late = TimeoutError()
            for one in asking:
                one.latency = self._loop.time() - self._began
                self._settle(one, self._explain(late))
            return
        self._tried += 1
        # The timer first: what is asked may be settled before this returns.
        due = self._began + self._step * self._tried
        self._timer = self._loop.call_at(due, self._turn)
        for one in asking:
            self._ask(one)

    def _ask(self, one: Whom) -> None:
        def done(exchange: Exchange, result: bytes | Exception) -> None:
            self._heard(one, exchange, result)

        where, message = one.where, urandom(2) + self._message
        if isinstance(where, Exception):
            self._settle(one, self._explain(where))
            return
        try:
            one.opened.append(one.kind(self._loop, where, self._source, message, done))
        except Exception as error:  # noqa: BLE001 - a fault of ours is an outcome, not an end
            self._settle(one, self._explain(error))

    def _heard(self, one: Whom, exchange: Exchange, result: bytes | Exception) -> None:
        one.latency = self._loop.time() - exchange.began
        if isinstance(result, Exception):
            self._settle(one, self._explain(result))
            return
        try:
            finding = self._judge(result, exchange)
        except Exception as error:  # noqa: BLE001 - the same
            finding = self._explain(error)
        if finding is None:
            self._hang_up(one)
            one.kind = TcpExchange
            self._ask(one)
        else:
            self._settle(one, finding)

    def _settle(self, one: Whom, finding: Any) -> None:
        one.finding = finding
        self._hang_up(one)
        self._left -= 1
        if not self._left:
            self.close()
            self._finished()

    def _hang_up(self, one: Whom) -> None:
        for exchange in one.opened:
            exchange.close()
        one.opened.clear()
