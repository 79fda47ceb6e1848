"""Queries at a fixed rate from the client, and what became of each: nothing is lost unseen."""

import json
import os
import secrets
import select
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

import anycast_wrapper
from anycast_wrapper.lab.node import Node
from anycast_wrapper.lab.records import GRACE, Records, Settings
from anycast_wrapper.lab.wire import RCODES

GENERATOR = (sys.executable, "-m", "anycast_wrapper.lab.generator")
PACKAGE_ROOT = Path(anycast_wrapper.__file__).parent.parent


class LoadError(RuntimeError):
    """The generator did not start or did not report."""


class Results:
    """What became of every query of a load.

    Attributes:
        settings: What was asked.
        records: One entry per query in each column.
    """

    def __init__(self, settings: Settings, records: Records) -> None:
        self.settings = settings
        self.records = records

    @property
    def sent(self) -> int:
        """How many queries were sent."""
        return len(self.records.sent)

    @property
    def stall(self) -> float:
        """The longest time in which the generator itself was not running: the machine's noise."""
        return self.records.stall

    @property
    def lost(self) -> list[tuple[float, str]]:
        """When and to which address each query was sent that had no good answer within a second."""
        return [(self.records.sent[n], self._address(n)) for n in self._lost_numbers()]

    @property
    def lost_over_udp(self) -> int:
        """How many queries over UDP were lost: what the wrapper answers for."""
        return sum(not self.records.tcp[number] for number in self._lost_numbers())

    @property
    def torn(self) -> int:
        """How many queries over TCP were lost.

        A route that comes or goes makes the router hash its flows anew, and a connection that is
        open in that millisecond goes on at another node, which resets it. No node can prevent that
        (ISC-TN-2004-1 accepts it, section 3.2.2); a resilient nexthop group on the router can.
        """
        return len(self._lost_numbers()) - self.lost_over_udp

    @property
    def lost_by_address(self) -> Counter[str]:
        """How many were lost, by address."""
        return Counter(address for _, address in self.lost)

    def lost_between(self, start: float, end: float) -> int:
        """How many of those sent from ``start`` to ``end`` (monotonic) were lost."""
        return sum(start <= moment < end for moment, _ in self.lost)

    @property
    def longest_gap(self) -> float:
        """The longest time from the sending of one answered query to that of the next."""
        good = [at for number, at in enumerate(self.records.sent) if self._good(number)]
        return max((after - before for before, after in pairwise(good)), default=0.0)

    @property
    def by_server(self) -> Counter[str]:
        """How many good answers came from each server."""
        return self.by_server_between(float("-inf"), float("inf"))

    def by_server_between(self, start: float, end: float) -> Counter[str]:
        """The same for the queries sent from ``start`` to ``end``."""
        return Counter(name for sent, name in self.answers() if start <= sent < end)

    def answers(self) -> Iterator[tuple[float, str]]:
        """When each query with a good answer was sent, and who answered it."""
        names = self.records.servers
        for number, server in enumerate(self.records.server):
            if self._good(number):
                yield self.records.sent[number], names[server] if server >= 0 else "?"

    @property
    def why_lost(self) -> Counter[str]:
        """Why queries were lost: ``silence``, ``late``, a response code, or the network's errno."""
        return Counter(self._why(number) for number in self._lost_numbers())

    def summary(self) -> str:
        """One line for people."""
        lost = len(self._lost_numbers())
        latencies = sorted(value for value in self.records.latency if value >= 0)
        middle = latencies[len(latencies) // 2] * 1e3 if latencies else float("nan")
        return (
            f"{lost} of {self.sent} lost {dict(self.why_lost)} {dict(self.lost_by_address)}, "
            f"answered by {dict(self.by_server)}, longest gap {self.longest_gap * 1e3:.1f} ms, "
            f"median {middle:.2f} ms, generator stalled at most {self.stall * 1e3:.1f} ms"
        )

    def _address(self, number: int) -> str:
        return self.settings.addresses[self.records.address[number]]

    def _good(self, number: int) -> bool:
        return self.records.rcode[number] == 0 and self.records.latency[number] <= GRACE

    def _lost_numbers(self) -> list[int]:
        return [number for number in range(self.sent) if not self._good(number)]

    def _why(self, number: int) -> str:
        rcode, error = self.records.rcode[number], self.records.error[number]
        if rcode > 0:
            return RCODES.get(rcode, str(rcode))
        if rcode == 0:
            return "late"
        return os.strerror(error) if error else "silence"


class Load:
    """A load that runs from ``start`` to ``stop`` in a process of its own.

    Args:
        client: Where it runs.
        addresses: Whom to ask, in turn.
        rate: UDP queries per second, all addresses together.
        tcp_rate: TCP queries per second.
        longest: Seconds after which it ends by itself.
        qname: The question.
        qtype: Its type.
    """

    def __init__(  # noqa: PLR0913 - keywords that every call but a few leaves alone
        self,
        client: Node,
        addresses: Sequence[str],
        *,
        rate: float = 2000.0,
        tcp_rate: float = 0.0,
        longest: float = 120.0,
        qname: str = "www.example.test",
        qtype: str = "A",
    ) -> None:
        self.client = client
        self.settings = Settings(
            tuple(addresses), rate, tcp_rate, longest=longest, qname=qname, qtype=qtype
        )
        self._report = client.directory / f"load-{secrets.token_hex(3)}.json"
        self._process: subprocess.Popen[str] | None = None
        self._results: Results | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def results(self) -> Results:
        """What became of the queries, once it has stopped."""
        if self._results is None:
            raise LoadError("the load has not been stopped yet")
        return self._results

    def start(self, *, await_answers: bool = True, within: float = 10.0) -> Self:
        """Start asking.

        Args:
            await_answers: Return only once answers come.
            within: Seconds to wait for them.
        """
        self._process = self.client.popen(
            [*GENERATOR, str(self._report)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)},
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise LoadError("the generator has no pipes")
        self._process.stdin.write(json.dumps(asdict(self.settings)) + "\n")
        self._process.stdin.flush()
        if await_answers:
            ready, _, _ = select.select([self._process.stdout], [], [], within)
            if not ready or not self._process.stdout.readline():
                summary = self.stop().summary()
                raise LoadError(f"no answer within {within} s: {summary}")
        return self

    def stop(self) -> Results:
        """Stop asking, give the last queries their second, and return what became of all."""
        process = self._process
        if process is None:
            return self.results
        try:
            process.communicate(timeout=30)
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            self._process = None
        if process.returncode != 0:
            raise LoadError(f"the generator ended with {process.returncode}")
        records = json.loads(self._report.read_text(encoding="ascii"))
        self._report.unlink()
        self._results = Results(self.settings, Records(**records))
        return self._results
