"""Finding out, on real things: files, namespaces, programs that lie, hang and are not there."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anycast_wrapper.doctor.facts import Absent, Facts, Neighbour, Plan, Unit, Unknown
from anycast_wrapper.doctor.gather import frr, gather, host, named, processes, systemd
from anycast_wrapper.doctor.gather.plan import plan
from anycast_wrapper.doctor.gather.running import Ran, in_thread, run
from anycast_wrapper.doctor.namedconf import option, zones

RECORDED = Path(__file__).parents[1] / "routing" / "recorded"
needs_named = pytest.mark.skipif(
    not Path("/usr/bin/named-checkconf").exists(), reason="needs named-checkconf"
)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def script(path, body):
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return (str(path),)


# --- programs ---


def test_a_program_that_is_not_there_is_told_of():
    assert asyncio.run(run(("/nowhere/vtysh",))) == Unknown(
        "/nowhere/vtysh: no such file or directory"
    )


def test_a_program_that_hangs_is_ended_with_its_children(tmp_path):
    left = tmp_path / "left"
    argv = script(tmp_path / "slow", f"(sleep 2; touch {left}) & sleep 60")
    begin = time.monotonic()
    told = asyncio.run(run(argv, 0.2))
    assert time.monotonic() - begin < 1.5
    assert told == Unknown(f"{argv[0]} does not answer within 0.2 s")
    assert not left.exists()


def test_a_program_that_says_too_much_is_ended(tmp_path):
    argv = script(tmp_path / "loud", "exec cat /dev/zero")
    told = asyncio.run(run(argv, 10))
    assert isinstance(told, Unknown)
    assert "more than" in told.why or "within" in told.why


def test_both_streams_and_the_exit_status_are_had(tmp_path):
    argv = script(tmp_path / "both", "echo out; echo err >&2; exit 3")
    assert asyncio.run(run(argv)) == Ran(3, "out\n", "err\n")


def test_what_never_comes_back_does_not_keep_us():
    never = threading.Event()
    begin = time.monotonic()
    told = asyncio.run(in_thread("a dead file system", never.wait, 0.1))
    assert time.monotonic() - begin < 2
    assert told == Unknown("a dead file system could not be looked at within 0.1 s")
    never.set()


def test_what_fails_says_why():
    told = asyncio.run(in_thread("the file", lambda: Path("/nowhere/x").read_text()))
    assert told == Unknown("the file: No such file or directory")


# --- FRR ---


def asked(answer, tmp_path, question, *arguments):
    (tmp_path / "answer").write_text(answer)
    argv = script(tmp_path / "vtysh", f"cat {tmp_path}/answer")
    return asyncio.run(question(argv, *arguments))


def test_the_daemons_are_on_one_line(tmp_path):
    assert asked(" zebra ospfd bfdd\n", tmp_path, frr.daemons) == {"zebra", "ospfd", "bfdd"}
    told = asked("Exiting: permission denied!\n", tmp_path, frr.daemons)
    assert "permission denied" in told.why


@needs_root
def test_root_is_told_that_no_daemon_runs(tmp_path):
    answer = "Exiting: failed to connect to any daemons.\n"
    assert asked(answer, tmp_path, frr.daemons) == frozenset()
    assert "failed to connect" in asked(answer, tmp_path, frr.config).why


@pytest.mark.parametrize(
    "state",
    ['"state":"Full/DR"', '"state":"Full/DR","nbrState":"Full/DR"', '"nbrState":"Full/DR"'],
    ids=["frr7", "frr8", "frr10"],
)
def test_neighbours_are_read_in_the_forms_of_frr(tmp_path, state):
    entry = f'{{{state},"ifaceName":"eth0:10.0.0.1"}}'
    four = f'{{"neighbors":{{"1.1.1.1":[{entry}]}}}}'
    six = '{"neighbors":[{"neighborId":"1.1.1.1","state":"Full","interfaceName":"eth0"}]}'
    assert asked(four, tmp_path, frr.neighbours, 4) == (Neighbour("1.1.1.1", "eth0", "Full/DR"),)
    assert asked(six, tmp_path, frr.neighbours, 6) == (Neighbour("1.1.1.1", "eth0", "Full"),)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "{",
        "[]",
        "nothing",
        '{"neighbors":3}',
        '{"neighbors":[3]}',
        '{"neighbors":{"a":[{}]}}',
        "[" * 100000,
        "null",
        '{"neighbors":{"1.1.1.1":{"a":1}}}',
    ],
    ids=range(10),
)
@pytest.mark.parametrize("version", [4, 6])
def test_malformed_answers_are_unknown(tmp_path, answer, version):
    for question in (frr.neighbours, frr.router_id, frr.originated):
        assert isinstance(asked(answer, tmp_path, question, version), Unknown)
    assert isinstance(asked(answer, tmp_path, frr.config), Unknown)


def test_the_recorded_databases_are_read(tmp_path):
    for version, name in ((4, "ospf.json"), (6, "ospf6.json")):
        text = (RECORDED / name).read_text()
        assert isinstance(asked(text, tmp_path, frr.originated, version), frozenset)


# --- named ---


@needs_named
def test_named_conf_is_had_as_named_reads_it(tmp_path):
    file = tmp_path / "named.conf"
    (tmp_path / "more").write_text('zone "example.test" { type master; file "x"; };')
    file.write_text(
        f'options {{ directory "{tmp_path}"; hostname "a\\"b;{{"; }}; // comment }}\n'
        'key "k" { algorithm hmac-sha256; secret "c2VjcmV0"; };\n'
        f'include "{tmp_path}/more";\n'
    )
    conf, verdict = asyncio.run(named.conf(("named", "-f", "-c", str(file))))
    assert verdict == ""
    assert option(conf, "hostname").value == 'a"b;{'
    assert [(zone.name, zone.type) for zone in zones(conf)] == [("example.test", "primary")]
    assert "c2VjcmV0" not in str(conf), "a secret has left its file"


@needs_named
def test_a_named_conf_that_is_refused_says_why(tmp_path):
    file = tmp_path / "named.conf"
    file.write_text("options { listen-on { 1.2.3.4 }; };\n")
    conf, verdict = asyncio.run(named.conf(("named", "-f", "-c", str(file))))
    assert isinstance(conf, Unknown)
    assert "named.conf:1" in verdict


@needs_named
def test_the_machines_own_named_conf_and_version_are_read():
    found = asyncio.run(named.version(("named",)))
    assert found > (9, 0, 0)
    if Path("/etc/bind/named.conf").exists():
        conf, _ = asyncio.run(named.conf(("/usr/sbin/named", "-f")))
        assert option(conf, "directory") is not None


def test_another_daemon_has_no_named_conf():
    conf, verdict = asyncio.run(named.conf(("/usr/sbin/unbound", "-d")))
    assert conf == verdict == Absent("the daemon is unbound, not named")


# --- the kernel ---


@pytest.fixture
def namespace():
    name = f"awdg{time.monotonic_ns() % 10**6}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    yield name
    subprocess.run(["ip", "netns", "del", name], check=True)


@needs_root
@pytest.mark.root
def test_a_fresh_namespace_is_seen_as_it_is(namespace):
    ip = ["ip", "-n", namespace]
    for words in (
        "link add eth9 type veth peer name peer9",
        "link set eth9 up",
        "addr add 203.0.113.9/24 dev eth9",
        "addr add 2001:db8:9::9/64 dev eth9 nodad",
        "link set peer9 up",
        "route add default via 203.0.113.1",
    ):
        subprocess.run([*ip, *words.split()], check=True)
    inside = ["ip", "netns", "exec", namespace]
    subprocess.run([*inside, "sysctl", "-qw", "net.ipv4.conf.eth9.arp_ignore=2"], check=True)
    code = (
        "from anycast_wrapper.doctor.gather import host\n"
        "print(repr((host.interfaces(), host.sources(), host.default_routes(), host.sysctls())))"
    )
    told = subprocess.run(
        [*inside, sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert "Interface(name='eth9', up=True, addresses=(IPv4Interface('203.0.113.9/24')" in told
    assert "IPv6Interface('2001:db8:9::9/64')" in told
    assert "{4: IPv4Address('203.0.113.9')}" in told
    assert "(DefaultRoute(version=4, protocol='boot'),)" in told
    assert "'net.ipv4.conf.eth9.arp_ignore': '2'" in told
    assert "'net.ipv4.conf.all.arp_ignore': '0'" in told


def test_the_sysctls_are_read_below_a_root(tmp_path):
    for key, value in (("all/rp_filter", "1"), ("eth0.5/arp_ignore", "2\n")):
        path = tmp_path / "net/ipv4/conf" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value)
    assert host.sysctls(tmp_path) == {
        "net.ipv4.conf.all.rp_filter": "1",
        "net.ipv4.conf.eth0.5.arp_ignore": "2",
    }


def test_the_tun_device_can_be_opened_or_it_is_told_why_not(tmp_path):
    assert host.tun(tmp_path / "tun") == "no such file or directory"
    if os.geteuid() == 0 and Path("/dev/net/tun").exists():
        assert host.tun() == ""


@needs_root
def test_a_place_is_judged_and_not_made(tmp_path):
    assert host.place(str(tmp_path / "a/b/c")).hindrance == ""
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    assert "is no directory" in host.place(str(tmp_path / "file" / "x")).hindrance
    assert "is a directory" in host.place(str(tmp_path)).hindrance


# --- processes ---


def test_the_daemon_is_measured():
    told = processes.daemon(os.getpid(), ("named",))
    assert told.pid == os.getpid()
    assert 0 < told.files < told.files_limit


def test_a_daemon_of_another_name_is_not_found():
    assert processes.daemon(None, ("/usr/sbin/no-such-daemon",)) is None


def test_nobody_at_the_control_socket_is_no_wrapper(tmp_path):
    assert processes.running(tmp_path / "control.sock") == (False, None)


def answering(path, reply):
    """A wrapper's end of the control socket, which gives one answer."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def serve():
        connection, _ = server.accept()
        with connection, server:
            connection.recv(65536)
            connection.sendall(reply)

    threading.Thread(target=serve, daemon=True).start()


