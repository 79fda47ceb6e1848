"""What is meant: defaults, what a file says, and `config show`, which says it whole."""

import json
import re
import tomllib
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from anycast_wrapper.config.load import load, parse
from anycast_wrapper.config.peek import DEFAULT_SOCKET, control_socket
from anycast_wrapper.config.schema import Config
from anycast_wrapper.config.show import toml
from anycast_wrapper.config.values import duration, written_duration

CONTRIB = Path(__file__).parent.parent.parent / "contrib"
SMALLEST = '[[service]]\nname = "resolver"\naddresses = ["192.0.2.53"]\n'
WHOLE = r"""
[daemon]
command = ["/bin/sh", "-c", "echo \"\u007f\u0001\\ü\n\""]
ready = "probe"
restart = "never"
ready-timeout = "1.5s"
stop-timeout = "2m"
restart-delay = "0.25ms"
restart-delay-max = "1h"
check-command = ["true"]
reload-signal = "none"
core-dumps = false
[interfaces]
kind = "dummy"
hold = "h"
preferred = "p"
last-resort = "l"
require-route = ["0.0.0.0/0", "::/0"]
[drain]
linger = "0s"
minimum = 2
file = "/tmp/a b"
[control]
socket = "/tmp/s"
pid-file = "/run/x.pid"
group = "adm"
watchdog = "10s"
[routing]
daemon = "bird"
bird-socket = "/tmp/b"
protocol = "bgp"
vtysh = ["vtysh", "-N", "x"]
nudge = false
[reroute]
enabled = true
peers = ["192.168.53.12", "2001:db8::12"]
[metrics]
listen = ["127.0.0.1:9153", "[::1]:9153"]
count-queries = true
[exabgp]
style = "watchdog"
next-hop = ["192.168.53.11", "fd00:53::11"]
[exabgp.preferred]
med = 3
local-preference = 200
communities = ["64500:1", "no-export"]
as-path = [64500]
[exabgp.last-resort]
med = 1000
local-preference = 0
communities = ["64500:4294967295:0"]
as-path = [64500, 4200000000]
[log]
to = "/tmp/log"
level = "debug"
[[service]]
name = "a"
addresses = ["192.0.2.53/32", "2001:DB8::53"]
[[service.probe]]
name = "one"
server = "::1"
port = 5353
qname = "example.com"
qtype = "txt"
qclass = "CH"
transport = ["tcp"]
interval = "3s"
recheck = "1500us"
timeout = "1s"
rise = 3
fall = 4
on-failure = "last-resort"
tries = 3
expect = { rcode = ["NXDOMAIN", "REFUSED"], aa = true, answer = '^"\d+"$', max-latency = "20ms" }
[[service.probe]]
type = "command"
command = ["/usr/lib/check disk", "/"]
[[service]]
name = "b"
addresses = ["192.0.2.54"]
ceiling = "last-resort"
""".replace("1500us", "1.5ms")


def test_the_smallest_file_means_the_documented_defaults():
    config = parse(SMALLEST, "f")
    assert config.daemon.command == ("/usr/sbin/named", "-f", "-u", "bind")
    assert (config.daemon.restart, config.daemon.ready) == ("on-failure", "auto")
    assert (config.daemon.ready_timeout, config.daemon.stop_timeout) == (60.0, 30.0)
    interfaces = config.interfaces
    assert (interfaces.kind, interfaces.hold) == ("tap", "anycast-hold")
    assert (interfaces.preferred, interfaces.last_resort) == ("anycast0", "anycast1")
    assert interfaces.require_route == ()
    assert config.drain.linger == 2.0
    assert config.drain.minimum == 1
    assert (config.control.socket, config.control.group) == (DEFAULT_SOCKET, None)
    assert config.service[0].addresses == (ip_address("192.0.2.53"),)
    assert (config.service[0].ceiling, config.routing.protocol) == ("preferred", "ospf")


def test_a_probe_has_the_documented_defaults():
    (probe,) = parse(f"{SMALLEST}[[service.probe]]\n", "f").service[0].probe
    assert (probe.type, probe.server, probe.port, probe.qtype) == ("dns", None, 53, "SOA")
    assert probe.transport == ("udp", "tcp")
    assert (probe.interval, probe.recheck, probe.timeout) == (1.0, 0.1, 0.5)
    assert (probe.rise, probe.fall, probe.on_failure) == (2, 2, "withdraw")
    assert (probe.expect.rcode, probe.expect.aa) == (("NOERROR",), False)


def test_everything_that_is_written_is_meant():
    config = parse(WHOLE, "f")
    assert config.daemon.command[2] == 'echo "\x7f\x01\\ü\n"'
    assert config.daemon.restart_delay == 0.00025
    assert config.daemon.restart_delay_max == 3600.0
    assert config.interfaces.require_route == (ip_network("0.0.0.0/0"), ip_network("::/0"))
    a, b = config.services
    assert a.addresses == (ip_address("192.0.2.53"), ip_address("2001:db8::53"))
    one, two = a.probe
    assert (one.qtype, one.server, one.recheck) == ("TXT", ip_address("::1"), 0.0015)
    assert one.expect.rcode == ("NXDOMAIN", "REFUSED")
    assert one.tries == 3
    assert two.title == "check_disk"
    assert [probe.qname for probe in b.probe] == ["version.bind"]
    first, last = config.exabgp.preferred, config.exabgp.last_resort
    assert (first.med, first.local_preference, first.communities[1]) == (3, 200, "no-export")
    assert (last.med, last.local_preference, last.as_path) == (1000, 0, (64500, 4200000000))
    assert (a.ceiling, b.ceiling, config.routing.protocol) == ("preferred", "last-resort", "bgp")


