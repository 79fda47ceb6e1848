"""BGP between the gateway and the hosts of a lab: what bgpd and bfdd are told on either side.

The rank interfaces are redistributed by one clause of a route-map each: a strong rank has a higher
local preference (iBGP) and a lower MED (eBGP). Host and gateway have a session for each family.
The gateway reflects every path to the other hosts if it is asked to, and installs only the best.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

GATEWAY_AS = 65000
HOSTS_AS = 65053

RANKS = (("anycast0", 200, 10), ("anycast1", 50, 1000))
"""Of each rank interface: local preference and MED."""

BFD_PROFILE = "lan"


@dataclass(frozen=True)
class Bgp:
    """How BGP is spoken in a lab.

    Attributes:
        external: The hosts are in an AS of their own (eBGP) and MED decides; else local preference.
        keepalive: Seconds between two of a session's signs of life.
        hold: Seconds without one after which it is over.
        bfd: 3 x 300 ms beside it.
        all_paths: The gateway tells each host every path of the others (route reflection with
            add-path); iBGP only.
    """

    external: bool = False
    keepalive: int = 3
    hold: int = 9
    bfd: bool = False
    all_paths: bool = True

    @property
    def hosts_as(self) -> int:
        """The number of the AS that the hosts are in."""
        return HOSTS_AS if self.external else GATEWAY_AS

    def session(self, peer: str, peer_as: int) -> list[str]:
        """A neighbour, as both sides have it."""
        lines = [
            f" neighbor {peer} remote-as {peer_as}",
            f" neighbor {peer} timers {self.keepalive} {self.hold}",
            f" neighbor {peer} timers connect 1",
        ]
        return [*lines, *([f" neighbor {peer} bfd profile {BFD_PROFILE}"] if self.bfd else [])]

    def bfdd(self) -> tuple[str, ...]:
        """The configuration of bfdd; none where it does not run."""
        if not self.bfd:
            return ()
        timers = ("  detect-multiplier 3", "  transmit-interval 300", "  receive-interval 300")
        return ("bfd", f" profile {BFD_PROFILE}", *timers, " exit", "exit")


def host_lines(
    bgp: Bgp, router_id: str, gateways: Sequence[str], services: Iterable[str]
) -> tuple[str, ...]:
    """The configuration of bgpd on a host."""
    lines = _prefixes(services)
    for number, (interface, preference, metric) in enumerate(RANKS, start=1):
        for family, word in ((4, "ip"), (6, "ipv6")):
            lines += [
                f"route-map RANKS{family} permit {number}0",
                f" match interface {interface}",
                f" match {word} address prefix-list SERVICE{family}",
                f" set local-preference {preference}",
                f" set metric {metric}",
                "exit",
            ]
    lines += ["route-map ALL permit 10", "exit"]
    lines += [f"router bgp {bgp.hosts_as}", f" bgp router-id {router_id}"]
    lines += [" no bgp default ipv4-unicast"]
    for gateway in gateways:
        lines += bgp.session(gateway, GATEWAY_AS)
    for family, name in ((4, "ipv4"), (6, "ipv6")):
        lines += [f" address-family {name} unicast"]
        lines += [f"  redistribute connected route-map RANKS{family}"]
        for gateway in _of(family, gateways):
            lines += [f"  neighbor {gateway} activate"]
            lines += [f"  neighbor {gateway} route-map ALL {way}" for way in ("in", "out")]
        lines += [" exit-address-family"]
    return (*lines, "exit")


def gateway_lines(
    bgp: Bgp, router_id: str, hosts: Sequence[str], services: Iterable[str]
) -> tuple[str, ...]:
    """The configuration of bgpd on the gateway."""
    lines = _prefixes(services)
    for family, word in ((4, "ip"), (6, "ipv6")):
        lines += [
            f"route-map FROM-HOSTS{family} permit 10",
            f" match {word} address prefix-list SERVICE{family}",
            "exit",
        ]
    lines += ["route-map ALL permit 10", "exit"]
    lines += [f"router bgp {GATEWAY_AS}", f" bgp router-id {router_id}"]
    lines += [" no bgp default ipv4-unicast"]
    for host in hosts:
        lines += bgp.session(host, bgp.hosts_as)
    for family, name in ((4, "ipv4"), (6, "ipv6")):
        lines += [f" address-family {name} unicast"]
        lines += [f"  maximum-paths {'' if bgp.external else 'ibgp '}16"]
        for host in _of(family, hosts):
            lines += [
                f"  neighbor {host} activate",
                f"  neighbor {host} route-map FROM-HOSTS{family} in",
                f"  neighbor {host} route-map ALL out",
            ]
            if bgp.all_paths and not bgp.external:
                lines += [f"  neighbor {host} route-reflector-client"]
                lines += [f"  neighbor {host} addpath-tx-all-paths"]
        lines += [" exit-address-family"]
    return (*lines, "exit")


def zebra_lines() -> tuple[str, ...]:
    """The configuration of zebra on a host: what BGP tells of others is known, and not installed.

    A probe of a service address must never be answered by another host.
    """
    return (
        "route-map NOTHING deny 10",
        "exit",
        "ip protocol bgp route-map NOTHING",
        "ipv6 protocol bgp route-map NOTHING",
    )


def _prefixes(services: Iterable[str]) -> list[str]:
    return [
        f"ipv6 prefix-list SERVICE6 permit {one}/128"
        if ":" in one
        else f"ip prefix-list SERVICE4 permit {one}/32"
        for one in services
    ]


def _of(family: int, addresses: Iterable[str]) -> list[str]:
    return [one for one in addresses if (":" in one) is (family == 6)]
