"""The DNS probe: asks each server over each transport, and believes only a proper answer."""

import asyncio
import functools
import re
from dataclasses import dataclass

from anycast_wrapper.core.model import Outcome, Reason
from anycast_wrapper.questions.asking import Asking, Whom
from anycast_wrapper.questions.exchange import Exchange, NoPlaceError, Place, place
from anycast_wrapper.questions.faults import explain
from anycast_wrapper.questions.finding import Finding, hurried
from anycast_wrapper.questions.reply import Expectation, examine, expectation, question

DNS_PORT = 53


@dataclass(frozen=True)
class DnsProbe:
    """One question to every server over every transport, all at once; a `ports.Prober`.

    Every question has a fresh id and a fresh connected socket. The event loop's monotonic clock
    measures ``timeout``: a step of the wall clock changes nothing.

    Attributes:
        servers: addresses (never names) to ask.
        qname: the domain name to ask for.
        qtype: the type to ask for, by name.
        qclass: the class to ask for, by name.
        port: the UDP and TCP port of all servers.
        transports: of 'udp' and 'tcp', in the order in which a failure of several is reported.
        timeout: seconds that each server may take altogether over each transport.
        tries: how many questions it gets in that time, evenly spread: the next one when nothing
            has come yet. The first whole answer counts, good or bad, and so does a refusal.
        rcodes: acceptable answer codes, by name.
        aa: whether the answer must be authoritative.
        answer: searched for in each record of the answer section, both as 'owner ttl class type
            rdata' and in its rdata alone; one record must match. Where a UDP answer that does not
            match is truncated, the question is asked again over TCP, within the same ``timeout``,
            as any client would (RFC 7766, 5).
        max_latency: seconds that an answer may take at most to count as good, from the question
            that it answers, or None.
    """

    servers: tuple[str, ...]
    qname: str
    qtype: str = "SOA"
    qclass: str = "IN"
    port: int = DNS_PORT
    transports: tuple[str, ...] = ("udp", "tcp")
    timeout: float = 0.5
    tries: int = 1
    rcodes: frozenset[str] = frozenset({"NOERROR"})
    aa: bool = False
    answer: re.Pattern[str] | None = None
    max_latency: float | None = None

    async def __call__(self) -> Outcome:
        """Ask once.

        Returns:
            The first failure in the order of ``servers``, then ``transports``; or, if there is
            none, the slowest good answer.
        """
        whom = self._whom()
        if not whom:
            return Outcome(ok=False, reason=Reason.PROBE_ERROR, detail="nobody to ask")
        try:
            await self._ask(whom)
        except Exception as error:  # noqa: BLE001 - a fault of ours must withdraw, not end the loop
            return self._outcome(whom[0], self._explain(error))
        outcomes = [self._outcome(one, one.finding) for one in whom]
        for outcome in outcomes:
            if not outcome.ok:
                return outcome
        return max(outcomes, key=lambda outcome: outcome.latency or 0.0)

    async def _ask(self, whom: list[Whom]) -> None:
        """Ask them all, until there is a finding for each."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        asked, expect = question(self.qname, self.qtype, self.qclass), self._expect

        def judge(wire: bytes, exchange: Exchange) -> Finding | None:
            finding = examine(wire, asked, exchange.ident, expect)
            return None if finding.truncated and exchange.transport == "udp" else finding

        def finished() -> None:
            if not done.done():
                done.set_result(None)

        asking = Asking(loop, whom, asked.message, judge, self._explain)
        try:
            asking.begin(self.timeout, self.tries, finished)
            await done
        finally:
            asking.close()

    def _whom(self) -> list[Whom]:
        return [
            Whom(server, transport, self._place(server))
            for server in self.servers
            for transport in self.transports
        ]

    def _place(self, server: str) -> Place | NoPlaceError:
        try:
            return place(server, self.port)
        except NoPlaceError as error:
            return error

    @functools.cached_property
    def _expect(self) -> Expectation:
        return expectation(self.rcodes, aa=self.aa, answer=self.answer)

    def _explain(self, error: Exception) -> Finding:
        slug, words = explain(error, self.timeout)
        return Finding(Reason(slug), words)

    def _outcome(self, one: Whom, finding: Finding) -> Outcome:
        finding = hurried(finding, one.latency, self.max_latency)
        ok = finding.reason is Reason.HEALTHY
        port = "" if self.port == DNS_PORT else f"#{self.port}"
        asked = f"{self.qname}/{self.qtype}"
        if self.qclass != "IN":
            asked += f"/{self.qclass}"
        detail = f"{one.transport} {one.server}{port} {asked}: {finding.detail}"
        return Outcome(ok, finding.reason, detail, one.latency if ok else None)
