"""The kernel: addresses, ARP, reverse path filters, what we need to make interfaces."""

from collections.abc import Iterator, Mapping

from anycast_wrapper.doctor.check import Finding, Severity, check, listed
from anycast_wrapper.doctor.facts import Absent, Facts, Unknown, known

SYSCTL_FILE = "/etc/sysctl.d/60-anycast-wrap.conf"

_FULL = 0.8


def _lan(facts: Facts) -> list[str]:
    """The interfaces with IPv4 that are neither ours nor loopbacks; ``all`` if nobody knows."""
    plan = known(facts.plan)
    if isinstance(facts.interfaces, Unknown | Absent):
        return ["all"]
    return [
        interface.name
        for interface in facts.interfaces
        if interface.name not in plan.ours
        and any(a.version == 4 and not a.ip.is_loopback for a in interface.addresses)
    ] or ["all"]


def _number(sysctls: Mapping[str, str], name: str) -> int | None:
    digits = sysctls.get(name, "").strip()
    return int(digits[:9]) if digits.isascii() and digits.isdigit() else None


def _effective(facts: Facts, name: str) -> dict[str, int]:
    """The value by interface: the larger of ``all``'s and its own (ip-sysctl.rst)."""
    sysctls = known(facts.sysctls)
    general = _number(sysctls, f"net.ipv4.conf.all.{name}")
    if general is None:
        known(Unknown(f"net.ipv4.conf.all.{name} cannot be read"))
    values: dict[str, int] = {}
    for interface in _lan(facts):
        own = _number(sysctls, f"net.ipv4.conf.{interface}.{name}")
        values[interface] = max(general or 0, own or 0)
    return values


def _serves_ipv4(facts: Facts) -> bool:
    return 4 in known(facts.plan).versions


@check(
    Severity.WARNING,
    why="Linux answers ARP for every local address on every interface: a service address that is "
    "only held still attracts traffic from the LAN, past the routers and past a withdrawal.",
    cure="Load contrib/sysctl/anycast-wrap.conf, or `anycast-wrap doctor --fix`.",
    fixable=True,
)
def arp_ignore(facts: Facts) -> Iterator[Finding]:
    """`net.ipv4.conf.*.arp_ignore`: 1 or 2 on every interface with IPv4."""
    if not _serves_ipv4(facts):
        return
    bad = {name: v for name, v in _effective(facts, "arp_ignore").items() if v not in (1, 2)}
    if bad:
        found = f"arp_ignore is {next(iter(bad.values()))} on {listed(list(bad))}"
        yield Finding(found, "net.ipv4.conf.all.arp_ignore = 1", SYSCTL_FILE)


@check(
    Severity.WARNING,
    why="An ARP request that names the service address as its sender teaches the LAN to send it "
    "here, past the routers.",
    cure="Load contrib/sysctl/anycast-wrap.conf, or `anycast-wrap doctor --fix`.",
    fixable=True,
)
def arp_announce(facts: Facts) -> Iterator[Finding]:
    """`net.ipv4.conf.*.arp_announce`: 2 on every interface with IPv4."""
    if not _serves_ipv4(facts):
        return
    bad = {name: v for name, v in _effective(facts, "arp_announce").items() if v != 2}
    if bad:
        found = f"arp_announce is {next(iter(bad.values()))} on {listed(list(bad))}"
        yield Finding(found, "net.ipv4.conf.all.arp_announce = 2", SYSCTL_FILE)


@check(
    Severity.WARNING,
    why="With two gateways a query may come in by one and the answer go out by the other: a "
    "strict filter drops the query, and nothing tells.",
    cure="Load contrib/sysctl/anycast-wrap.conf, or `anycast-wrap doctor --fix`.",
    fixable=True,
)
def rp_filter(facts: Facts) -> Iterator[Finding]:
    """`net.ipv4.conf.*.rp_filter`: not 1 (strict) on any interface with IPv4."""
    if not _serves_ipv4(facts):
        return
    strict = [name for name, value in _effective(facts, "rp_filter").items() if value == 1]
    if strict:
        found = f"rp_filter is strict on {listed(strict)}"
        yield Finding(found, "net.ipv4.conf.all.rp_filter = 2", SYSCTL_FILE)


@check(
    Severity.WARNING,
    why="Every query over UDP takes an entry of the connection tracking table for half a minute. "
    "Where it is full, the kernel drops new queries.",
    cure="Do not track port 53 (`notrack` in a raw table), or raise `nf_conntrack_max`.",
)
def conntrack(facts: Facts) -> Iterator[Finding]:
    """Connection tracking, where it is there: that its table is not nearly full."""
    sysctls = known(facts.sysctls)
    count = _number(sysctls, "net.netfilter.nf_conntrack_count")
    most = _number(sysctls, "net.netfilter.nf_conntrack_max")
    if count is not None and most and count > _FULL * most:
        yield Finding(
            f"{count} of {most} connections are tracked",
            "nft add rule inet raw prerouting udp dport 53 notrack",
        )


@check(
    Severity.ERROR,
    why="The rank interfaces and the hold are TAP devices; without /dev/net/tun the wrapper "
    "cannot make them.",
    cure='`modprobe tun`; in a container, pass the device in; or use `kind = "dummy"`.',
)
def tun_device(facts: Facts) -> Iterator[Finding]:
    """/dev/net/tun, if `interfaces.kind` is tap: that it is there and can be opened."""
    plan = known(facts.plan)
    if plan.kind == "tap" and (hindrance := known(facts.tun)):
        yield Finding(f"/dev/net/tun: {hindrance}", "modprobe tun")


@check(
    Severity.ERROR,
    why="Hosts of that LAN, the gateway among them, look for the address by ARP or neighbour "
    "discovery instead of asking the routers: they reach one node, or none.",
    cure="Use a service address out of a prefix that is on no LAN.",
)
def address_on_lan(facts: Facts) -> Iterator[Finding]:
    """The service addresses: that none is in the subnet of an interface of this host."""
    plan = known(facts.plan)
    for interface in known(facts.interfaces):
        if interface.name in plan.ours:
            continue
        for one in interface.addresses:
            if one.network.prefixlen == one.max_prefixlen:
                continue
            inside = [a for a in plan.addresses if a.version == one.version and a in one.network]
            if inside:
                yield Finding(
                    f"{listed(inside)} is in {one.network}, the subnet of {interface.name}",
                    'addresses = ["..."]   # out of a prefix that is on no LAN',
                    plan.file,
                )


@check(
    Severity.ERROR,
    why="The wrapper cannot withdraw what it has not put there: an address on another interface "
    "is reachable, and perhaps announced, whether or not the server answers.",
    cure="Remove it, and whatever puts it there at boot.",
)
def address_elsewhere(facts: Facts) -> Iterator[Finding]:
    """The service addresses: that they are on no interface but ours."""
    plan = known(facts.plan)
    for interface in known(facts.interfaces):
        if interface.name in plan.ours:
            continue
        for one in interface.addresses:
            if one.ip in plan.addresses:
                yield Finding(
                    f"{one.ip} is on {interface.name}, which is not ours",
                    f"ip addr del {one} dev {interface.name}   # and where it comes from",
                )