@pytest.mark.parametrize(
    ("reply", "pid"),
    [
        (b'{"ok": true, "status": {"daemon": {"pid": 77}}}\n', 77),
        (b'{"ok": true, "status": {"daemon": {"pid": null}}}\n', None),
        (b'{"ok": true, "status": 3}\n', None),
    ],
)
def test_a_wrapper_that_answers_runs_and_tells_of_its_daemon(tmp_path, reply, pid):
    answering(tmp_path / "s", reply)
    assert processes.running(tmp_path / "s") == (True, pid)


@pytest.mark.parametrize("reply", [b"", b"nonsense\n", b"[]\n"])
def test_a_wrapper_that_makes_no_sense_is_unknown(tmp_path, reply):
    answering(tmp_path / "s", reply)
    running, pid = processes.running(tmp_path / "s")
    assert isinstance(running, Unknown)
    assert pid is None


def test_who_listens_is_found():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        udp.bind(("127.0.0.1", 0))
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        for one in (udp, tcp):
            (found,) = processes.listeners(one.getsockname()[1])
            assert (str(found.address), found.pid) == ("127.0.0.1", os.getpid())


# --- systemd ---

SHOWN = """Id=anycast-wrap.service
LoadState=loaded
UnitFileState=enabled
ActiveState=active
KillMode=mixed
TimeoutStopUSec=1min 45s

Id=named.service
LoadState=loaded
UnitFileState=disabled
ActiveState=inactive
KillMode=control-group
TimeoutStopUSec=infinity

Id=nsd.service
LoadState=not-found
"""


