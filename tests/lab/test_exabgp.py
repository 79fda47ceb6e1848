"""``anycast-wrap exabgp`` as the process of a real ExaBGP: 4 on one host, 5 on the other.

The gateway is FRR's bgpd with ECMP. Nobody but ExaBGP announces on the hosts: no OSPF, no bgpd.
"""

import os
import signal
import time
from dataclasses import dataclass

import pytest

from anycast_wrapper.lab.bgp import Bgp
from anycast_wrapper.lab.cluster import pause
from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.exabgp import ExaBgp, find_exabgp
from anycast_wrapper.lab.host import HostOptions
from anycast_wrapper.lab.load import Load
from anycast_wrapper.lab.topology import Lab
from anycast_wrapper.lab.wrapper import Wrapper

from .cluster import figure
from .conftest import required

ADDRESSES = ("192.0.2.53", "2001:db8:53::53")
VERSIONS = (4, 5)
RATE = 2000.0

PROBES = """
[[service.probe]]
name = "server"
qname = "example.test"
qtype = "SOA"
[[service.probe]]
name = "upstream"
type = "command"
command = ["/usr/bin/test", "!", "-e", "@DIR@/broken"]
interval = "200ms"
on-failure = "last-resort"
"""
WATCHDOG = '[exabgp]\nstyle = "watchdog"\n'

# 70 ms of it are bgpd's on the gateway, which gathers changes for 50 ms; the rest is for the
# machine. Each figure is printed.
QUICK = 1.0
SILENT = 3.0


@dataclass
class Stage:
    lab: Lab
    speakers: dict[int, ExaBgp]

    def start(self):
        for speaker in self.speakers.values():
            speaker.wrapper.start()
            speaker.start()
        self.await_both()

    def await_both(self):
        for address in ADDRESSES:
            self.lab.gateway.await_nodes(address, {"host1", "host2"})

    def hurt(self, version, name, fault, *, afterwards=0.5):
        """Make a fault under load; the seconds until the last route is gone, and the results."""
        speaker = self.speakers[version]
        with self.lab.gateway.route_log() as log, self.load() as load:
            pause(0.3)
            began = time.monotonic()
            fault()
            host = speaker.host.name
            gone = max(log.await_gone(host, a, began, within=15) for a in ADDRESSES)
            pause(afterwards)
        summary = load.results.summary()
        figure(f"ExaBGP {version}, {name}: gone after {gone * 1e3:.0f} ms, {summary}")
        return gone, load.results

    def load(self):
        return Load(self.lab.client, ADDRESSES, rate=RATE)

    def path(self, version, address):
        """What the gateway has heard of an address from a host, None if nothing."""
        family = "ipv6" if ":" in address else "ipv4"
        mask = 128 if family == "ipv6" else 32
        found = self.lab.gateway.show(f"show bgp {family} unicast {address}/{mask}")
        host = self.speakers[version].host
        for path in found.get("paths", ()):
            if path["peer"]["peerId"] in (host.address, host.address6):
                return path
        return None


def staged(*, watchdog):
    programs = {version: find_exabgp(version) for version in VERSIONS}
    if lacks := [f"ExaBGP {version}" for version, program in programs.items() if program is None]:
        reason = f"there is no {' and no '.join(lacks)} here"
        if required():
            pytest.fail(reason)
        pytest.skip(reason)
    bgp = Bgp()
    silent = [HostOptions(speaker=False)] * len(VERSIONS)
    with Lab(silent, services=ADDRESSES, bgp=bgp) as lab:
        more = WATCHDOG if watchdog else ""
        speakers = {
            version: ExaBgp(
                Wrapper(host, ADDRESSES, probe=PROBES, more=more),
                programs[version],
                bgp,
                watchdog=watchdog,
            )
            for version, host in zip(VERSIONS, lab.hosts, strict=True)
        }
        stage = Stage(lab, speakers)
        stage.start()
        yield stage


@pytest.fixture(scope="module")
def routes():
    yield from staged(watchdog=False)


@pytest.fixture(scope="module")
def watchdogs():
    yield from staged(watchdog=True)


both = pytest.mark.parametrize("version", VERSIONS)


