"""Every check: content with the good host, finds its fault, and says when it cannot know."""

from dataclasses import fields, replace
from ipaddress import ip_address, ip_interface

import pytest

from anycast_wrapper.doctor import namedconf
from anycast_wrapper.doctor.check import Outcome
from anycast_wrapper.doctor.checks import ALL
from anycast_wrapper.doctor.facts import (
    Absent,
    DaemonProcess,
    DefaultRoute,
    Facts,
    Interface,
    Listener,
    Neighbour,
    Networkd,
    Place,
    Unit,
    Unknown,
)

from .world import (
    ARP,
    CONTRIB,
    ETH0,
    GOOD,
    HOLD,
    LO,
    OURS,
    OWN4,
    OWN6,
    PLAN,
    PROBE,
    V4,
    V6,
    frr,
    named,
    planned,
    result,
    service_on,
)

WHY = Unknown("nobody was at home")
HERE = [name for name in ALL if not name.startswith("bgp-")]
"""What is tried here; `test_bgp` tries the others."""
ELSE = ip_interface("192.0.2.9/24")


def arp(**values):
    return {"sysctls": {f"net.ipv4.conf.all.{k}": v for k, v in {**ARP, **values}.items()}}


# check: (what is changed, words that are found, words of the change, a fact that it needs)
BAD = [
    ("configuration", {"plan": Unknown("f: service: found nothing")}, "found nothing", "", None),
    ("daemon-program", {"program": None}, "named: no such", "command =", "program"),
    ("foreground", planned(command=("named", "-u", "bind")), "-f", '"named", "-f", "-u"', "plan"),
    ("foreground", planned(command=("named", "-t", "-f")), None, "", "plan"),
    ("foreground", planned(command=("named", "-4fu", "bind")), None, "", "plan"),
    ("foreground", planned(command=("unbound",)), None, "", "plan"),
    ("linger", planned(linger=0.2), "0.2 s", 'linger = "2s"', "plan"),
    ("probe-patience", planned(probes=(replace(PROBE, patience=61),)), "61 s", "interval", "plan"),
    (
        "probe-patience",
        planned(probes=(replace(PROBE, patience=61), PROBE)),
        None,
        "",
        "plan",
    ),
    ("own-probe", planned(probes=(replace(PROBE, given=False),)), "resolver", "qname", "plan"),
    (
        "shared-fate",
        planned(probes=(replace(PROBE, qname="www.example.org."),)),
        "www.example.org",
        "last-resort",
        "named",
    ),
    ("shared-fate", planned(probes=(replace(PROBE, qname="OTHER.test."),)), None, "", "named"),
    ("shared-fate", planned(probes=(replace(PROBE, qname="notother.test"),)), "not", "", "named"),
    ("layout", planned(hold=None), "hold", "anycast-hold", "plan"),
    ("layout", planned(kind="dummy"), "dummy", "tap", "plan"),
    ("control-socket", {"control": Place("/x/y", "read-only")}, "read-only", "socket", "control"),
    ("control-socket", {"control": Place("/" + "x" * 120)}, "too long", "socket", "control"),
    ("drain-file", {"drain": Place("/x/y", "no directory")}, "no directory", "file", "drain"),
    ("require-route", planned(require_route=()), "0.0.0.0/0", '["0.0.0.0/0", "::/0"]', "plan"),
    (
        "require-route",
        planned(require_route=PLAN.require_route[:1]),
        "::/0",
        '["0.0.0.0/0", "::/0"]',
        "plan",
    ),
    ("named-conf", {"named_verdict": "line 3: oops"}, "oops", "", "named_verdict"),
    ("named-listens", named(("192.0.2.53/32;", "")), "192.0.2.53", "listen-on {", "named"),
    ("named-listens", named(("192.0.2.53/32;", "!192.0.2.53; any;")), "listen-on", "", "named"),
    ("named-listens", named(('{ "any"; }', '{ "none"; }')), "v6", "2001:db8:53::53;", "named"),
    ("named-listens", named(("listen-on {", "listen-on port 5353 {")), "192.0.2.53", "", "named"),
    ("named-listens", named(("listen-on {", 'listen-on port 53 tls "t" {')), "53", "", "named"),
    ("named-listens", named(("127.0.0.1/32; 192.0.2.53/32;", '"lan";')), "192.0", "", "named"),
    ("named-listens", planned(command=("named", "-f", "-4")), "v6", "", "named"),
    (
        "port-taken",
        {"listeners": (Listener(ip_address("::"), 9, "dnsmasq"), *GOOD.listeners)},
        "dnsmasq (pid 9) listens on ::, port 53",
        "ps -fp 9",
        "listeners",
    ),
    ("port-taken", {"process": None}, "named (pid 42)", "stop", "process"),
    ("interface-scan", named(("scan yes", "scan no")), "off", "yes;", "named"),
    ("edns-size", named(("edns-udp-size 1232", "edns-udp-size 4096")), "4096", "1232", "named"),
    ("edns-size", named(("max-udp-size 1232", "max-udp-size 1400")), "1400", "1232", "named"),
    (
        "edns-size",
        {**named(("max-udp-size 1232;", "")), "named_version": (9, 11, 5)},
        "default",
        "max-udp-size 1232",
        "named",
    ),
    (
        "cookie-secret",
        named(('cookie-secret "????????????????????????????????";', "")),
        "cookies",
        "cookie-secret",
        "named",
    ),
    (
        "file-descriptors",
        {"process": DaemonProcess(1, 10, 1024)},
        "1024",
        "LimitNOFILE=65536",
        "process",
    ),
    ("file-descriptors", {"process": DaemonProcess(1, 3990, 4096)}, "3990 of", "Lim", "process"),
    ("file-descriptors", {"process": None}, None, "", "process"),
    ("sources-set", named((f"query-source {OWN4};", "")), "query-source", OWN4, "named"),
    (
        "query-port",
        named((f"query-source {OWN4};", f"query-source address {OWN4} port 53;")),
        "port 53",
        f"query-source {OWN4};",
        "named",
    ),
    (
        "transfers-signed",
        named(('10.0.0.1 key "xfer"', '10.0.0.1 key "xfer"; 10.0.0.2')),
        "10.0.0.2 is asked for other.test",
        "key NAME",
        "named",
    ),
    ("transfers-permitted", named(('{ key "xfer"; }', '{ "lan"; }')), "lan", "key", "named"),
    ("transfers-permitted", named(('{ key "xfer"; }', "{ any; }")), None, "", "named"),
    ("transfers-permitted", named(('{ key "xfer"; }', '{ "none"; }')), None, "", "named"),
    (
        "transfers-permitted",
        named(('file "db"', 'file "db"; allow-transfer { 10.0.0.9; }')),
        "example.test are permitted by address: 10.0.0.9",
        "key",
        "named",
    ),
    ("server-id", named(("server-id hostname;", "")), "not set", "hostname", "named"),
    ("server-id", named(("server-id hostname", "server-id none")), "none", "hostname", "named"),
    ("server-id", named(("server-id hostname", 'server-id "none"')), None, "", "named"),
    ("hostname-bind", named(("server-id", "hostname none; server-id")), "none", "none", "named"),
    (
        "routing-daemons",
        {"daemons": frozenset({"zebra", "ospfd"})},
        "ospf6d and bfdd do not run",
        "ospf6d=yes bfdd=yes",
        "daemons",
    ),
    ("adjacency", {"neighbours": {4: (), 6: ()}}, "hears of none", "interface", "neighbours"),
    (
        "adjacency",
        {"neighbours": {**GOOD.neighbours, 6: (Neighbour("1.1.1.1", "eth0", "ExStart"),)}},
        "1.1.1.1 on eth0 is ExStart",
        "ospf6",
        "neighbours",
    ),
    (
        "adjacency-stuck",
        {"neighbours": {**GOOD.neighbours, 4: (Neighbour("1.1.1.1", "eth0", "ExStart/DR"),)}},
        "ExStart",
        "MTU",
        "neighbours",
    ),
    (
        "default-route",
        {"default_routes": (DefaultRoute(4, "ospf"),)},
        "IPv6",
        "default-information",
        "default_routes",
    ),
    ("import-filter", frr(("ip protocol ospf route-map OSPF-IN", "")), "ospfd", "ip pr", "frr"),
    ("import-filter", frr(("route-map OSPF6-IN permit", "route-map X permit")), "exist", "", "frr"),
    ("router-id", {"router_ids": {4: str(V4), 6: OWN4}}, "192.0.2.53", "ospf ro", "router_ids"),
    ("router-id-set", frr((" ospf6 router-id 192.168.1.6\n", "")), "ospf6d", "ospf6", "frr"),
    (
        "host-death",
        frr((" ip ospf bfd\n", "\n"), (" ip ospf dead-interval 4\n", "\n")),
        "40 s",
        "ip ospf bfd",
        "frr",
    ),
    ("rank-area", frr(("interface anycast0", "interface other0")), "anycast0", "area 0", "frr"),
    (
        "rank-area",
        frr(("interface anycast1\n", "interface x\n")),
        "anycast1 is in no area (ip ospf)",
        "",
        "frr",
    ),
    ("rank-passive", frr((" ip ospf passive\n", "")), "anycast0", "passive", "frr"),
    ("last-resort-cost", frr((" ip ospf cost 60000\n", "")), "not set", "cost 60000", "frr"),
    ("last-resort-cost", frr((" ip ospf cost 60000", " ip ospf cost ²")), "not set", "6", "frr"),
    ("last-resort-cost", frr(("ospf6 cost 60000", "ospf6 cost 65535")), "65535", "60000", "frr"),
    (
        "hold-in-area",
        frr(("interface anycast1\n", "interface anycast-hold\n")),
        "anycast-hold",
        "no ip ospf area",
        "frr",
    ),
    (
        "originates-more",
        frr(("router ospf\n", "router ospf\n redistribute connected\n")),
        "redistribute connected",
        "no redistribute",
        "frr",
    ),
    (
        "originates-more",
        frr(("router ospf\n", "router ospf\n network 192.0.2.0/24 area 0\n")),
        "network 192.0.2.0/24",
        "no network",
        "frr",
    ),
    ("hold-leaks", {"interfaces": (LO, ETH0, HOLD)}, "192.0.2.53", "vtysh", "originated"),
    ("announced-truly", {"originated": {4: frozenset(), 6: frozenset()}}, "53", "a", "originated"),
    (
        "graceful-restart",
        frr(("router ospf\n", "router ospf\n graceful-restart grace-period 120\n")),
        "graceful-restart",
        "no graceful",
        "frr",
    ),
    (
        "nudge-possible",
        frr(("router ospf\n", "router ospf\n max-metric router-lsa administrative\n")),
        "max-metric",
        "no max-metric",
        "frr",
    ),
    ("arp-ignore", arp(arp_ignore="0"), "arp_ignore is 0 on eth0", "arp_ignore = 1", "sysctls"),
    ("arp-announce", arp(arp_announce="1"), "is 1 on eth0", "= 2", "sysctls"),
    ("rp-filter", arp(rp_filter="1"), "strict on eth0", "= 2", "sysctls"),
    (
        "conntrack",
        {
            "sysctls": {
                "net.netfilter.nf_conntrack_count": "9",
                "net.netfilter.nf_conntrack_max": "10",
            }
        },
        "9 of 10",
        "notrack",
        "sysctls",
    ),
    ("tun-device", {"tun": "no such file or directory"}, "no such file", "modprobe", "tun"),
    (
        "address-on-lan",
        {"interfaces": (Interface("eth1", True, (ELSE,)),)},
        "192.0.2.53 is in 192.0.2.0/24, the subnet of eth1",
        "addresses",
        "interfaces",
    ),
    (
        "address-elsewhere",
        {"interfaces": (service_on("lo"),)},
        "192.0.2.53 is on lo",
        "ip addr del 192.0.2.53/32 dev lo",
        "interfaces",
    ),
    (
        "second-unit",
        {"units": (OURS, Unit("named.service", enabled=True, active=True))},
        "named.service is enabled and active",
        "disable --now",
        "units",
    ),
    ("unit-enabled", {"units": (replace(OURS, enabled=False),)}, "enabled", "enable", "units"),
    (
        "unit-kill-mode",
        {"units": (replace(OURS, kill_mode="control-group"),)},
        "",
        "mixed",
        "units",
    ),
    ("unit-stop-time", {"units": (replace(OURS, stop_seconds=10),)}, "10 s", "=42", "units"),
    (
        "network-manager",
        {"network_manager": frozenset({"anycast0"})},
        "anycast0",
        "interface-name:anycast0",
        "network_manager",
    ),
    (
        "networkd-interfaces",
        {"networkd": Networkd({"anycast0": "/etc/x.network"})},
        "x.network matches anycast0",
        "Unmanaged=yes",
        "networkd",
    ),
    ("networkd-routes", {"networkd": Networkd(drops_routes=True)}, "", "=no", "networkd"),
    ("wrapper-running", {"running": False}, "does not run", "start", "running"),
]
for source in ("query-source", "transfer-source", "notify-source"):
    BAD += [
        (source, named((f"{source} {OWN4}", f"{source} {V4}")), "service address", OWN4, "named"),
        (source, named((f"{source}-v6 {OWN6}", f"{source}-v6 {V6}")), "v6 is", OWN6, "named"),
        (source, named((f"{source} {OWN4}", f"{source} 10.9.9.9")), "no interface", OWN4, "named"),
        (
            source,
            {**named((f"{source} {OWN4}", f"{source} *")), "sources": {4: V4}},
            "the kernel chooses the service address",
            "ADDRESS",
            "named",
        ),
    ]
