"""``[reroute]`` and ``nudge`` in the configuration, and what is made of them."""

import asyncio
from ipaddress import ip_address

import pytest

from anycast_wrapper import wiring
from anycast_wrapper.config import schema
from anycast_wrapper.config.errors import ConfigError
from anycast_wrapper.config.load import parse
from anycast_wrapper.config.show import toml

SERVICE = """
[[service]]
name = "resolver"
addresses = ["192.0.2.53", "2001:db8::53"]
"""
PROBES = """
[[service.probe]]
port = 5353
[[service.probe]]
name = "other"
[[service.probe]]
type = "command"
command = ["/bin/true"]
"""


def config(text="", more=""):
    return parse(text + SERVICE + more, "file")


def test_it_is_off_by_default_and_the_core_hears_nothing_of_it():
    assert not wiring.policy(config()).reroute
    assert wiring.rerouter(config(), print) is None
    assert wiring.policy(config()).nudge
    assert not wiring.policy(config("[routing]\nnudge = false")).nudge


def test_peers_are_learnt_from_ospf_or_listed():
    assert config("[reroute]\nenabled = true").reroute.peers == "ospf"
    listed = config('[reroute]\nenabled = true\npeers = ["198.51.100.2", "2001:db8::2/128"]')
    assert listed.reroute.peers == (ip_address("198.51.100.2"), ip_address("2001:db8::2"))
    assert parse(toml(listed), "shown").reroute == listed.reroute

    async def make():
        return wiring.rerouter(listed, print)

    assert asyncio.run(make()).report()["working"] is False


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("enabled = 1", "file: reroute.enabled: found 1; expected "),
        ('peers = "bgp"', 'file: reroute.peers: found "bgp"; expected "ospf", or a list of'),
        ("peers = 3", 'file: reroute.peers: found 3; expected "ospf", or a list of'),
        ("peers = []", "file: reroute.peers: found []; expected at least one entry"),
        (
            'peers = ["198.51.100.2", "198.51.100.0/24"]',
            'file: reroute.peers[2]: found "198.51.100.0/24"; expected a host route (/32)',
        ),
        ("peer = []", "file: reroute.peer: found a key that is not known here; expected one of: "),
    ],
)
def test_what_means_nothing_is_told_with_file_key_found_and_expected(text, sentence):
    with pytest.raises(ConfigError) as caught:
        config(f"[reroute]\n{text}")
    assert len(caught.value.args[0]) == 1 if isinstance(caught.value.args[0], list) else True
    assert sentence in str(caught.value)


def test_it_needs_linux(monkeypatch):
    monkeypatch.setattr(schema, "FREEBSD", True)
    assert not config("[reroute]\nenabled = false").reroute.enabled
    with pytest.raises(ConfigError, match=r"reroute.enabled: .*expected false, as it needs Linux"):
        config("[reroute]\nenabled = true")


def test_what_is_diverted_is_what_is_probed():
    four, six = ip_address("192.0.2.53"), ip_address("2001:db8::53")
    assert wiring.asked(config()) == ((four, 53), (six, 53))
    expected = ((four, 53), (four, 5353), (six, 53), (six, 5353))
    assert wiring.asked(config(more=PROBES)) == expected
    command = '[[service.probe]]\ntype = "command"\ncommand = ["/bin/true"]\n'
    assert wiring.asked(config(more=command)) == ((four, 53), (six, 53))
