"""``anycast-wrap track`` with IPVS, whole: the shipped file, real name servers, a real kernel."""

import contextlib
import json
import signal
import sys
import time
from pathlib import Path

import pytest

from anycast_wrapper.lab.eventually import eventually
from tests.gateway.ipvs_world import need_ipvs
from tests.vm.lan import VIP, Lan
from tests.vm.test_ipvs import Load, Session

EXAMPLE = Path(__file__).parents[2] / "contrib" / "keepalived" / "track-ipvs.toml"
WITHIN = 60.0


@pytest.fixture(scope="module")
def lan():
    need_ipvs()
    with Lan() as lan:
        yield lan


class Tracker:
    """The command, in the director."""

    def __init__(self, lan):
        self.lan = lan
        self.config = lan.directory / "track.toml"
        text = EXAMPLE.read_text().replace(
            "[track]\n", f'[track]\ndrain-file = "{lan.directory}/drained"\n'
        )
        # Of the probe, which is the file's last table: this machine is slow.
        text += 'timeout = "2s"\ninterval = "2s"\n'
        text += f'[control]\nsocket = "{lan.directory}/track.sock"\n'
        self.config.write_text(text)
        self.log = lan.directory / "track.log"

    def argv(self, *words):
        return [sys.executable, "-m", "anycast_wrapper", "-c", str(self.config), "track", *words]

    def start(self):
        with self.log.open("a") as output:
            self.child = self.lan.director.popen(self.argv("run"), stdout=output, stderr=output)

    def run(self, *words, check=True):
        return self.lan.director.run(self.argv(*words), check=check, timeout=120).stdout

    def members(self):
        """By server, its weight; of UDP and TCP alike."""
        found = {"-u": {}, "-t": {}}
        for line in self.lan.ipvsadm("-S", "-n").splitlines():
            words = line.split()
            if words[0] == "-a":
                real = words[words.index("-r") + 1].partition(":")[0]
                found[words[1]][real] = int(words[words.index("-w") + 1])
        return found["-u"] if found["-u"] == found["-t"] else None

    def becomes(self, **weights):
        wanted = {one.address: weights[one.name] for one in self.lan.servers if one.name in weights}
        began = time.monotonic()
        eventually(
            lambda: self.members() == wanted,
            awaiting=f"members {wanted}",
            within=WITHIN,
            seen=lambda: (self.members(), self.log.read_text()[-2000:]),
        )
        return time.monotonic() - began


@pytest.fixture
def tracker(lan):
    tracker = Tracker(lan)
    tracker.start()
    tracker.becomes(ns1=1, ns3=1)
    yield tracker
    tracker.child.send_signal(signal.SIGTERM)
    with contextlib.suppress(TimeoutError):
        tracker.child.wait(timeout=30)
    sys.stdout.write(tracker.log.read_text())


def test_a_dead_server_is_out_and_back_by_itself(lan, tracker):
    dead, alive = lan.servers
    dead.named.stop(signal.SIGKILL)
    out = tracker.becomes(ns3=1)
    assert lan.who(VIP, 10) == {alive.name: 10}
    dead.named.start()
    back = tracker.becomes(ns1=1, ns3=1)
    sys.stdout.write(f"out after {out:.1f} s, back after {back:.1f} s\n")
    document = json.loads(tracker.run("status", "--json"))
    assert "IPVS" in json.dumps(document)


def test_a_drained_server_keeps_its_session_and_then_is_out(lan, tracker):
    with Session(lan, VIP) as one, Session(lan, VIP) as other, Load(lan, VIP) as load:
        held = one if one.ask() == "ns1" else other
        assert held.ask() == "ns1"
        began = time.monotonic()
        drain = lan.director.popen(tracker.argv("drain", "kai-105", "disk"))
        tracker.becomes(ns1=0, ns3=1)
        asked = 0
        while tracker.members() and len(tracker.members()) == 2 and asked < 30:
            assert held.ask() == "ns1"
            asked += 1
        assert asked > 5
        tracker.becomes(ns3=1)
        lingered = time.monotonic() - began
        assert drain.wait(timeout=60) == 0
    assert load.lost == 0
    sys.stdout.write(f"{asked} of {asked} over the held session, out after {lingered:.1f} s\n")
    tracker.run("undrain", "kai-105")
    tracker.becomes(ns1=1, ns3=1)


def test_a_killed_tracker_leaves_everything_and_its_successor_takes_it_over(lan, tracker):
    tracker.child.kill()
    tracker.child.wait(timeout=30)
    assert lan.who(VIP, 10) == {"ns1": 5, "ns3": 5}
    with Load(lan, VIP) as load:
        tracker.start()
        eventually(lambda: "leads" in tracker.log.read_text(), within=WITHIN)
        eventually(lambda: "IPVS" in tracker.run("status", "--json", check=False), within=WITHIN)
        tracker.becomes(ns1=1, ns3=1)
    assert load.lost == 0


def test_the_end_leaves_nothing(lan, tracker):
    tracker.run("stop")
    tracker.child.wait(timeout=30)
    assert VIP not in lan.ipvsadm("-S", "-n")
    assert "anycast-lvs" not in lan.director.run(["ip", "link"]).stdout
    assert VIP not in lan.director.run(["ip", "route", "show", "table", "local"]).stdout
    tracker.start()
    tracker.becomes(ns1=1, ns3=1)