BAD.append(
    (
        "transfer-source",
        named(("type secondary;", f"type secondary; transfer-source {V4};")),
        "(zone other.test)",
        OWN4,
        "named",
    )
)


@pytest.mark.parametrize("name", HERE)
def test_the_good_host_is_good(name):
    assert result(name).outcome is Outcome.GOOD, result(name)


@pytest.mark.parametrize(
    ("name", "changes", "found", "change", "needs"), BAD, ids=[entry[0] for entry in BAD]
)
def test_a_fault_is_found_and_its_cure_told(name, changes, found, change, needs):
    told = result(name, **changes)
    if found is None:
        assert told.outcome is Outcome.GOOD, told
        return
    assert told.outcome is Outcome.FOUND, told
    words = "; ".join(one.found for one in told.findings)
    cures = "; ".join(one.change for one in told.findings)
    assert found in words
    assert change in cures
    assert words


@pytest.mark.parametrize(
    ("name", "needs"), sorted({(n, need) for n, _, _, _, need in BAD if need}), ids=str
)
def test_what_nobody_knows_is_told_as_such(name, needs):
    mapping = isinstance(getattr(GOOD, needs), dict) and needs != "sysctls"
    told = result(name, **{needs: {4: WHY, 6: WHY} if mapping else WHY})
    assert (told.outcome, told.detail) == (Outcome.UNKNOWN, WHY.why)


