"""Every mistake is told with file, key, what was found and what is expected; all at once."""

from pathlib import Path

import pytest

from anycast_wrapper.config.errors import ConfigError
from anycast_wrapper.config.load import MAX_BYTES, load, parse

GOOD = '[[service]]\nname = "resolver"\naddresses = ["192.0.2.53"]\n'
PROBE = f"{GOOD}[[service.probe]]\n"
CLASSIC = '[interfaces]\nkind = "existing"\npreferred = "lo"\nlast-resort = "none"\nhold = "none"\n'


def service(addresses, name='"resolver"'):
    return f"[[service]]\nname = {name}\naddresses = {addresses}\n"


def problems(text, name="file.toml"):
    with pytest.raises(ConfigError) as caught:
        parse(text, name)
    assert all("\n" not in problem for problem in caught.value.problems)
    return list(caught.value.problems)


ONE = {
    # what: (text, key, found, part of what is expected)
    "no service": ("", "service", "nothing", "a value, as it has no default"),
    "services as a table": ("[service]", "service", "", "a list"),
    "services as a number": ("service = 5", "service", "5", "a list"),
    "a service that is no table": ("service = [5]", "service[1]", "5", "a table"),
    "an empty list of services": ("service = []", "service", "[]", "at least one entry"),
    "a service without a name": (
        '[[service]]\naddresses = ["192.0.2.53"]',
        "service[1].name",
        "nothing",
        "a value, as it has no default",
    ),
    "a service without addresses": (
        '[[service]]\nname = "a"',
        "service[1].addresses",
        "nothing",
        "a value, as it has no default",
    ),
    "empty addresses": (service("[]"), "service[1].addresses", "[]", "at least one entry"),
    "addresses in a string": (
        service('"192.0.2.53"'),
        "service[1].addresses",
        '"192.0.2.53"',
        "a list",
    ),
    "a name with a blank": (
        service('["192.0.2.53"]', '"my resolver"'),
        "service[1].name",
        '"my resolver"',
        "letters, digits, dots, dashes and underscores",
    ),
    "a network": (
        service('["192.0.2.0/24"]'),
        "service[1].addresses[1]",
        '"192.0.2.0/24"',
        "a host route (/32), not a network",
    ),
    "an IPv6 network": (
        service('["2001:db8::/64"]'),
        "service[1].addresses[1]",
        '"2001:db8::/64"',
        "a host route (/128), not a network",
    ),
    "no address at all": (
        service('["ns1.example.com"]'),
        "service[1].addresses[1]",
        '"ns1.example.com"',
        "the address of one host",
    ),
    "a number as an address": (service("[5]"), "service[1].addresses[1]", "5", "the address of"),
    "a zone of an address": (
        service('["2001:db8::53%eth0"]'),
        "service[1].addresses[1]",
        '"2001:db8::53%eth0"',
        "valid beyond one link",
    ),
    "link-local": (service('["fe80::53"]'), "service[1].addresses[1]", '"fe80::53"', "one link"),
    **{
        f"{address}, which is nobody's": (
            service(f'["{address}"]'),
            "service[1].addresses[1]",
            f'"{address}"',
            "a unicast address that routers can route to",
        )
        for address in (
            "224.0.0.1",
            "ff02::1",
            "0.0.0.0",
            "127.0.0.1",
            "::1",
            "255.255.255.255",
            "::ffff:192.0.2.53",
        )
    },
    "the same address twice": (
        service('["192.0.2.53", "192.0.2.53/32"]'),
        "service[1].addresses[2]",
        '"192.0.2.53"',
        "another address, as this one is service[1].addresses[1] already",
    ),
    "the same address in two services": (
        GOOD + service('["192.0.2.53"]', '"other"'),
        "service[2].addresses[1]",
        '"192.0.2.53"',
        "another address, as this one is service[1].addresses[1] already",
    ),
    "the same IPv6 address, written otherwise": (
        service('["2001:db8::53", "2001:DB8:0::53"]'),
        "service[1].addresses[2]",
        '"2001:db8::53"',
        "another address",
    ),
    "the same name twice": (
        GOOD + service('["192.0.2.54"]'),
        "service[2].name",
        '"resolver"',
        "another name, as service[1] has this one",
    ),
    "two probes of one name": (
        f'{PROBE}name = "p"\n[[service.probe]]\nname = "p"\nqname = "example.com"',
        "service[1].probe[2].name",
        '"p"',
        "a name, as another probe is p already",
    ),
    "two probes that ask the same, without names": (
        f"{PROBE}[[service.probe]]",
        "service[1].probe[2].name",
        "nothing",
        "a name, as another probe is root-SOA already",
    ),
    "last-resort without its interface": (
        f'[interfaces]\nlast-resort = "none"\n{PROBE}on-failure = "last-resort"',
        "service[1].probe[1].on-failure",
        '"last-resort"',
        '"withdraw", as last-resort is "none"',
    ),
    "a ceiling without its interface": (
        f'[interfaces]\nlast-resort = "none"\n{GOOD}ceiling = "last-resort"',
        "service[1].ceiling",
        '"last-resort"',
        '"preferred", as interfaces.last-resort is "none"',
    ),
    "a ceiling that is no rank to be announced at": (
        f'{GOOD}ceiling = "withdrawn"',
        "service[1].ceiling",
        '"withdrawn"',
        "'preferred' or 'last-resort'",
    ),
    "a protocol that nobody speaks": (
        f'{GOOD}[routing]\nprotocol = "rip"',
        "routing.protocol",
        '"rip"',
        "'ospf' or 'bgp'",
    ),
    "peers from OSPF where there is none": (
        f'{GOOD}[routing]\nprotocol = "bgp"\n[reroute]\nenabled = true',
        "reroute.peers",
        '"ospf"',
        'a list of addresses of neighbours, as routing.protocol is "bgp"',
    ),
    "a probe of the address itself without a hold": (
        f'[interfaces]\nhold = "none"\n{PROBE}qname = "."',
        "service[1].probe[1].server",
        "nothing",
        'an address to ask, as hold is "none"',
    ),
    "a hold on the loopback": (
        f'{GOOD}[interfaces]\nhold = "lo"',
        "interfaces.hold",
        '"lo"',
        "no loopback",
    ),
    "a loopback that we should make": (
        GOOD + CLASSIC.replace("existing", "tap"),
        "interfaces.kind",
        '"tap"',
        '"existing", as lo is a loopback',
    ),
    "a loopback beside a hold": (
        GOOD + CLASSIC.replace('hold = "none"', 'hold = "anycast-hold"'),
        "interfaces.hold",
        '"anycast-hold"',
        '"none", as lo is a loopback',
    ),
    "one interface for two things": (
        f'{GOOD}[interfaces]\npreferred = "anycast-hold"',
        "interfaces.preferred",
        '"anycast-hold"',
        "another interface, as hold has this one",
    ),
    "nothing to announce on": (
        f'{GOOD}[interfaces]\npreferred = "none"',
        "interfaces.preferred",
        '"none"',
        "an interface",
    ),
    "an interface name that is too long": (
        f'{GOOD}[interfaces]\npreferred = "anycast-preferred"',
        "interfaces.preferred",
        '"anycast-preferred"',
        "an interface name of 1 to 15 bytes",
    ),
    "an interface name of 16 bytes in 8 letters": (
        f'{GOOD}[interfaces]\npreferred = "éééééééé"',
        "interfaces.preferred",
        '"éééééééé"',
        "an interface name of 1 to 15 bytes",
    ),
    "an empty interface name": (
        f'{GOOD}[interfaces]\nhold = ""',
        "interfaces.hold",
        '""',
        "an interface name of 1 to 15 bytes",
    ),
    "an interface name with a slash": (
        f'{GOOD}[interfaces]\nhold = "a/b"',
        "interfaces.hold",
        '"a/b"',
        "without blanks, slashes",
    ),
    "a route with host bits": (
        f'{GOOD}[interfaces]\nrequire-route = ["192.0.2.53/24"]',
        "interfaces.require-route[1]",
        '"192.0.2.53/24"',
        "a prefix",
    ),
    "a kind that does not exist": (
        f'{GOOD}[interfaces]\nkind = "veth"',
        "interfaces.kind",
        '"veth"',
        "'tap', 'dummy' or 'existing'",
    ),
    "peers that are neither": (
        f'{GOOD}[reroute]\npeers = "bgp"',
        "reroute.peers",
        '"bgp"',
        '"ospf", or a list of addresses',
    ),
    "an unknown routing daemon": (
        f'{GOOD}[routing]\ndaemon = "gated"',
        "routing.daemon",
        '"gated"',
        "'frr', 'bird' or 'none'",
    ),
    "peers that nobody can be asked for": (
        f'{GOOD}[reroute]\nenabled = true\n[routing]\ndaemon = "none"',
        "reroute.peers",
        '"ospf"',
        'a list of addresses of neighbours, as routing.daemon is "none"',
    ),
    "no peers": (f"{GOOD}[reroute]\npeers = []", "reroute.peers", "[]", "at least one entry"),
    "a peer that is a network": (
        f'{GOOD}[reroute]\npeers = ["192.168.53.12", "192.168.53.0/24"]',
        "reroute.peers[2]",
        '"192.168.53.0/24"',
        "a host route (/32), not a network",
    ),
    "an unknown table": ("[metric]\n" + GOOD, "metric", "a key that is not known here", "routing"),
    "an unknown key": (
        f'{GOOD}[interfaces]\nprefered = "a"',
        "interfaces.prefered",
        "a key that is not known here",
        "one of: hold, kind, last-resort, preferred, require-route",
    ),
    "an unknown key of a service": (
        GOOD + 'adresses = ["192.0.2.54"]',
        "service[1].adresses",
        "a key that is not known here",
        "one of: addresses, ceiling, name, probe",
    ),
    "an unknown key of a probe": (
        f"{PROBE}retries = 3",
        "service[1].probe[1].retries",
        "a key that is not known here",
        "on-failure",
    ),
    "an unknown key of expect": (
        f"{PROBE}expect = {{ rcodes = [] }}",
        "service[1].probe[1].expect.rcodes",
        "a key that is not known here",
        "one of: aa, answer, max-latency, rcode",
    ),
    "an underscore for a dash": (
        f'{GOOD}[daemon]\nready_timeout = "5s"',
        "daemon.ready_timeout",
        "a key that is not known here",
        "ready-timeout",
    ),
    "a key that would forge a line": (
        f'"a\\nfile.toml: b" = 1\n{GOOD}',
        '"a\\nfile.toml: b"',
        "a key that is not known here",
        "service",
    ),
    "a duration without a unit": (
        f'{GOOD}[drain]\nlinger = "2"',
        "drain.linger",
        '"2"',
        'a duration with a unit, such as "500ms", "2s" or "5m"',
    ),
    "a number for a duration": (
        f"{GOOD}[drain]\nlinger = 2",
        "drain.linger",
        "2",
        "a duration with a unit",
    ),
    "a negative duration": (
        f'{GOOD}[drain]\nlinger = "-2s"',
        "drain.linger",
        '"-2s"',
        "a duration with a unit",
    ),
    "no time at all": (
        f'{PROBE}timeout = "0s"',
        "service[1].probe[1].timeout",
        '"0s"',
        'a duration longer than "0s"',
    ),
    "more than a month": (
        f'{GOOD}[drain]\nlinger = "721h"',
        "drain.linger",
        '"721h"',
        "a duration of at most 720h",
    ),
    "a command in a string": (
        f'{GOOD}[daemon]\ncommand = "named -f"',
        "daemon.command",
        '"named -f"',
        "a list",
    ),
    "an empty command": (
        f"{GOOD}[daemon]\ncommand = []",
        "daemon.command",
        "[]",
        "at least one entry",
    ),
    "a number in a command": (
        f'{GOOD}[daemon]\ncommand = ["named", 4]',
        "daemon.command[2]",
        "4",
        "a valid string",
    ),
    "a restart that does not exist": (
        f'{GOOD}[daemon]\nrestart = "sometimes"',
        "daemon.restart",
        '"sometimes"',
        "'always', 'on-failure' or 'never'",
    ),
    "a string for a truth": (
        f'{PROBE}expect = {{ aa = "yes" }}',
        "service[1].probe[1].expect.aa",
        '"yes"',
        "a valid boolean",
    ),
    "a string for a number": (
        f'{PROBE}rise = "2"',
        "service[1].probe[1].rise",
        '"2"',
        "a valid integer",
    ),
    "a fraction for a number": (
        f"{PROBE}fall = 1.5",
        "service[1].probe[1].fall",
        "1.5",
        "a valid integer",
    ),
    "a port out of range": (
        f"{PROBE}port = 65536",
        "service[1].probe[1].port",
        "65536",
        "less than or equal to 65535",
    ),
    "zero good answers": (f"{PROBE}rise = 0", "service[1].probe[1].rise", "0", "greater than"),
    "a bad regex": (
        f'{PROBE}expect = {{ answer = "(" }}',
        "service[1].probe[1].expect.answer",
        '"("',
        "a regular expression (",
    ),
    "a regex that repeats beyond all bounds": (
        f'{PROBE}expect = {{ answer = "a{{99999999999}}" }}',
        "service[1].probe[1].expect.answer",
        '"a{99999999999}"',
        "a regular expression (",
    ),
    "a bad qname": (
        f'{PROBE}qname = "a..b"',
        "service[1].probe[1].qname",
        '"a..b"',
        "a domain name (",
    ),
    "a bad qtype": (
        f'{PROBE}qtype = "SOAP"',
        "service[1].probe[1].qtype",
        '"SOAP"',
        "a type of records",
    ),
    "a bad qclass": (f'{PROBE}qclass = "HS"', "service[1].probe[1].qclass", '"HS"', "'IN' or 'CH'"),
    "too many tries": (f"{PROBE}tries = 11", "service[1].probe[1].tries", "11", "10"),
    "a style that there is not": (
        f'{GOOD}[exabgp]\nstyle = "flow"',
        "exabgp.style",
        '"flow"',
        "'route' or 'watchdog'",
    ),
    "two next hops of one IP version": (
        f'{GOOD}[exabgp]\nnext-hop = ["192.168.53.11", "192.168.53.12"]',
        "exabgp.next-hop[2]",
        '"192.168.53.12"',
        "an address of the other IP version",
    ),
    "a med beyond 32 bits": (
        f"{GOOD}[exabgp.last-resort]\nmed = 4294967296",
        "exabgp.last-resort.med",
        "4294967296",
        "4294967295",
    ),
    "a community that is none": (
        f'{GOOD}[exabgp.preferred]\ncommunities = ["64500:1", "64500"]',
        "exabgp.preferred.communities[2]",
        '"64500"',
        "a community, such as",
    ),
    "a community of numbers that are too great": (
        f'{GOOD}[exabgp.preferred]\ncommunities = ["64500:65536"]',
        "exabgp.preferred.communities[1]",
        '"64500:65536"',
        "below 65536",
    ),
    "an AS number that is none": (
        f"{GOOD}[exabgp.preferred]\nas-path = [0]",
        "exabgp.preferred.as-path[1]",
        "0",
        "1",
    ),
    "an unknown rcode": (
        f'{PROBE}expect = {{ rcode = ["NOERROR", "OK"] }}',
        "service[1].probe[1].expect.rcode[2]",
        '"OK"',
        "an rcode such as NOERROR, NXDOMAIN or REFUSED",
    ),
    "no transport": (
        f"{PROBE}transport = []",
        "service[1].probe[1].transport",
        "[]",
        "at least one entry",
    ),
    "a transport that does not exist": (
        f'{PROBE}transport = ["dot"]',
        "service[1].probe[1].transport[1]",
        '"dot"',
        "'udp' or 'tcp'",
    ),
    "a server by its name": (
        f'{PROBE}server = "localhost"',
        "service[1].probe[1].server",
        '"localhost"',
        "an address to ask",
    ),
    "a probe of an unknown type": (
        f'{PROBE}type = "http"',
        "service[1].probe[1].type",
        '"http"',
        "'dns', 'command'",
    ),
    "a probe whose type is a number": (
        f"{PROBE}type = 5",
        "service[1].probe[1].type",
        "5",
        "'dns', 'command'",
    ),
    "a command probe without a command": (
        f'{PROBE}type = "command"',
        "service[1].probe[1].command",
        "nothing",
        "a value, as it has no default",
    ),
    "a socket that depends on where we stand": (
        f'{GOOD}[control]\nsocket = "control.sock"',
        "control.socket",
        '"control.sock"',
        "an absolute path",
    ),
    "a drain file that depends on where we stand": (
        f'{GOOD}[drain]\nfile = "drained"',
        "drain.file",
        '"drained"',
        "an absolute path",
    ),
    "a path that no kernel takes": (
        f'{GOOD}[control]\nsocket = "/run/\\u0000"',
        "control.socket",
        '"/run/\\u0000"',
        "an absolute path",
    ),
    "a log to nowhere": (
        f'{GOOD}[log]\nto = "journal"',
        "log.to",
        '"journal"',
        '"auto", "stderr", "syslog" or an absolute path',
    ),
    "a level that does not exist": (
        f'{GOOD}[log]\nlevel = "loud"',
        "log.level",
        '"loud"',
        "'debug', 'info', 'warning' or 'error'",
    ),
    "a number of too many digits to be shown": (
        f"{PROBE}rise = 0x{'f' * 6000}",
        "service[1].probe[1].rise",
        "a number beyond all bounds",
        "",
    ),
}


