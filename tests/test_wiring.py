"""A configuration, as the core and the adapters get it."""

import sys
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from anycast_wrapper import wiring
from anycast_wrapper.config.load import parse
from anycast_wrapper.config.schema import Config
from anycast_wrapper.core.model import Interface, Rank, Readiness, Restart, Switch
from anycast_wrapper.kernel import Card, Kind, Role
from anycast_wrapper.node import FIXED
from anycast_wrapper.probes import CommandProbe, DnsProbe
from anycast_wrapper.reloading import changed
from anycast_wrapper.routing import BGP, FRR, BgpTable, Vtysh

SERVICE = """
[[service]]
name = "resolver"
addresses = ["192.0.2.53", "2001:db8:53::53"]
"""
CLASSIC = """
[interfaces]
kind = "existing"
preferred = "lo"
last-resort = "none"
hold = "none"
"""
PROBES = """
[[service.probe]]
name = "alive"
qname = "example.com"
timeout = "300ms"
rise = 3
on-failure = "last-resort"
[[service.probe]]
type = "command"
command = ["/bin/true"]
"""


def config(text=""):
    return parse(text + SERVICE, "f")


# --- what the core decides by ---


def test_the_defaults_are_a_policy():
    policy = wiring.policy(config())
    assert policy.addresses == (ip_address("192.0.2.53"), ip_address("2001:db8:53::53"))
    assert policy.hold == Interface("anycast-hold")
    assert policy.ranks == {
        Rank.PREFERRED: Interface("anycast0"),
        Rank.LAST_RESORT: Interface("anycast1"),
    }
    assert policy.linger == 2.0
    assert policy.daemon.restart is Restart.ON_FAILURE
    assert (policy.daemon.ready_timeout, policy.daemon.stop_timeout) == (60.0, 30.0)
    assert policy.required_routes == frozenset()


def test_what_is_configured_arrives_in_the_policy():
    policy = wiring.policy(
        config(
            """
            [daemon]
            restart = "never"
            ready-timeout = "1s"
            stop-timeout = "2s"
            restart-delay = "3s"
            restart-delay-max = "4s"
            [interfaces]
            require-route = ["0.0.0.0/0"]
            [drain]
            linger = "5s"
            """,
        ),
    )
    daemon = policy.daemon
    assert daemon.restart is Restart.NEVER
    assert (daemon.ready_timeout, daemon.stop_timeout) == (1.0, 2.0)
    assert (daemon.restart_delay, daemon.restart_delay_max) == (3.0, 4.0)
    assert policy.required_routes == {ip_network("0.0.0.0/0")}
    assert policy.linger == 5.0


def test_ospf_is_paced_and_overlaps_and_bgp_is_neither():
    ospf, bgp = (wiring.policy(config(f'[routing]\nprotocol = "{p}"')) for p in ("ospf", "bgp"))
    assert (ospf.gap, ospf.overlap, ospf.nudge) == (1.1, True, True)
    assert (bgp.gap, bgp.overlap, bgp.nudge) == (0.0, False, False)
    exabgp = wiring.policy(config('[routing]\nprotocol = "bgp"\ndaemon = "none"'))
    assert (exabgp.gap, exabgp.overlap, exabgp.nudge) == (0.0, True, False)
    for protocol, kind, manner in (("ospf", Vtysh, FRR), ("bgp", BgpTable, BGP)):
        routing = config(f'[routing]\nprotocol = "{protocol}"').routing
        assert type(wiring.routing_daemon(routing, ospf.addresses)) is kind
        assert wiring.manner(routing) is manner


def test_a_ceiling_arrives_in_the_policy():
    low = parse(SERVICE + 'ceiling = "last-resort"\n', "f")
    ceilings = [wiring.policy(one).services[0].ceiling for one in (parse(SERVICE, "f"), low)]
    assert ceilings == [Rank.PREFERRED, Rank.LAST_RESORT]


def test_a_delay_is_never_longer_than_its_maximum():
    policy = wiring.policy(config('[daemon]\nrestart-delay = "1m"\n'))
    assert policy.daemon.restart_delay_max == 60.0


def test_the_classic_layout_switches_by_the_address():
    policy = wiring.policy(config(CLASSIC))
    assert policy.hold is None
    assert policy.ranks == {Rank.PREFERRED: Interface("lo", Switch.ADDRESS)}


