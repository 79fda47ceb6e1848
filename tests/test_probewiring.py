"""Every key of a probe's table reaches what asks, or what the core watches."""

import re
from ipaddress import ip_address

import pytest

from anycast_wrapper import probewiring
from anycast_wrapper.config import schema, track
from anycast_wrapper.core.model import Rank

KEYS = {
    "name": "n",
    "interval": "7s",
    "recheck": "70ms",
    "timeout": "700ms",
    "rise": 7,
    "fall": 8,
    "port": 5353,
    "qname": "example.com",
    "qtype": "TXT",
    "qclass": "CH",
    "transport": ["tcp"],
    "tries": 3,
    "expect": {"rcode": ["REFUSED"], "aa": True, "answer": "^a", "max-latency": "100ms"},
}


@pytest.mark.parametrize("kind", [schema.DnsProbe, track.DnsProbe])
def test_every_key_of_a_question_is_heeded(kind):
    fields = set(kind.model_fields) - {"type", "server", "on_failure"}
    assert fields == {key.replace("-", "_") for key in KEYS}
    table = kind.model_validate(KEYS)
    servers = ip_address("192.0.2.53"), ip_address("2001:db8::53")
    made = probewiring.dns_probe(table, servers, table.timeout)
    assert made.servers == ("192.0.2.53", "2001:db8::53")
    assert (made.qname, made.qtype, made.qclass) == ("example.com", "TXT", "CH")
    assert (made.port, made.transports, made.tries) == (5353, ("tcp",), 3)
    assert (made.timeout, made.max_latency) == (0.7, 0.1)
    assert (made.rcodes, made.aa, made.answer) == ({"REFUSED"}, True, re.compile("^a"))
    known = probewiring.probe(table, Rank.LAST_RESORT)
    assert (known.name, known.on_failure) == ("n", Rank.LAST_RESORT)
    assert (known.interval, known.recheck, known.rise, known.fall) == (7.0, 0.07, 7, 8)
