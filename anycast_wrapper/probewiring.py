"""A probe's table, of the wrapper or of a tracker, made into what is watched and what asks.

Apart from `wiring`, so that a tracker does not load the wrapper's adapters with it.
"""

import re
from collections.abc import Iterable

from .config.schema import ProbeTable, Question
from .core.model import Address, Probe, Rank
from .probes import DnsProbe


def probe(table: ProbeTable, on_failure: Rank = Rank.WITHDRAWN) -> Probe:
    """What the core knows of a probe."""
    return Probe(
        name=table.called,
        interval=table.interval,
        recheck=table.recheck,
        rise=table.rise,
        fall=table.fall,
        on_failure=on_failure,
        definition=table.model_dump_json(),
    )


def dns_probe(question: Question, servers: Iterable[Address], timeout: float) -> DnsProbe:
    """What asks servers a question, ready to be run.

    Args:
        question: what is asked, and which answer is a good one.
        servers: who is asked, all of them at once.
        timeout: seconds that each may take.
    """
    expect = question.expect
    return DnsProbe(
        servers=tuple(map(str, servers)),
        qname=question.qname,
        qtype=question.qtype,
        qclass=question.qclass,
        port=question.port,
        transports=question.transport,
        timeout=timeout,
        tries=question.tries,
        rcodes=frozenset(expect.rcode),
        aa=expect.aa,
        answer=None if expect.answer is None else re.compile(expect.answer),
        max_latency=expect.max_latency,
    )
