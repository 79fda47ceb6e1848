"""BGP on the gateway, for the tools that speak it: FRR's bgpd beside its ospfd.

One AS, as in "Anycasting DNS" (2012): the hosts' routes have equal metrics and are used together.
The hosts still get their default route from OSPF.
"""

import shutil

from anycast_wrapper.lab.frr import USER
from anycast_wrapper.lab.gateway import ADDRESS as GATEWAY
from anycast_wrapper.lab.gateway import Gateway
from anycast_wrapper.lab.topology import Lab

AS = 64601
HOLD_TIME = 10
MOST_PATHS = 32


def configuration(router_id: str, hosts: list[str]) -> str:
    """The gateway's bgpd.conf."""
    lines = [f"router bgp {AS}", f" bgp router-id {router_id}"]
    for host in hosts:
        lines += [
            f" neighbor {host} remote-as {AS}",
            f" neighbor {host} passive",
            f" neighbor {host} timers {HOLD_TIME // 3} {HOLD_TIME}",
        ]
    lines += [" address-family ipv4 unicast", f"  maximum-paths ibgp {MOST_PATHS}", " exit"]
    return "".join(f"{line}\n" for line in lines)


def start_bgpd(lab: Lab) -> None:
    """Start it on the lab's gateway; the hosts call."""
    gateway: Gateway = lab.gateway
    path = gateway.router.directory / "bgpd.conf"
    text = configuration(gateway.router.config.router_id, [host.address for host in lab.hosts])
    path.write_text(text, encoding="ascii")
    shutil.chown(path, USER, USER)
    gateway.router.start("bgpd")
    gateway.router.await_daemon("bgpd")


__all__ = ["AS", "GATEWAY", "HOLD_TIME", "configuration", "start_bgpd"]