@pytest.mark.parametrize("mistake", ONE)
def test_a_mistake_is_told_with_key_and_found_and_expected(mistake):
    text, key, found, expected = ONE[mistake]
    (problem,) = problems(text)
    assert problem.startswith(f"file.toml: {key}: found {found}" if found else f"file.toml: {key}:")
    assert "expected " in problem
    assert expected in problem.split("expected ", 1)[1]


def test_all_mistakes_of_a_file_are_told_at_once():
    told = problems(
        """
        x = 1
        [daemon]
        restart = 5
        [drain]
        linger = "2"
        [interfaces]
        hold = "lo"
        [[service]]
        name = "a"
        addresses = ["192.0.2.0/24", "nonsense"]
        [[service]]
        name = "b"
        addresses = ["192.0.2.1"]
        [[service]]
        name = "b"
        addresses = ["192.0.2.1"]
        [[service.probe]]
        [[service.probe]]
        """,
    )
    keys = [problem.split(": ")[1] for problem in told]
    assert sorted(keys) == sorted(
        [
            "x",
            "daemon.restart",
            "drain.linger",
            "interfaces.hold",
            "service[1].addresses[1]",
            "service[1].addresses[2]",
            "service[3].name",
            "service[3].addresses[1]",
            "service[3].probe[2].name",
        ],
    )


