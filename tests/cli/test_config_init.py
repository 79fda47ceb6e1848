"""``config init``: what it makes is always a good configuration, and never lands on another."""

import os
import subprocess
import time
import tomllib
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from anycast_wrapper.config.load import parse
from anycast_wrapper.config.values import host_address
from anycast_wrapper.doctor import frrconfig, namedconf
from anycast_wrapper.doctor.check import Outcome
from anycast_wrapper.doctor.facts import Interface
from anycast_wrapper.starting import Found, RefusedAddressError, accepted, frr_lines, text
from anycast_wrapper.starting import command as commands
from anycast_wrapper.starting.found import served
from tests.doctor.world import planned, result

from .program import quick

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def _service(address):
    try:
        return host_address(str(address)) is not None
    except PydanticCustomError:
        return False


ADDRESSES = st.lists(
    st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).filter(_service),
    min_size=1,
    max_size=5,
    unique=True,
)
ODD = st.text(max_size=30) | st.text(st.characters(codec=None), max_size=10)
FOUND = st.builds(
    Found,
    command=st.lists(ODD, min_size=1, max_size=5).map(tuple),
    command_from=ODD,
    zone=st.none() | ODD | st.from_regex(r"([a-z0-9-]{1,20}\.){1,4}", fullmatch=True),
    has_localhost=st.booleans(),
    default_routes=st.lists(st.tuples(st.sampled_from([4, 6]), ODD), max_size=3).map(tuple),
)


HALF = Found(
    command=("named",),
    command_from="",
    zone=None,
    has_localhost=False,
    default_routes=((4, "\ud800"),),
)


@given(ADDRESSES, FOUND)
@example([ip_address("192.0.2.53")], HALF)
def test_whatever_was_found_the_result_is_a_good_configuration(addresses, found):
    config = parse(text(addresses, found), "made")
    assert config.service[0].addresses == tuple(addresses)
    assert config.service[0].probe
    versions = {network.version for network in config.interfaces.require_route}
    routes = {version for version, _ in found.default_routes}
    assert versions == routes & {address.version for address in addresses}


@pytest.mark.parametrize("addresses", [["192.0.2.53"], ["2001:db8:53::53"]])
def test_the_lines_for_frr_please_the_doctor(addresses):
    addresses = tuple(map(ip_address, addresses))
    frr = frrconfig.parse("\n".join(frr_lines(addresses)))
    for name in ("rank-area", "rank-passive", "last-resort-cost", "hold-in-area"):
        assert result(name, **planned(addresses=addresses), frr=frr).outcome is Outcome.GOOD
    assert result("rank-area", frr=frr).outcome is Outcome.FOUND  # of the other family


def test_an_authoritative_zone_is_asked_for_with_authority():
    made = tomllib.loads(text([IPv4Address("192.0.2.53")], Found(zone="example.test")))
    (service,) = made["service"]
    assert service["name"] == "nameserver"
    assert service["probe"] == [
        {"qname": "example.test", "qtype": "SOA", "expect": {"aa": True}},
    ]


def test_a_resolver_is_not_withdrawn_for_what_all_nodes_share():
    made = tomllib.loads(text([IPv6Address("2001:db8::53")], Found(has_localhost=True)))
    alive, resolves = made["service"][0]["probe"]
    assert alive["qname"] == "localhost"
    assert "on-failure" not in alive
    assert (resolves["qname"], resolves["on-failure"]) == (".", "last-resort")


# --- what the host has ---

CONF = """
zone "." { type hint; };
zone "localhost" { type master; };
zone "127.in-addr.arpa" { type primary; };
zone "2.0.192.in-addr.arpa" { type primary; };
view "v" { zone "Example.test" { type slave; }; };
zone "forwarded.test" { type forward; };
"""


def test_the_zone_is_the_first_forward_one_that_is_not_built_in():
    assert served(namedconf.parse(CONF)) == "Example.test"
    assert served(namedconf.parse(CONF.replace("Example.test", "x.arpa"))) == "2.0.192.in-addr.arpa"
    assert served(namedconf.parse('zone "localhost" { type master; };')) is None


@pytest.mark.parametrize(
    ("unit", "variables", "argv"),
    [
        ("ExecStart=/usr/sbin/named -f $OPTIONS", {"OPTIONS": "-u bind -4"}, "-f -u bind -4"),
        ("ExecStart=/usr/sbin/named $OPTIONS", {}, "-f"),
        ("[Service]\nExecStart = -/usr/sbin/named -u named -c ${CONF}", {"CONF": "/n"}, None),
        ("ExecStart=\nExecStart=/usr/sbin/named -g", {}, "-g"),
        ("ExecStart=/bin/true", {}, ""),
        ("ExecStart=/usr/sbin/named -x ${A}b", {}, ""),
        ("ExecStart=/usr/sbin/named 'unclosed", {}, ""),
    ],
)
def test_a_unit_tells_the_command(unit, variables, argv):
    told = commands.from_unit(unit, variables)
    if argv is None:
        assert told == ("/usr/sbin/named", "-f", "-u", "named", "-c", "/n")
    elif argv:
        assert told == ("/usr/sbin/named", *argv.split())
    else:
        assert told is None


