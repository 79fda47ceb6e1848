"""The DNS probe: asks each server over each transport, and believes only a proper answer."""

import asyncio
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from anycast_wrapper.core.model import Outcome, Reason

from .exchange import ExchangeError, ask, place
from .reply import Expectation, Finding, examine, question

DNS_PORT = 53


@dataclass(frozen=True)
class DnsProbe:
    """One question to every server over every transport, all at once; a `ports.Prober`.

    Every exchange has a fresh id and a fresh connected socket and must end before ``timeout``,
    which the event loop's monotonic clock measures: a step of the wall clock changes nothing.

    Attributes:
        servers: addresses (never names) to ask.
        qname: the domain name to ask for.
        qtype: the type to ask for, by name.
        qclass: the class to ask for, by name.
        port: the UDP and TCP port of all servers.
        transports: of 'udp' and 'tcp', in the order in which a failure of several is reported.
        timeout: seconds that each exchange may take altogether.
        rcodes: acceptable answer codes, by name.
        aa: whether the answer must be authoritative.
        answer: searched for in each record of the answer section, both as 'owner ttl class type
            rdata' and in its rdata alone; one record must match. Where a UDP answer that does not
            match is truncated, the question is asked again over TCP, within the same ``timeout``,
            as any client would (RFC 7766, 5).
        max_latency: seconds that an answer may take at most to count as good, or None.
    """

    servers: tuple[str, ...]
    qname: str
    qtype: str = "SOA"
    qclass: str = "IN"
    port: int = DNS_PORT
    transports: tuple[str, ...] = ("udp", "tcp")
    timeout: float = 0.5
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
        asking = [self._one(server, transport) for server, transport in self._pairs()]
        if not asking:
            return Outcome(ok=False, reason=Reason.PROBE_ERROR, detail="nobody to ask")
        # Awaiting a lone coroutine instead of gathering it saves a task for each probe.
        outcomes = [await asking[0]] if len(asking) == 1 else await asyncio.gather(*asking)
        for outcome in outcomes:
            if not outcome.ok:
                return outcome
        return max(outcomes, key=lambda outcome: outcome.latency or 0.0)

    def _pairs(self) -> Iterator[tuple[str, str]]:
        for server in self.servers:
            for transport in self.transports:
                yield server, transport

    async def _one(self, server: str, transport: str) -> Outcome:
        """Ask one server over one transport; turn whatever happens into an outcome."""
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with asyncio.timeout(self.timeout):
                finding = await self._exchange(server, transport)
        except TimeoutError:
            words = f"no answer within {self.timeout * 1000:g} ms"
            finding = Finding(Reason.PROBE_TIMEOUT, words)
        except ExchangeError as error:
            finding = Finding(error.reason, error.detail)
        except Exception as error:  # noqa: BLE001 - a fault of ours must withdraw, not end the loop
            finding = Finding(Reason.PROBE_ERROR, f"{type(error).__name__}: {error}")
        latency = clock() - began
        if finding.reason is Reason.HEALTHY and self.max_latency is not None:
            finding = self._hurried(finding, latency)
        return self._outcome(server, transport, finding, latency)

    async def _exchange(self, server: str, transport: str) -> Finding:
        where = place(server, self.port)
        asked = question(self.qname, self.qtype, self.qclass)
        expect = Expectation(self.rcodes, self.aa, self.answer)
        ident = secrets.randbits(16)
        reply = await ask(transport, where, asked.wire(ident))
        finding = examine(reply, asked, ident, expect)
        if finding.truncated and transport == "udp":
            reply = await ask("tcp", where, asked.wire(ident))
            finding = examine(reply, asked, ident, expect)
        return finding

    def _hurried(self, finding: Finding, latency: float) -> Finding:
        """Hold a good answer to the latency bound."""
        if self.max_latency is None or latency <= self.max_latency:
            return finding
        words = f"{finding.detail} after {latency * 1000:.0f} ms, over {self.max_latency * 1000:g}"
        return Finding(Reason.PROBE_SLOW, words)

    def _outcome(self, server: str, transport: str, finding: Finding, latency: float) -> Outcome:
        ok = finding.reason is Reason.HEALTHY
        port = "" if self.port == DNS_PORT else f"#{self.port}"
        asked = f"{self.qname}/{self.qtype}"
        if self.qclass != "IN":
            asked += f"/{self.qclass}"
        detail = f"{transport} {server}{port} {asked}: {finding.detail}"
        return Outcome(ok=ok, reason=finding.reason, detail=detail, latency=latency if ok else None)