def test_what_the_interfaces_forbid_is_told_beside_other_mistakes():
    told = problems(f'x = 1\n{CLASSIC}{PROBE}on-failure = "last-resort"')
    keys = [problem.split(": ")[1] for problem in told]
    assert keys == ["x", "service[1].probe[1].on-failure", "service[1].probe[1].server"]


@pytest.mark.parametrize(
    "text",
    ["[[service]", "a = ", "a = 1\na = 2", '"', "a = " + "9" * 5000, "\x00"],
    ids=["bracket", "value", "twice", "quote", "digits", "nul"],
)
def test_what_is_not_toml_is_told_with_the_place(text):
    (problem,) = problems(text)
    assert problem.startswith("file.toml: ")
    assert problem.endswith("; expected TOML")


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 3000,
        f"{PROBE}qtype = [{{ {'.'.join('a' * 3000)} = 1 }}]",
    ],
)
def test_nesting_without_end_is_a_mistake_like_any_other(text):
    (problem,) = problems(text)
    # How deep is too deep, and so what is wrong with it first, depends on the Python.
    assert problem.startswith("file.toml: ")
    assert len(problem) < 250


def test_a_long_value_is_told_shortly():
    (problem,) = problems(service(f'["{"x" * 10_000}"]'))
    assert len(problem) < 250