def follows(stage, version):
    """A dead name server, a planned stop, a node that is worse for a while."""
    speaker = stage.speakers[version]
    wrapper = speaker.wrapper
    gone, _ = stage.hurt(version, "named killed", wrapper.kill_daemon)
    assert gone < QUICK
    wrapper.await_rank("preferred")
    stage.await_both()
    _, results = stage.hurt(version, "stop", lambda: wrapper("stop"))
    assert results.lost == [], results.summary()
    wrapper.start()
    stage.await_both()
    broken = wrapper.directory / "broken"
    _, results = stage.hurt(version, "last-resort", broken.touch)
    assert results.lost == [], results.summary()
    for address in ADDRESSES:
        eventually(lambda a=address: stage.path(version, a)["metric"] == 100, awaiting="MED 100")
    broken.unlink()
    stage.await_both()
    assert {stage.path(version, address)["metric"] for address in ADDRESSES} == {0}


@both
def test_it_follows_the_wrapper(routes, version):
    follows(routes, version)


@pytest.mark.slow
@both
def test_it_follows_the_wrapper_by_watchdogs(watchdogs, version):
    follows(watchdogs, version)


@both
def test_a_wrapper_that_is_gone_or_silent_is_withdrawn_and_loses_nothing(routes, version):
    wrapper = routes.speakers[version].wrapper
    gone, results = routes.hurt(version, "wrapper killed", wrapper.kill)
    assert gone < QUICK
    assert results.lost == [], results.summary()
    wrapper.start()
    routes.await_both()
    try:
        gone, results = routes.hurt(
            version, "wrapper stopped", lambda: wrapper.kill(signal.SIGSTOP)
        )
    finally:
        wrapper.kill(signal.SIGCONT)
    assert gone < SILENT
    assert results.lost == [], results.summary()
    routes.await_both()


@both
def test_what_a_killed_process_has_said_stays_until_the_next_one_says_what_is_true(routes, version):
    speaker = routes.speakers[version]
    with routes.lab.gateway.route_log() as log:
        began = time.monotonic()
        killed = speaker.kill_child()
        speaker.wrapper.kill()
        gone = [log.await_gone(speaker.host.name, a, began) for a in ADDRESSES]
    figure(
        f"ExaBGP {version}, its process and the wrapper killed: gone after {max(gone) * 1e3:.0f} ms"
    )
    assert speaker.child() != killed
    speaker.wrapper.start()
    routes.await_both()


@both
def test_the_process_withdraws_when_it_is_told_to_end_and_the_next_one_announces(routes, version):
    speaker = routes.speakers[version]
    gone, results = routes.hurt(version, "SIGTERM", lambda: speaker.kill_child(signal.SIGTERM))
    assert gone < QUICK
    assert results.lost == [], results.summary()
    routes.await_both()


@both
def test_when_exabgp_dies_its_process_ends_and_the_session_withdraws(routes, version):
    speaker = routes.speakers[version]
    child = speaker.child()
    gone, results = routes.hurt(version, "ExaBGP killed", speaker.kill)
    assert gone < QUICK
    assert results.lost == [], results.summary()
    eventually(lambda: not alive(child), awaiting="the end of its process")
    speaker.start()
    routes.await_both()


def reload(stage, version):
    """The seconds until each address was gone by ExaBGP's SIGUSR1, None if it was not."""
    speaker = stage.speakers[version]
    with speaker.config.open("a", encoding="ascii") as file:
        file.write("# changed\n")
    with stage.lab.gateway.route_log() as log:
        began = time.monotonic()
        speaker.kill(signal.SIGUSR1)
        pause(3)
        gone = [log.gone_at(speaker.host.name, address, began) for address in ADDRESSES]
        return [None if at is None else round(at - began, 3) for at in gone]


@pytest.mark.slow
@both
def test_a_reload_of_exabgp_keeps_its_routes(routes, version):
    assert reload(routes, version) == [None, None]


@pytest.mark.slow
@both
def test_what_a_reload_of_exabgp_does_to_watchdogs_is_mended(watchdogs, version):
    """It goes back to its file, in which they are withdrawn."""
    figure(f"ExaBGP {version}, reloaded: gone after {reload(watchdogs, version)} s, and back")
    watchdogs.await_both()


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