@pytest.mark.parametrize(
    ("name", "switch"),
    [
        ("lo", Switch.ADDRESS),
        ("lo1", Switch.ADDRESS),
        ("lo10", Switch.ADDRESS),
        ("anycast0", Switch.LINK),
        ("lon0", Switch.LINK),
        ("xlo", Switch.LINK),
        ("local", Switch.LINK),
    ],
)
def test_only_a_loopback_is_switched_by_its_addresses(name, switch):
    assert wiring.switch(name) is switch


def test_probes_arrive_with_names_and_numbers():
    (service,) = wiring.policy(parse(SERVICE + PROBES, "f")).services
    alive, command = service.probes
    assert (alive.name, alive.rise, alive.on_failure) == ("alive", 3, Rank.LAST_RESORT)
    assert (command.name, command.on_failure) == ("true", Rank.WITHDRAWN)


def test_a_probe_that_asks_something_else_is_another_probe():
    one = wiring.policy(parse(SERVICE + PROBES, "f"))
    two = wiring.policy(parse(SERVICE + PROBES.replace("example.com", "example.net"), "f"))
    assert one.services != two.services
    assert one.services == wiring.policy(parse(SERVICE + PROBES, "f")).services


@pytest.mark.parametrize(
    ("daemon", "readiness"),
    [
        ("", Readiness.NOTIFY),
        ('command = ["named", "-f"]', Readiness.NOTIFY),
        ('command = ["/opt/bind/sbin/named"]', Readiness.NOTIFY),
        ('command = ["/usr/sbin/unbound", "-d"]', Readiness.PROBE),
        ('command = ["/usr/sbin/not-named"]', Readiness.PROBE),
        ('command = ["/usr/sbin/unbound"]\nready = "notify"', Readiness.NOTIFY),
        ('ready = "probe"', Readiness.PROBE),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="BIND notifies on Linux only")
def test_who_says_that_the_daemon_is_ready(daemon, readiness):
    made = config(f"[daemon]\n{daemon}\n")
    assert wiring.readiness(made.daemon) is readiness
    assert wiring.policy(made).daemon.ready is readiness


# --- what the adapters get ---


def test_the_cards_of_the_defaults():
    assert wiring.cards(config()) == (
        Card("anycast0", Role.RANK, Kind.TAP),
        Card("anycast1", Role.RANK, Kind.TAP, metric=100),
        Card("anycast-hold", Role.HOLD, Kind.TAP),
    )


def test_the_cards_of_the_classic_layout():
    assert wiring.cards(config(CLASSIC)) == (Card("lo", Role.RANK, Kind.EXISTING, Switch.ADDRESS),)


@pytest.mark.parametrize("text", ["", CLASSIC, '[interfaces]\nkind = "dummy"\n'])
def test_policy_and_cards_speak_of_the_same_interfaces(text):
    made = config(text)
    policy = wiring.policy(made)
    ours = {one.name: one.switch for one in policy.ranks.values()}
    assert {c.name: c.switch for c in wiring.cards(made) if c.role is Role.RANK} == ours
    holds = [c.name for c in wiring.cards(made) if c.role is Role.HOLD]
    assert holds == ([] if policy.hold is None else [policy.hold.name])


def test_every_probe_of_the_policy_has_its_prober():
    made = parse(SERVICE + PROBES, "f")
    probers = wiring.probers(made)
    keys = {(s.name, p.name) for s in wiring.policy(made).services for p in s.probes}
    assert set(probers) == keys
    assert isinstance(probers["resolver", "alive"].prober, DnsProbe)
    assert isinstance(probers["resolver", "true"].prober, CommandProbe)
    assert probers["resolver", "alive"].limit == 0.3


def test_the_default_probe_has_its_prober_as_well():
    made = config()
    (key,) = wiring.probers(made)
    ((service,), (probe,)) = made.services, made.services[0].probe
    assert key == (service.name, probe.title)


def test_a_checker_that_is_configured_is_preferred():
    made = config('[daemon]\ncheck-command = ["true"]\n')
    assert wiring.check_command(made) == ("true",)
    assert wiring.check_command(config('[daemon]\ncommand = ["/bin/sleep", "9"]\n')) is None


def test_nothing_is_touched_by_the_making(tmp_path):
    made = config(
        f'[control]\nsocket = "{tmp_path}/run/control.sock"\n'
        f'[drain]\nfile = "{tmp_path}/lib/drained"\n'
        f'[daemon]\ncommand = ["/nonexistent/named"]\n',
    )
    wiring.daemon(made, lambda _: None)
    wiring.kernel(made)
    assert list(Path(tmp_path).iterdir()) == []


# --- what a reload may change ---

CHANGES = {
    "daemon.command": ["/bin/other"],
    "daemon.ready": "probe",
    "daemon.restart": "always",
    "daemon.ready-timeout": "7s",
    "daemon.stop-timeout": "7s",
    "daemon.restart-delay": "7s",
    "daemon.restart-delay-max": "70s",
    "daemon.check-command": ["true"],
    "daemon.reload-signal": "USR1",
    "daemon.core-dumps": True,
    "interfaces.kind": "dummy",
    "interfaces.hold": "other",
    "interfaces.preferred": "other",
    "interfaces.last-resort": "other",
    "interfaces.require-route": ["::/0"],
    "drain.linger": "7s",
    "drain.minimum": 2,
    "drain.file": "/other",
    "control.socket": "/other",
    "control.pid-file": "/other",
    "control.group": "adm",
    "control.watchdog": "7s",
    "routing.daemon": "bird",
    "routing.bird-socket": "/other",
    "routing.protocol": "bgp",
    "routing.vtysh": ["other"],
    "routing.nudge": False,
    "reroute.enabled": True,
    "reroute.peers": ["192.168.53.12"],
    "metrics.listen": ["127.0.0.1:9153"],
    "metrics.count-queries": True,
    "exabgp.style": "watchdog",
    "exabgp.next-hop": ["192.168.53.11"],
    "exabgp.preferred": {"med": 7},
    "exabgp.last-resort": {"med": 7},
    "log.to": "/other",
    "log.level": "debug",
}

USED_WHEN_NEEDED = {
    "daemon.reload-signal",
    "drain.minimum",
    "routing.bird-socket",
    "routing.vtysh",
}
"""Read from the configuration in force, each time."""

USED_ELSEWHERE = {key for key in CHANGES if key.startswith("exabgp.")}
"""Read by `anycast-wrap exabgp`, when ExaBGP starts it."""


@pytest.mark.parametrize("key", CHANGES)
def test_a_key_that_is_changed_takes_force_or_needs_a_restart(key):
    table, name = key.split(".")
    old = Config.model_validate({"service": [{"name": "a", "addresses": ["192.0.2.53"]}]})
    new = Config.model_validate(
        {
            "service": [{"name": "a", "addresses": ["192.0.2.53"]}],
            table: {name: CHANGES[key]},
        },
    )
    told = changed(old, new, FIXED)
    takes_force = wiring.policy(old) != wiring.policy(new)
    takes_force |= key in USED_WHEN_NEEDED | USED_ELSEWHERE
    assert told in ([key], [table]) or takes_force
    assert changed(new, new, FIXED) == []


def test_no_key_is_left_out():
    tables = {name: field.annotation for name, field in Config.model_fields.items()}
    keys = {
        f"{table}.{field.alias or name}"
        for table, model in tables.items()
        if table != "service"
        for name, field in model.model_fields.items()
    }
    assert {key.replace("_", "-") for key in keys} == set(CHANGES)


def test_queries_are_counted_only_where_that_is_wanted():
    assert wiring.counter(config()) is None
    assert wiring.counter(config("[metrics]\ncount-queries = true\n")) is not None


# --- which routing daemon ---


def test_the_routing_daemon_that_is_configured_is_asked():
    def asked(toml):
        return type(wiring.routing_daemon(config(toml).routing, ())).__name__

    assert asked("") == "Vtysh"
    assert asked('[routing]\ndaemon = "bird"\n') == "Bird"
    assert asked('[routing]\ndaemon = "none"\n') == "Unasked"


def test_only_frr_is_nudged():
    assert wiring.policy(config("")).nudge
    assert not wiring.policy(config('[routing]\ndaemon = "bird"\n')).nudge
    assert not wiring.policy(config('[routing]\ndaemon = "none"\n')).nudge
