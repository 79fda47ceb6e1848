"""A host on which every check is content, to be changed in one thing at a time."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

from anycast_wrapper.doctor import frrconfig, namedconf
from anycast_wrapper.doctor.check import examine
from anycast_wrapper.doctor.checks import ALL
from anycast_wrapper.doctor.facts import (
    DaemonProcess,
    DefaultRoute,
    Facts,
    Interface,
    Listener,
    Neighbour,
    Networkd,
    Place,
    Plan,
    PlannedProbe,
    Unit,
)

CONTRIB = Path(__file__).parents[2] / "contrib"
V4, V6 = ip_address("192.0.2.53"), ip_address("2001:db8:53::53")
OWN4, OWN6 = "192.168.1.6", "2001:db8:1::6"
FRR_TEXT = (CONTRIB / "frr" / "host.frr.conf").read_text()

NAMED_TEXT = f"""
acl "lan" {{ 192.168.1.0/24; }};
options {{
    listen-on {{ 127.0.0.1/32; 192.0.2.53/32; }};
    listen-on-v6 {{ "any"; }};
    query-source {OWN4}; query-source-v6 {OWN6};
    transfer-source {OWN4}; transfer-source-v6 {OWN6};
    notify-source {OWN4}; notify-source-v6 {OWN6};
    server-id hostname;
    edns-udp-size 1232; max-udp-size 1232;
    cookie-secret "????????????????????????????????";
    automatic-interface-scan yes;
    allow-transfer {{ key "xfer"; }};
}};
zone "example.test" {{ type primary; file "db"; }};
zone "other.test" {{ type secondary; primaries {{ 10.0.0.1 key "xfer"; }}; }};
"""

PROBE = PlannedProbe("resolver", "www.example.test", withdraws=True, given=True, patience=2.1)
PLAN = Plan(
    file="anycast-wrap.toml",
    addresses=(V4, V6),
    require_route=(ip_network("0.0.0.0/0"), ip_network("::/0")),
    command=("/usr/sbin/named", "-f", "-u", "bind"),
    probes=(PROBE,),
)
ARP = {"arp_ignore": "1", "arp_announce": "2", "rp_filter": "2"}
OURS = Unit("anycast-wrap.service", enabled=True, kill_mode="mixed", stop_seconds=45.0)


def service_on(name, *, up=True):
    return Interface(name, up, (ip_interface(f"{V4}/32"), ip_interface(f"{V6}/128")))


LO = Interface("lo", up=True, addresses=(ip_interface("127.0.0.1/8"), ip_interface("::1/128")))
ETH0 = Interface("eth0", True, (ip_interface(f"{OWN4}/24"), ip_interface(f"{OWN6}/64")))
HOLD = service_on("anycast-hold")

GOOD = Facts(
    plan=PLAN,
    program="/usr/sbin/named",
    running=True,
    control=Place(PLAN.control_socket),
    drain=Place(PLAN.drain_file),
    process=DaemonProcess(42, files=60, files_limit=65536),
    listeners=(Listener(V4, 42, "named"), Listener(ip_address("127.0.0.53"), 7, "resolved")),
    named=namedconf.parse(NAMED_TEXT),
    named_verdict="",
    named_file="/etc/bind/named.conf",
    named_version=(9, 18, 49),
    interfaces=(LO, ETH0, HOLD, service_on("anycast0")),
    sources={4: ip_address(OWN4), 6: ip_address(OWN6)},
    default_routes=(DefaultRoute(4, "ospf"), DefaultRoute(6, "ospf")),
    sysctls={f"net.ipv4.conf.all.{key}": value for key, value in ARP.items()},
    tun="",
    daemons=frozenset({"zebra", "ospfd", "ospf6d", "bfdd"}),
    frr=frrconfig.parse(FRR_TEXT),
    neighbours={
        4: (Neighbour("192.168.1.1", "eth0", "Full/DR"), Neighbour("1.1.1.7", "eth0", "2-Way/DR")),
        6: (Neighbour("192.168.1.1", "eth0", "Full"),),
    },
    originated={4: frozenset({V4}), 6: frozenset({V6})},
    router_ids={4: OWN4, 6: OWN4},
    units=(OURS, Unit("named.service")),
    network_manager=frozenset(),
    networkd=Networkd(),
)


def result(name, facts=GOOD, **changes):
    """What a check says of the good host with some facts changed."""
    return examine(ALL[name], replace(facts, **changes))


def planned(**changes):
    return {"plan": replace(PLAN, **changes)}


def named(*changes):
    """named.conf with something replaced by something else."""
    text = NAMED_TEXT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return {"named": namedconf.parse(text)}


def frr(*changes, text=FRR_TEXT):
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return {"frr": frrconfig.parse(text)}
