"""The gateway's file: what it means, and every mistake in it."""

import pytest

from anycast_wrapper.config.errors import ConfigError
from anycast_wrapper.config.trackfile import parse

SERVER = '[[pool.server]]\nname = "ns1"\naddresses = ["198.51.100.1"]\n'
POOL = '[[pool]]\nname = "resolver"\naddresses = ["192.0.2.53"]\n'
GOOD = POOL + SERVER


def problems(text):
    with pytest.raises(ConfigError) as caught:
        parse(text, "f")
    return list(caught.value.problems)


def second(addresses, name="ns2"):
    return f'[[pool.server]]\nname = "{name}"\naddresses = {addresses}\n'


def test_the_smallest_file():
    config = parse(GOOD, "f")
    pool = config.pool[0]
    assert (pool.minimum, pool.below_minimum, pool.server[0].weight) == (1, "withdraw", 1)
    (probe,) = pool.probes
    assert (probe.qname, probe.qtype, probe.qclass) == ("version.bind", "TXT", "CH")
    assert (probe.interval, probe.timeout, probe.tries, probe.fall, probe.rise) == (1, 0.5, 2, 1, 2)
    assert probe.transport == ("udp", "tcp")
    assert (config.route.protocol, config.ipvs.protocol) == (153, 154)


def test_at_the_defaults_a_dead_server_is_out_within_what_is_promised():
    probe = parse(GOOD, "f").pool[0].probes[0]
    assert probe.interval + (probe.fall - 1) * probe.recheck + probe.timeout <= 1.5


ONE = {
    # what: (text, key, part of what is told)
    "no pool": ("", "pool", "as it has no default"),
    "no server": (POOL, "pool[1].server", "as it has no default"),
    "an unknown key": (
        f"{GOOD}wieght = 2",
        "pool[1].server[1].wieght",
        "addresses, interface, name",
    ),
    "a weight of nothing": (
        f"{GOOD}weight = 0",
        "pool[1].server[1].weight",
        "greater than or equal",
    ),
    "a weight beyond the kernel's": (f"{GOOD}weight = 256", "pool[1].server[1].weight", "255"),
    "somebody else's protocol": (f"[route]\nprotocol = 4\n{GOOD}", "route.protocol", "100"),
    "a loop": (
        GOOD + second('["192.0.2.53"]'),
        "pool[1].server[2].addresses[1]",
        "a service address: a loop",
    ),
    "a server twice": (
        GOOD + second('["198.51.100.1"]'),
        "pool[1].server[2].addresses[1]",
        "pool[1].server[1].addresses[1] already",
    ),
    "a name twice": (
        GOOD + second('["198.51.100.2"]', "ns1"),
        "pool[1].server[2].name",
        "pool[1].server[1] has this one",
    ),
    "two addresses of a version": (
        GOOD + second('["198.51.100.2", "198.51.100.3"]'),
        "pool[1].server[2].addresses[2]",
        "one address of each IP version",
    ),
    "a service address twice": (
        f'{GOOD}[[pool]]\nname = "b"\naddresses = ["192.0.2.53"]\n{SERVER}',
        "pool[2].addresses[1]",
        "pool[1].addresses[1] already",
    ),
    "a pool twice": (
        f'{GOOD}[[pool]]\nname = "resolver"\naddresses = ["192.0.2.54"]\n{SERVER}',
        "pool[2].name",
        "pool[1] has this one",
    ),
    "no server of the version": (
        POOL.replace("192.0.2.53", "2001:db8::53") + SERVER,
        "pool[1].addresses[1]",
        "no server has an IPv6 address",
    ),
    "a minimum that is never reached": (
        f"{POOL}minimum = 2\n{SERVER}",
        "pool[1].minimum",
        "at most 1",
    ),
    "a probe twice": (
        f"{GOOD}[[pool.probe]]\n[[pool.probe]]\n",
        "pool[1].probe[2].name",
        "root-SOA already",
    ),
    "what only a wrapper's probe has": (
        f'{GOOD}[[pool.probe]]\nserver = "192.0.2.1"\n',
        "pool[1].probe[1].server",
        "not known here",
    ),
    "a loopback for a server": (
        POOL + SERVER.replace("198.51.100.1", "127.0.0.1"),
        "pool[1].server[1].addresses[1]",
        "routers can route to",
    ),
}


@pytest.mark.parametrize("what", ONE)
def test_a_mistake_is_told_with_its_key(what):
    text, key, words = ONE[what]
    (problem,) = problems(text)
    assert problem.startswith(f"f: {key}: ")
    assert words in problem


def test_all_mistakes_are_told_at_once():
    text = f'[track]\nbackend = "magic"\n{GOOD}weight = 0\n{second("[]")}'
    assert len(problems(text)) == 3
    loops = GOOD + second('["192.0.2.53"]') + f'[[pool]]\nname = "resolver"\nfoo = 1\n{SERVER}'
    assert any("a loop" in one for one in problems(loops))  # although another pool is broken


def test_what_is_no_toml_is_told():
    assert "expected TOML" in problems("[[pool")[0]