def test_the_unit_and_its_variables_are_read_from_files(tmp_path):
    unit, default = tmp_path / "named.service", tmp_path / "named"
    unit.write_text("[Service]\nExecStart=/usr/sbin/named -f $OPTIONS\n")
    default.write_text('#\n# options\nRESOLVCONF=no\nOPTIONS="-u bind -t /var/lib/named"\n')
    told, _ = commands.find(None, [tmp_path / "missing", unit], [default])
    assert told == ("/usr/sbin/named", "-f", "-u", "bind", "-t", "/var/lib/named")
    assert commands.find(None, [], [default])[0] == told
    assert commands.find(None, [], [])[0] == commands.DEFAULT
    now = (("/usr/sbin/named", "-g"), "pid 1")
    assert commands.find(now, [unit], [default]) == now


@given(st.text(), st.dictionaries(st.sampled_from(["OPTIONS", "A"]), st.text()))
def test_any_unit_is_read(unit, variables):
    commands.from_unit(unit, variables)
    commands.from_unit(f"ExecStart={unit}", variables)
    commands.from_unit("ExecStart=/usr/sbin/named $OPTIONS", variables)


# --- addresses ---

ETH0 = Interface("eth0", True, (ip_interface("203.0.113.9/24"), ip_interface("2001:db8:1::9/64")))
OURS = Interface("anycast0", True, (ip_interface("192.0.2.53/32"),))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["nonsense"], "'nonsense': expected the address of one host"),
        (["192.0.2.0/24"], "not a network"),
        (["127.0.0.1"], "a unicast address"),
        (["fe80::1"], "beyond one link"),
        (["x" * 500], "..."),
        (["203.0.113.9"], "this host's own address, on eth0"),
        (["203.0.113.77"], "is in 203.0.113.0/24, the subnet of eth0"),
        (["2001:db8:1::53"], "the subnet of eth0"),
        (["192.0.2.53", "192.0.2.53/32"], "192.0.2.53: given twice"),
    ],
)
def test_an_address_that_cannot_be_is_refused_with_why(given, words):
    with pytest.raises(RefusedAddressError) as caught:
        accepted(given, [ETH0, OURS], {"anycast0"})
    assert words in str(caught.value)


def test_every_address_that_cannot_be_is_told_at_once():
    with pytest.raises(RefusedAddressError) as caught:
        accepted(["x", "203.0.113.9", "198.51.100.1"], [ETH0], set())
    assert len(str(caught.value).splitlines()) == 2


def test_families_may_be_mixed_and_ours_is_no_lan():
    told = accepted(["2001:db8:53::53/128", "192.0.2.53"], [ETH0, OURS], {"anycast0"})
    assert told == (IPv6Address("2001:db8:53::53"), IPv4Address("192.0.2.53"))


def test_an_address_that_is_on_a_loopback_today_may_move_to_us():
    lo = Interface("lo", True, (ip_interface("127.0.0.1/8"), ip_interface("198.51.100.53/32")))
    assert accepted(["198.51.100.53"], [lo], set()) == (IPv4Address("198.51.100.53"),)


# --- as an operator has it ---


def test_what_is_printed_passes_config_check(tmp_path):
    file = tmp_path / "made.toml"
    done = quick(
        "-c", tmp_path / "missing.toml", "config", "init", "198.51.100.53", "2001:db8:f::5"
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []
    file.write_text(done.stdout)
    assert quick("-c", file, "config", "check").returncode == 0


def test_it_is_written_where_it_is_wanted_and_never_over_another(tmp_path):
    file = tmp_path / "new" / "anycast-wrap.toml"
    assert quick("-c", file, "config", "init", "198.51.100.53", "--write").returncode == 0
    assert quick("-c", file, "config", "check").returncode == 0
    before = file.read_text()
    done = quick("-c", file, "config", "init", "198.51.100.54", "--write")
    assert (done.returncode, file.read_text()) == (1, before)
    assert "exists; it was left as it is" in done.stderr


def test_a_dangling_link_is_not_followed(tmp_path):
    file = tmp_path / "anycast-wrap.toml"
    file.symlink_to(tmp_path / "target")
    assert quick("-c", file, "config", "init", "198.51.100.53", "--write").returncode == 1
    assert not (tmp_path / "target").exists()


def test_where_it_cannot_be_written_it_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    done = quick("-c", tmp_path / "file" / "x", "config", "init", "198.51.100.53", "--write")
    assert done.returncode == 1
    assert "cannot write" in done.stderr


def test_frr_alone_prints_what_frr_takes():
    done = quick("config", "init", "198.51.100.53", "--frr")
    assert done.stdout.startswith("interface anycast0\n ip ospf area 0\n")
    assert "ospf6" not in done.stdout
    assert quick("config", "init", "198.51.100.53", "--frr", "--write").returncode == 2


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["198.51.100.53", "198.51.100.53"]])
def test_bad_input_is_a_usage_error(arguments):
    done = quick("config", "init", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""


@needs_root
@pytest.mark.root
def test_an_address_of_this_hosts_lan_is_refused():
    name = f"awci{time.monotonic_ns() % 10**6}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        for words in (
            "link add eth9 type veth peer name peer9",
            "addr add 203.0.113.9/24 dev eth9",
            "link set eth9 up",
            "link set peer9 up",
            "route add default via 203.0.113.1",
        ):
            subprocess.run(["ip", "-n", name, *words.split()], check=True)
        done = quick("config", "init", "203.0.113.9", inside=name)
        assert done.returncode == 2
        assert "this host's own address, on eth9" in done.stderr
        done = quick("config", "init", "198.51.100.53", "2001:db8::53", inside=name)
        assert 'require-route = ["0.0.0.0/0"]' in done.stdout
        assert "# ::/0 is not there now" in done.stdout
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)
