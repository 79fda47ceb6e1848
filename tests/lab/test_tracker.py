"""``anycast-wrap track`` on a gateway with real name servers behind it, as an operator has it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from anycast_wrapper.lab.claim import Claim
from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.load import PACKAGE_ROOT

from .cluster import figure
from .farm import SERVERS, Farm

FOUR, SIX = "192.0.2.53", "2001:db8:53::53"
BOTH = (FOUR, SIX)
EVERYBODY = set(SERVERS)
WITHIN = 2.5
"""Seconds: 1.6 at the defaults, which is printed; the rest is for a machine that does much else."""


@pytest.fixture(scope="module")
def farm():
    with Farm() as made:
        yield made


class Tracker:
    """The command in the farm's gateway, with a file of its own."""

    def __init__(self, farm, **keys):
        self.farm = farm
        self.directory = farm.directory / "track"
        self.directory.mkdir(exist_ok=True)
        self.file = self.directory / "track.toml"
        self.log = self.directory / "log"
        self.process = None
        self.write(**keys)

    def write(self, servers=SERVERS, weights=None, **track):
        """The file: everything that can be left to its default is."""
        lines = [
            "[track]",
            f'drain-file = "{self.directory}/drained"',
            *(f"{key.replace('_', '-')} = {json.dumps(value)}" for key, value in track.items()),
            f'[control]\nsocket = "{self.directory}/control.sock"',
            f'[[pool]]\nname = "resolver"\naddresses = {json.dumps(BOTH)}',
        ]
        for name in servers:
            server = self.farm.server(name)
            addresses = json.dumps([server.address, server.address6])
            lines.append(f'[[pool.server]]\nname = "{name}"\naddresses = {addresses}')
            lines.append(f"weight = {(weights or {}).get(name, 1)}")
        lines.append('[[pool.probe]]\nqname = "www.example.test"\nqtype = "A"')
        self.file.write_text("\n".join(lines) + "\n")

    def argv(self, *words):
        program = (sys.executable, "-m", "anycast_wrapper", "-c", str(self.file), "track")
        return ["env", f"PYTHONPATH={PACKAGE_ROOT}", *program, *words]

    def __enter__(self):
        with self.log.open("a") as log:
            self.process = self.farm.gateway.popen(self.argv(), stdout=log, stderr=log)
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(timeout=10)
        self.ask("withdraw")

    def ask(self, *words, check=True):
        return self.farm.gateway.run(self.argv(*words), check=check)

    def status(self):
        done = self.ask("status", "--json", check=False)
        return done.returncode, json.loads(done.stdout)

    def await_nodes(self, names, addresses=BOTH):
        """When the kernel was seen to send both addresses to exactly these."""
        return max(self.farm.await_nodes(one, set(names)) for one in addresses)


def test_a_dead_server_is_out_in_time_and_comes_back(farm):
    with Tracker(farm) as tracker:
        began = time.monotonic()
        took = tracker.await_nodes(SERVERS) - began
        figure(f"track: four servers serve {took:.2f} s after its start")
        code, document = tracker.status()
        assert (code, document["state"]) == (0, "served")
        shown = tracker.ask("status").stdout
        assert "leads to 4 of 4 by resilient" in shown, shown

        server = farm.server("ns2")
        for words, harm, cure in (
            ("hangs", signal.SIGSTOP, signal.SIGCONT),
            ("is killed", signal.SIGKILL, None),
        ):
            server.signal(harm)
            took = -time.monotonic() + tracker.await_nodes(EVERYBODY - {"ns2"})
            figure(f"track: a server that {words} is out after {took:.2f} s")
            assert took <= WITHIN
            if cure:
                server.signal(cure)
            else:
                server.start()
            tracker.await_nodes(SERVERS)
        farm.cut("ns3")
        took = -time.monotonic() + tracker.await_nodes(EVERYBODY - {"ns3"})
        figure(f"track: a server whose cable is cut is out after {took:.2f} s")
        assert took <= WITHIN
        code, document = tracker.status()
        assert code == 0
        sites = {s["name"]: s["addresses"][0] for s in document["pools"][0]["servers"]}
        assert sites["ns3"]["state"] == "down"
        assert sites["ns3"]["reason"] in ("probe-timeout", "probe-unreachable")
        farm.cut("ns3", mended=True)
        tracker.await_nodes(SERVERS)


@pytest.mark.slow  # test_track.py does it under load
def test_a_killed_tracker_leaves_the_route_and_its_successor_adopts_it(farm):
    with Tracker(farm) as tracker:
        tracker.await_nodes(SERVERS)
        tracker.process.kill()
        tracker.process.wait(timeout=10)
        assert farm.nodes(FOUR) == EVERYBODY
        code, document = tracker.status()
        assert (code, document["state"]) == (1, "dead")
        farm.server("ns4").signal(signal.SIGSTOP)
        try:
            with tracker:
                tracker.await_nodes(EVERYBODY - {"ns4"})
                log = tracker.log.read_text()
                assert "route-adopted" in log
                farm.server("ns4").signal(signal.SIGCONT)
                tracker.await_nodes(SERVERS)
        finally:
            farm.server("ns4").signal(signal.SIGCONT)
        assert farm.nodes(FOUR) == set()
        assert tracker.status()[0] == 3


