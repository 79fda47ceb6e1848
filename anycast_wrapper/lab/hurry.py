"""Bringing OSPF up in three seconds instead of twenty, and handing it over with default timers.

While the lab comes up, and only then, every router accepts and originates LSAs as they come, and
the gateway becomes designated router after one second. All of it is taken back, in the running
daemons and in the files that a restart reads, before anybody measures anything: the defaults are
what the lab is there to show.
"""

from collections.abc import Sequence
from pathlib import Path

from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.frr import Router
from anycast_wrapper.lab.frrconfig import OspfTimers

OSPF_DAEMONS = {"ospfd": ("ip ospf", "router ospf"), "ospf6d": ("ipv6 ospf6", "router ospf6")}
LSA_TIMERS = ("timers throttle lsa all", "timers lsa min-arrival")
RUSHED_DEAD = 1


def start_hurried(gateway: Router, hosts: Sequence[Router], timers: OspfTimers) -> None:
    """Start every daemon, the gateway's first: it waits one dead interval for a rival."""
    routers = [gateway, *hosts]
    for router in routers:
        router.start_manager()
    for router in routers:
        router.start_zebra()
    for router in routers:
        router.await_zebra()
        for daemon, (words, block) in OSPF_DAEMONS.items():
            lines = ["interface lan", f" {words} retransmit-interval 1"]
            if router is gateway:
                lines.append(f" {words} dead-interval {RUSHED_DEAD}")
            lines += ["exit", block, *(f" {timer} 0" for timer in _known(daemon)), "exit"]
            _start_with(router, daemon, lines)
    eventually(
        lambda: _is_designated(gateway),
        awaiting="the gateway to be designated router",
        seen=lambda: gateway.vtysh("show ip ospf interface lan", "show ipv6 ospf6 interface lan"),
    )
    for words, _ in OSPF_DAEMONS.values():
        gateway.vtysh("conf t", "interface lan", f"{words} dead-interval {timers.dead}")


def calm(routers: Sequence[Router]) -> None:
    """Put every LSA timer back to its default."""
    for router in routers:
        for daemon, (words, block) in OSPF_DAEMONS.items():
            router.vtysh(
                *("conf t", block, *(f"no {timer}" for timer in _known(daemon))),
                *("exit", "interface lan", f"no {words} retransmit-interval"),
            )


def _known(daemon: str) -> tuple[str, ...]:
    # ospf6d takes its LSA timers one by one and has no throttle for originating.
    return LSA_TIMERS if daemon == "ospfd" else LSA_TIMERS[1:]


def _start_with(router: Router, daemon: str, lines: Sequence[str]) -> None:
    """Start a daemon with more configuration than its file keeps."""
    path: Path = router.directory / f"{daemon}.conf"
    kept = path.read_text(encoding="ascii")
    path.write_text(kept + "".join(f"{line}\n" for line in lines), encoding="ascii")
    try:
        router.start(daemon)
        router.await_daemon(daemon)
    finally:
        path.write_text(kept, encoding="ascii")


def _is_designated(gateway: Router) -> bool:
    four = gateway.show("show ip ospf interface lan")["interfaces"]["lan"]["state"]
    six = gateway.show("show ipv6 ospf6 interface lan")["lan"]["ospf6InterfaceState"]
    return bool(four == "DR" and six == "DR")