def test_a_service_without_a_probe_asks_what_every_server_can_answer():
    (service,) = parse(SMALLEST, "f").services
    (probe,) = service.probe
    assert (probe.qname, probe.qtype, probe.qclass) == ("version.bind", "TXT", "CH")
    assert probe.server is None  # through the hold
    assert probe.expect.rcode == ("NOERROR", "REFUSED")


def test_without_a_hold_the_default_probe_asks_the_host_itself():
    (service,) = parse(f'[interfaces]\nhold = "none"\n{SMALLEST}', "f").services
    assert service.probe[0].server == ip_address("127.0.0.1")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("2s", 2.0), ("5m", 300.0), ("1h", 3600.0), ("0.5s", 0.5), (" 2 s ", 2.0)],
)
def test_durations_have_units(text, seconds):
    assert duration(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.0, "2s"), (0.5, "500ms"), (300.0, "300s"), (0.0015, "1.500ms"), (0.0, "0s")],
)
def test_durations_are_written_as_one_would_write_them(seconds, text):
    assert written_duration(seconds) == text
    assert duration(text) == seconds


# --- show ---


@pytest.mark.parametrize("text", [SMALLEST, WHOLE], ids=["smallest", "whole"])
def test_what_is_shown_means_the_same(text):
    config = parse(text, "f")
    shown = toml(config)
    again = parse(shown, "shown")
    assert again.services == config.services
    assert again.model_copy(update={"service": ()}) == config.model_copy(update={"service": ()})
    assert again.model_dump() == parse(toml(again), "again").model_dump()


def test_what_is_shown_says_what_is_a_default():
    shown = toml(parse(WHOLE.replace('qclass = "CH"\n', ""), "f")).splitlines()
    assert 'qclass = "IN"  # default' in shown
    assert 'qname = "example.com"' in shown
    assert "# max-latency is not set" not in shown


def test_what_is_shown_has_the_default_probe_and_says_so():
    shown = toml(parse(WHOLE, "f"))
    assert shown.count("this is the default one") == 1
    comment, header, *_ = shown.split("# the service has no probe of its own", 1)[1].splitlines()
    assert (comment, header) == (": this is the default one", "[[service.probe]]")
    assert 'qname = "version.bind"' in shown


# --- schema ---


def keys(schema, node, path=""):
    """Every key that the schema allows, as a dotted path."""
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    for choice in node.get("oneOf", []) + node.get("anyOf", []) + node.get("allOf", []):
        yield from keys(schema, choice, path)
    if "items" in node:
        yield from keys(schema, node["items"], path)
    for name, child in node.get("properties", {}).items():
        yield f"{path}{name}"
        yield from keys(schema, child, f"{path}{name}.")


def written(document, path=""):
    if isinstance(document, list):
        for one in document:
            yield from written(one, path)
    elif isinstance(document, dict):
        for name, child in document.items():
            yield f"{path}{name}"
            yield from written(child, f"{path}{name}.")


def test_the_schema_has_every_key_and_no_other():
    schema = Config.model_json_schema(by_alias=True)
    assert json.loads(json.dumps(schema)) == schema
    assert set(keys(schema, schema)) == set(written(tomllib.loads(WHOLE))) | {
        "service.probe.type",  # written in one probe only
    }


def test_the_schema_forbids_everything_else():
    schema = Config.model_json_schema(by_alias=True)
    tables = [schema, *schema["$defs"].values()]
    assert all(table["additionalProperties"] is False for table in tables)


# --- the examples ---


@pytest.mark.parametrize("name", ["anycast-wrap.toml", "anycast-wrap-classic.toml"])
def test_the_examples_are_good(name):
    load(CONTRIB / name)


def test_the_example_says_of_a_default_what_it_is():
    """Each value of the example that is not marked as one is the default."""
    defaults = parse(SMALLEST, "f")
    text = (CONTRIB / "anycast-wrap.toml").read_text()
    document = tomllib.loads(re.sub(r"^require-route = .*$", "", text, flags=re.MULTILINE))
    for name in ("daemon", "interfaces", "drain", "control", "routing"):
        table = getattr(defaults, name).model_dump(mode="json", by_alias=True)
        assert {key: table[key] for key in document[name]} == document[name]


# --- peek ---


def peeked(tmp_path, text):
    (tmp_path / "conf").write_text(text)
    return control_socket(tmp_path / "conf")


def test_the_socket_is_found_in_a_file_with_mistakes_elsewhere(tmp_path):
    text = '[control]\nsocket = "/x/y.sock"\ngroup = 5\n[nonsense]\n[[service]]\nname = "a b"\n'
    assert peeked(tmp_path, text) == Path("/x/y.sock")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "control = 5",
        "[control]\nsocket = 5",
        "[control",
        "a = " + "[" * 3000,
        "a = " + "9" * 5000,
    ],
    ids=["nothing", "number", "number-socket", "no-toml", "nested", "digits"],
)
def test_where_no_socket_can_be_found_it_is_the_default_one(tmp_path, text):
    assert peeked(tmp_path, text) == DEFAULT_SOCKET


def test_without_a_file_the_socket_is_the_default_one(tmp_path):
    assert control_socket(tmp_path / "none") == DEFAULT_SOCKET
    assert control_socket(tmp_path) == DEFAULT_SOCKET
