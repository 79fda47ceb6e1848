"""The gateway's file made into values: what the core decides by, and whom the probes ask."""

import pytest

from anycast_wrapper.config.trackfile import parse
from anycast_wrapper.gateway.model import Below
from anycast_wrapper.gateway.plan import plan
from anycast_wrapper.probes import CommandProbe, DnsProbe
from anycast_wrapper.track import wiring

TEXT = """
[[pool]]
name = "a"
addresses = ["192.0.2.53", "2001:db8::53"]
minimum = 2
below-minimum = "keep"
[[pool.server]]
name = "ns1"
addresses = ["2001:db8:1::1", "198.51.100.1"]
weight = 3
interface = "tun0"
[[pool.server]]
name = "ns2"
addresses = ["198.51.100.2", "2001:db8:1::2"]
[[pool.probe]]
qname = "example.com"
[[pool.probe]]
type = "command"
command = ["/bin/ask", "--at={server}", "{server}"]
timeout = "2s"
[[pool]]
name = "b"
addresses = ["192.0.2.54"]
[[pool.server]]
name = "ns1"
addresses = ["198.51.100.1"]
"""


def test_a_policy():
    policy = wiring.policy(parse(TEXT, "f"))
    first, second = policy.pools
    assert (first.minimum, first.below) == (2, Below.KEEP)
    assert (first.servers[0].weight, first.servers[0].interface) == (3, "tun0")
    assert [probe.name for probe in first.probes] == ["example.com-SOA", "ask"]
    assert second.below is Below.WITHDRAW
    assert (policy.linger, policy.keep) == (0.0, False)
    ipvs = '[track]\nbackend = "ipvs"\non-exit = "keep"\nlinger = "3s"\n'
    policy = wiring.policy(parse(ipvs + TEXT, "f"))
    assert (policy.linger, policy.keep) == (3.0, True)


def test_every_probe_asks_its_own_server():
    config = parse(TEXT, "f")
    known = plan(wiring.policy(config))
    probers = wiring.probers(config)
    assert len(probers) == len(known.watches) == 9
    for watch, bounded in zip(known.watches, probers, strict=True):
        address = str(known.sites[watch.site].address)
        if watch.probe.name == "ask":
            assert bounded.prober == CommandProbe(("/bin/ask", f"--at={address}", address), 2.0)
            assert bounded.limit == 2.0
        else:
            assert isinstance(bounded.prober, DnsProbe)
            assert bounded.prober.servers == (address,)
            assert bounded.prober.tries == 2


@pytest.mark.parametrize(("more", "same"), [("", True), ("timeout = '400ms'\n", False)])
def test_a_probe_that_is_written_otherwise_is_another(more, same):
    changed = TEXT.replace('qname = "example.com"\n', f'qname = "example.com"\n{more}')
    before, after = (wiring.policy(parse(text, "f")).pools[0].probes[0] for text in (TEXT, changed))
    assert (before == after) is same


def test_the_adapters_are_made_without_touching_anything():
    assert wiring.forwarding(parse(TEXT, "f")) is not None
    assert wiring.forwarding(parse(f'[track]\nbackend = "ipvs"\n{TEXT}', "f")) is not None
