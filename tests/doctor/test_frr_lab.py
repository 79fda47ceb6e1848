"""doctor on a host with real FRR and the shipped configuration: clean; then it is broken."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CONTRIB = Path(__file__).parents[2] / "contrib"
sys.path.append(str(Path(__file__).parents[1] / "contrib"))  # where the LAN of routers is

import frr_lan as lab  # noqa: E402

from tests.doctor.world import NAMED_TEXT  # noqa: E402

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]

SERVICE = ("192.0.2.53/32", "2001:db8:53::53/128")
KEY = 'key "xfer" { algorithm hmac-sha256; secret "c2VjcmV0c2VjcmV0"; };'
MACHINES = ("second-unit", "unit-", "network-manager", "networkd-")
"""Checks of what the machine of the tests has, as opposed to the namespace."""

CONFIG = """
[daemon]
command = ["/usr/sbin/named", "-f", "-c", "{directory}/named.conf"]
[interfaces]
require-route = ["0.0.0.0/0", "::/0"]
[drain]
file = "{directory}/drained"
[control]
socket = "{directory}/control.sock"
[routing]
vtysh = ["vtysh", "--vty_socket", "{frr}", "--config_dir", "{frr}"]
[[service]]
name = "resolver"
addresses = ["192.0.2.53", "2001:db8:53::53"]
[[service.probe]]
qname = "example.test"
"""


class Host:
    """The host, with what an operator would run on it."""

    def __init__(self, lan, directory):
        self.gateway, self.node = lan.node("gw", 1), lan.node("a", 6)
        for node, name in ((self.gateway, "gateway"), (self.node, "host")):
            node.start_frr()
            assert node.load((CONTRIB / "frr" / f"{name}.frr.conf").read_text()) == []
        self.node.exec("sysctl", "-qp", str(CONTRIB / "sysctl" / "anycast-wrap.conf"))
        text = NAMED_TEXT.replace("????????????????", "0123456789abcdef")
        text = text.replace("type secondary;", 'type secondary; file "other";')
        (directory / "named.conf").write_text(KEY + text)
        self.file = directory / "anycast-wrap.toml"
        self.file.write_text(CONFIG.format(directory=directory, frr=self.node.directory))

    def serve(self):
        for name in ("0.0.0.0/0", "::/0"):
            lab.wait_for(lambda name=name: self.node.routes(name), 60, f"{name} is learnt")
        self.node.open_tap("anycast0", *SERVICE)
        self.node.ip("tuntap", "add", "anycast-hold", "mode", "tap")
        for address in SERVICE:
            self.node.ip("addr", "add", address, "dev", "anycast-hold")
        self.node.ip("link", "set", "anycast-hold", "up")
        lab.wait_for(lambda: "announced-truly" not in self.found(), 30, lambda: str(self.found()))

    def doctor(self, *arguments):
        begin = time.monotonic()
        done = subprocess.run(
            [
                "ip",
                "netns",
                "exec",
                self.node.namespace,
                sys.executable,
                "-m",
                "anycast_wrapper",
                "-c",
                str(self.file),
                "doctor",
                "--json",
                *arguments,
            ],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return json.loads(done.stdout), time.monotonic() - begin

    def found(self):
        """What is found, but for what is only worth knowing, by the check's name."""
        document, _ = self.doctor()
        return {
            one["name"]: "; ".join(each["found"] for each in one["findings"]) or one["detail"]
            for one in document["checks"]
            if one["outcome"] in ("found", "unknown")
            and one["severity"] != "info"
            and not one["name"].startswith(MACHINES)
        }


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    if os.geteuid() != 0 or not (lab.FRR / "zebra").exists() or not shutil.which("named-checkconf"):
        pytest.skip("needs root, FRR and BIND")
    lan = lab.Lan(f"awd{time.monotonic_ns() % 10**6}")
    try:
        made = Host(lan, tmp_path_factory.mktemp("doctor"))
        made.serve()
        yield made
    finally:
        lan.close()


def test_the_shipped_configuration_comes_out_clean(host):
    assert host.found() == {}


@pytest.mark.parametrize(
    ("name", "broken", "mended", "words"),
    [
        ("rank-passive", " no ip ospf passive", " ip ospf passive", "anycast0 is not passive"),
        ("rank-area", " no ipv6 ospf6 area", " ipv6 ospf6 area 0", "anycast0 is in no area"),
    ],
)
def test_a_broken_line_of_an_interface_is_found(host, name, broken, mended, words):
    assert host.node.load(f"interface anycast0\n{broken}\nexit\nend\n") == []
    try:
        assert words in host.found()[name]
    finally:
        assert host.node.load(f"interface anycast0\n{mended}\nexit\nend\n") == []
    lab.wait_for(lambda: host.found() == {}, 40, lambda: str(host.found()))


def test_a_broken_line_of_the_process_is_found(host):
    host.node.load("router ospf\n redistribute connected\nexit\nend\n")
    host.node.load("interface anycast1\n no ip ospf cost\nexit\nend\n")
    try:
        found = host.found()
        assert "router ospf: redistribute connected" in found["originates-more"]
        assert "not set" in found["last-resort-cost"]
    finally:
        host.node.load("router ospf\n no redistribute connected\nexit\nend\n")
        host.node.load("interface anycast1\n ip ospf cost 60000\nexit\nend\n")


def test_a_held_address_that_leaks_is_found(host):
    """An address that is announced from where we know nothing of."""
    host.node.ip("link", "add", "br9", "type", "bridge")
    host.node.ip("link", "set", "br9", "up")
    host.node.load("interface br9\n ip ospf area 0\n ip ospf passive\nexit\nend\n")
    host.node.close_tap("anycast0")
    try:
        host.node.ip("addr", "add", SERVICE[0], "dev", "br9")
        lab.wait_for(lambda: "hold-leaks" in host.found(), 30, lambda: str(host.found()))
        found = host.found()
        assert found["hold-leaks"].startswith("192.0.2.53")
        assert "br9" in found["address-elsewhere"]
    finally:
        host.node.ip("link", "del", "br9")
        host.node.open_tap("anycast0", *SERVICE)


def test_a_daemon_that_hangs_is_told_within_five_seconds(host, capsys):
    pid = host.node.pid("ospfd")
    os.kill(pid, signal.SIGSTOP)
    try:
        document, took = host.doctor()
    finally:
        os.kill(pid, signal.SIGCONT)
    with capsys.disabled():
        print(f"\n    doctor while ospfd hangs: {took:.2f} s")  # noqa: T201
    assert took < 5
    by_name = {one["name"]: one for one in document["checks"]}
    assert by_name["adjacency"]["outcome"] == "unknown"
    assert "does not answer within" in by_name["adjacency"]["detail"]
    assert by_name["named-listens"]["outcome"] == "good"


def test_a_daemon_that_does_not_run_is_found(host):
    # The last test: it is not started again.
    host.node.processes["ospf6d"].terminate()
    host.node.processes["ospf6d"].wait()
    found = host.found()
    assert found["routing-daemons"] == "ospf6d does not run"
    assert found["rank-area"] == "ospf6d does not run"