def test_every_check_has_all_three_cases():
    tried = {name for name, _, found, _, _ in BAD if found is not None}
    unknown = {name for name, _, _, _, needs in BAD if needs} | {"configuration"}
    assert tried == unknown == set(HERE)


def test_nothing_is_known_and_nothing_is_claimed():
    told = {name: result(name, facts=Facts()) for name in ALL}
    configuration = told.pop("configuration")
    assert configuration.outcome is Outcome.FOUND
    assert {one.outcome for one in told.values()} == {Outcome.UNKNOWN}


def test_what_does_not_arise_is_not_unknown():
    other = Absent("the daemon is unbound")
    for name in ("named-listens", "server-id", "transfers-signed", "named-conf"):
        assert result(name, named=other, named_verdict=other).outcome is Outcome.IRRELEVANT


# --- what would be a false alarm ---


@pytest.mark.parametrize("name", ["host", "host-stub"])
def test_the_shipped_configuration_of_frr_is_clean(name):
    text = (CONTRIB / "frr" / f"{name}.frr.conf").read_text()
    found = [n for n in HERE if result(n, **frr(text=text)).outcome is not Outcome.GOOD]
    assert found == []


def test_the_shipped_classic_configuration_is_clean_but_for_what_it_gives_up():
    classic = planned(preferred="lo", last_resort=None, hold=None, kind="existing")
    text = (CONTRIB / "frr" / "host-classic.frr.conf").read_text()
    lo = Interface("lo", True, (*LO.addresses, *HOLD.addresses))
    world = {**classic, **frr(text=text), "interfaces": (lo, ETH0)}
    found = [n for n in HERE if result(n, **world).outcome is not Outcome.GOOD]
    assert found == ["layout", "nudge-possible"]