# --- files ---


def told(path):
    with pytest.raises(ConfigError) as caught:
        load(path)
    (problem,) = caught.value.problems
    assert problem.startswith(f"{path}: ")
    return problem


def test_a_file_that_is_not_there(tmp_path):
    assert "No such file or directory; expected a configuration file" in told(tmp_path / "none")


def test_a_directory(tmp_path):
    assert "Is a directory; expected a configuration file" in told(tmp_path)


def test_a_file_that_cannot_be_read(tmp_path):
    # Root can read every file, but nobody a file below a file.
    (tmp_path / "file").touch()
    assert "Not a directory; expected" in told(tmp_path / "file" / "conf")


def test_a_link_that_leads_to_itself(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    assert "symbolic links" in told(tmp_path / "loop")


def test_a_file_that_is_not_utf8(tmp_path):
    (tmp_path / "conf").write_bytes(b'# caf\xe9\n[[service]]\nname = "a"')
    assert "not UTF-8 at offset 5; expected TOML" in told(tmp_path / "conf")


def test_a_file_that_is_too_large(tmp_path):
    (tmp_path / "conf").write_text(GOOD + "#" * MAX_BYTES)
    assert f"found more than {MAX_BYTES} bytes; expected" in told(tmp_path / "conf")


def test_a_file_just_not_too_large(tmp_path):
    (tmp_path / "conf").write_text(GOOD + "#" * (MAX_BYTES - len(GOOD)))
    assert load(tmp_path / "conf").service[0].name == "resolver"


def test_a_file_without_an_end_is_not_read_to_its_end():
    assert f"more than {MAX_BYTES} bytes" in told(Path("/dev/zero"))