def test_units_are_read_as_systemctl_shows_them():
    assert list(systemd.read_units(SHOWN)) == [
        Unit("anycast-wrap.service", True, True, "mixed", 105.0),
        Unit("named.service", False, False, "control-group", None),
    ]


@given(st.text())
def test_any_text_is_units_of_systemd(text):
    list(systemd.read_units(text))
    systemd.span(text)


def test_networkmanager_is_read_by_its_terse_words():
    text = "eth0:connected\nanycast0:connected\nanycast1:connected (externally)\nbr\\:0:unmanaged\n"
    assert systemd.managed(text, {"anycast0", "anycast1"}) == {"anycast0"}


def networkd_files(root, **files):
    (root / "run/systemd/netif").mkdir(parents=True)
    (root / "run/systemd/netif/state").write_text("")
    for name, text in files.items():
        path = root / "etc/systemd" / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_networkd_is_asked_by_its_files(tmp_path):
    assert isinstance(systemd.networkd({"anycast0"}, tmp_path), Absent)
    networkd_files(
        tmp_path,
        network__any_network="[Match]\nName=eth* any*\n[Network]\nDHCP=yes\n",
        network__other_network="[Match]\nName=!eth0\nType=ether\n",
    )
    told = systemd.networkd({"anycast0"}, tmp_path)
    assert told.matched == {"anycast0": str(tmp_path / "etc/systemd/network/any.network")}
    assert told.drops_routes


def test_what_networkd_is_told_to_leave_alone_it_leaves_alone(tmp_path):
    networkd_files(
        tmp_path,
        network__00_network="[Match]\nName=anycast0\n[Link]\nUnmanaged=yes\n",
        network__any_network="[Match]\nName=*\n",
        networkd_conf="[Network]\nManageForeignRoutes=no\n",
    )
    told = systemd.networkd({"anycast0"}, tmp_path)
    assert dict(told.matched) == {}
    assert not told.drops_routes


# --- all of it ---

SERVICE = '[[service]]\nname = "resolver"\naddresses = ["198.51.100.53"]\n'


def test_the_configuration_becomes_plain_values(tmp_path):
    file = tmp_path / "c.toml"
    file.write_text('[interfaces]\nlast-resort = "none"\n' + SERVICE)
    told = plan(file)
    assert isinstance(told, Plan)
    assert told.addresses == (ip_address("198.51.100.53"),)
    assert (told.last_resort, told.hold) == (None, "anycast-hold")
    assert [probe.given for probe in told.probes] == [False]
    assert told.probes[0].patience == pytest.approx(2.1)


def test_every_fact_is_looked_for_and_nothing_hangs(tmp_path):
    slow = script(tmp_path / "vtysh", "sleep 60")
    file = tmp_path / "c.toml"
    file.write_text(f'[routing]\nvtysh = ["{slow[0]}"]\n{SERVICE}')
    begin = time.monotonic()
    facts = asyncio.run(gather(file))
    took = time.monotonic() - begin
    print(f"all facts, with a vtysh that hangs: {took:.2f} s")  # noqa: T201
    assert took < 5
    assert "does not answer within" in facts.frr.why
    nobody = Unknown()
    assert [name for name in Facts.__annotations__ if getattr(facts, name) == nobody] == []


def test_without_a_configuration_the_host_is_looked_at_all_the_same(tmp_path):
    facts = asyncio.run(gather(tmp_path / "missing.toml"))
    assert "missing.toml" in facts.plan.why
    assert facts.interfaces