def test_drain_reload_and_stop(farm):
    with Tracker(farm, linger="200ms") as tracker:
        tracker.await_nodes(SERVERS)
        assert "drained: resolver/ns1" in tracker.ask("drain", "ns1", "new", "disk").stdout
        assert farm.nodes(FOUR) == EVERYBODY - {"ns1"}
        assert "new disk" in tracker.ask("status").stdout
        os.kill(tracker.process.pid, signal.SIGKILL)
        tracker.process.wait(timeout=10)
        tracker.__enter__()
        eventually(lambda: tracker.status()[0] == 0, awaiting="the successor", within=10.0)
        assert farm.nodes(FOUR) == EVERYBODY - {"ns1"}
        tracker.ask("undrain", "resolver/ns1")
        tracker.await_nodes(SERVERS)
        assert tracker.ask("drain", "nobody", check=False).returncode == 1

        tracker.write(SERVERS[:3], {"ns1": 3}, linger="200ms")
        tracker.ask("reload")
        tracker.await_nodes(SERVERS[:3])
        good = tracker.file.read_text()
        tracker.file.write_text(good.replace("weight = 3", "weight = 0"))
        assert tracker.ask("reload", check=False).returncode == 6
        tracker.file.write_text(good)
        assert farm.nodes(FOUR) == set(SERVERS[:3])

        assert tracker.ask("stop").stdout == "stopped\n"
        assert tracker.process.wait(timeout=10) == 0
        assert farm.nodes(FOUR) == farm.nodes(SIX) == set()
        assert tracker.status()[0] == 3


def test_a_route_that_somebody_removes_is_put_back_at_once(farm):
    with Tracker(farm) as tracker:
        tracker.await_nodes(SERVERS)
        began = time.monotonic()
        farm.gateway.ip(f"route del {FOUR}")
        eventually(lambda: farm.nodes(FOUR) == EVERYBODY, awaiting="the route", within=5.0)
        figure(f"track: a route that was removed is back after {time.monotonic() - began:.2f} s")


THOUSAND = [f"10.53.{1 + n // 250}.{1 + n % 250}" for n in range(1000)]
MAC = "02:00:00:00:53:01"
SHARE = 0.5
"""Of a core."""


@pytest.mark.slow
def test_a_thousand_servers_cost_less_than_half_a_core():
    """Each asked once a second over UDP and TCP, and all of them members of one group."""
    claim = Claim()
    try:
        gateway, far = claim.namespace("gateway"), claim.namespace("far")
        for one in (gateway, far):
            one.create()
        gateway.ip(
            f"link add lan type veth peer name lan address {MAC} netns {far.name}",
            "addr add 10.53.0.1/16 dev lan",
            "link set lan up",
        )
        # Every address of the subnet is the other end's own (ip-route(8), type local).
        far.ip(
            "addr add 10.53.255.254/16 dev lan",
            "link set lan up",
            "route add local 10.53.1.0/24 dev lo",
            *(f"route add local 10.53.{n}.0/24 dev lo" for n in range(2, 6)),
        )
        # Beyond 1,024 neighbours, and not in a namespace, the kernel has to be told so.
        gateway.ip(*(f"neigh add {one} lladdr {MAC} nud permanent dev lan" for one in THOUSAND))
        answering = far.popen(
            [sys.executable, "-m", "bench.cost.answering"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=PACKAGE_ROOT,
        )
        port = int(answering.stdout.readline())
        directory = claim.directory
        servers = "".join(
            f'[[pool.server]]\nname = "ns{n}"\naddresses = ["{one}"]\n'
            for n, one in enumerate(THOUSAND)
        )
        file = directory / "track.toml"
        file.write_text(
            f'[track]\ndrain-file = "{directory}/drained"\n'
            f'[control]\nsocket = "{directory}/control.sock"\n'
            f'[[pool]]\nname = "many"\naddresses = ["{FOUR}"]\n{servers}'
            f'[[pool.probe]]\nport = {port}\nexpect = {{ rcode = ["REFUSED"] }}\n',
        )
        argv = ["env", f"PYTHONPATH={PACKAGE_ROOT}", sys.executable, "-m", "anycast_wrapper"]
        argv += ["-c", str(file), "track"]
        with (directory / "log").open("w") as log:
            process = gateway.popen(argv, stdout=log, stderr=log)
        began = time.monotonic()

        def await_members(count):
            """Until the log says so: to ask for the status costs more than what is measured."""
            words = f"members={count}/{len(THOUSAND)}"
            eventually(
                lambda: words in (directory / "log").read_text(),
                awaiting=words,
                within=60.0,
                every=0.05,
            )
            return time.monotonic()

        took = await_members(len(THOUSAND)) - began
        figure(f"track: 1,000 servers serve {took:.1f} s after its start")
        time.sleep(3)
        watched = psutil.Process(process.pid)
        before, since = sum(watched.cpu_times()[:2]), time.monotonic()
        time.sleep(10)
        share = (sum(watched.cpu_times()[:2]) - before) / (time.monotonic() - since)
        figure(
            "track: 1,000 servers asked every second over UDP and TCP: "
            f"{share:.2f} of a core, {watched.memory_info().rss / 1e6:.0f} MB"
        )
        said = (directory / "log").read_text()
        assert said.count("to=down") == 0, said[-2000:]
        assert share < SHARE
        far.ip("route del local 10.53.2.0/24 dev lo")
        since = time.monotonic()
        took = await_members(len(THOUSAND) - 250) - since
        figure(f"track: 250 of 1,000 servers that fail at once are out after {took:.2f} s")
        assert took <= 2 * WITHIN
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        answering.stdin.close()  # which ends it
        answering.wait(timeout=10)
        answering.stdout.close()
    finally:
        claim.release()