def test_the_shipped_sysctls_are_what_the_checks_want():
    lines = (CONTRIB / "sysctl" / "anycast-wrap.conf").read_text().splitlines()
    pairs = [line.split(" = ") for line in lines if line and line[0] != "#"]
    for name in ("arp-ignore", "arp-announce", "rp-filter"):
        assert result(name, sysctls=dict(pairs)).outcome is Outcome.GOOD


def test_an_interfaces_own_sysctl_counts_where_it_is_larger():
    own = {"net.ipv4.conf.all.arp_ignore": "0", "net.ipv4.conf.eth0.arp_ignore": "1"}
    assert result("arp-ignore", sysctls=own).outcome is Outcome.GOOD
    strict = {"net.ipv4.conf.all.rp_filter": "0", "net.ipv4.conf.eth0.rp_filter": "1"}
    assert result("rp-filter", sysctls=strict).outcome is Outcome.FOUND


def test_a_daemon_that_does_not_run_is_told_once():
    world = {"daemons": frozenset({"zebra", "ospfd"}), "frr": frr(text="router ospf\n")["frr"]}
    told = result("last-resort-cost", **world)
    assert (told.outcome, told.detail) == (Outcome.UNKNOWN, "ospf6d does not run")


def test_bgp_instead_of_ospf_is_no_fault():
    world = {**frr(text="router bgp 65000\n"), "daemons": frozenset({"zebra", "bgpd"})}
    assert result("routing-daemons", **world).outcome is Outcome.GOOD
    assert result("rank-area", **world).outcome is Outcome.IRRELEVANT


def test_a_default_route_of_ones_own_need_not_be_required():
    static = (DefaultRoute(4, "static"), DefaultRoute(6, "boot"))
    world = {**planned(require_route=()), "default_routes": static}
    assert result("require-route", **world).outcome is Outcome.GOOD


def test_primaries_may_be_called_by_a_name_and_keys_by_a_server():
    text = """
    primaries "ours" { 10.0.0.1 key "k"; 10.0.0.2; };
    server 10.0.0.2/32 { keys "k"; };
    zone "a" { type slave; masters { "ours"; }; };
    zone "b" { type secondary; primaries { "ours"; 10.0.0.3; }; };
    """
    told = result("transfers-signed", named=namedconf.parse(text))
    assert [one.found for one in told.findings] == ["10.0.0.3 is asked for b without a key"]


def test_who_has_the_port_is_known_to_root_alone():
    told = result("port-taken", listeners=(Listener(V4),))
    assert (told.outcome, "only root" in told.detail) == (Outcome.UNKNOWN, True)


def test_lists_that_name_themselves_come_to_an_end():
    loop = 'acl "a" { "b"; }; acl "b" { !"a"; "a"; }; options { listen-on { "a"; }; };'
    told = result("named-listens", named=namedconf.parse(loop))
    assert told.outcome is Outcome.FOUND
    loop = 'primaries "a" { "a"; }; zone "z" { type secondary; primaries { "a"; }; };'
    assert result("transfers-signed", named=namedconf.parse(loop)).outcome is Outcome.GOOD


def test_the_facts_that_the_checks_read_are_all_there_are():
    """A fact that no check needs is one that nobody need gather."""
    needed = {need for _, _, _, _, need in BAD if need} | {
        *("named_file", "named_version", "sources", "bgp")
    }
    assert {field.name for field in fields(Facts)} == needed
    assert ip_address(OWN4) in GOOD.sources.values()
