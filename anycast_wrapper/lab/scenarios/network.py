"""The network around the node: its links, its routing daemons, its router, its way back."""

import dataclasses
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.gateway import Gateway
from anycast_wrapper.lab.host import Host, HostOptions
from anycast_wrapper.lab.node import Node
from anycast_wrapper.lab.play import Play
from anycast_wrapper.lab.scenarios.model import Expected, Fault, Scenario, Stage

DEAD = 4.0
"""Seconds without a hello after which the lab's neighbours are gone."""

MISSED = 1.5
"""Seconds without OSPF that no neighbour may mind. Hellos go out every second: the last one may
have come a second before it, and the next one may come a second after it."""

ADJACENT = 25.0
"""Seconds that an adjacency takes to come up again, retransmissions included."""

SMALL = ("192.0.2.53", "2001:db8:53::53")
OSPF_PROTOCOL = "meta l4proto ospf drop"


@contextmanager
def links_cut(play: Play) -> Iterator[None]:
    """The host is cut off, as if it had lost its power."""
    name = play.one.host.name
    play.begin(f"the switch's port of {name} goes down")
    play.lab.switch.ip(f"link set {name} down")
    try:
        yield
    finally:
        play.mend(f"the switch's port of {name} is up again")
        play.lab.switch.ip(f"link set {name} up")


@contextmanager
def _silenced(node: Node) -> Iterator[None]:
    """No OSPF gets in or out, and everything else does."""
    chains = "".join(
        f"chain {hook} {{ type filter hook {hook} priority 0; {OSPF_PROTOCOL}; }}\n"
        for hook in ("input", "output")
    )
    node.run(["nft", "-f", "-"], stdin=f"table inet hush {{\n{chains}}}\n")
    try:
        yield
    finally:
        node.run(["nft", "delete table inet hush"])


@contextmanager
def adjacency_flaps(play: Play) -> Iterator[None]:
    """OSPF to the host is interrupted until its neighbour gives it up."""
    play.begin("no OSPF between the host and the gateway")
    with _silenced(play.one.host):
        yield
        play.mend("OSPF again")


@contextmanager
def hellos_missed(play: Play) -> Iterator[None]:
    """OSPF is interrupted for less than the dead interval."""
    play.begin(f"no OSPF between the host and the gateway, for {MISSED:g} s")
    with _silenced(play.one.host):
        play.hold(MISSED)
    yield
    play.hold(DEAD)


@contextmanager
def gateway_restarts(play: Play) -> Iterator[None]:
    """The gateway's routing daemons are killed and started again."""
    play.victims[:] = [wrapper.host.name for wrapper in play.cluster.wrappers]
    play.begin("kill -9 of zebra, ospfd and ospf6d on the gateway; started again")
    play.lab.gateway.restart()
    play.mark("they take commands")
    play.lab.await_converged(60)
    play.mark("all neighbours are Full")
    await_steady(play, 60.0)
    yield


def daemon_restarts(daemon: str) -> Fault:
    """One routing daemon of the host is killed and started again a second later."""

    @contextmanager
    def fault(play: Play) -> Iterator[None]:
        host = play.one.host
        play.begin(f"kill -9 of {daemon}")
        host.kill_daemon(daemon)
        play.hold(1.0)
        play.mend(f"{daemon} started again")
        host.start_daemon(daemon)
        await_steady(play, 60.0)
        yield

    return fault


@contextmanager
def zebra_restarts(play: Play) -> Iterator[None]:
    """Zebra is killed; a second later all are started again, as watchfrr does.

    Started alone, zebra 8.4 would have the routes of ospfd only when those change: the host would
    announce, and have no way back to its clients.
    """
    host = play.one.host
    play.begin("kill -9 of zebra")
    host.kill_daemon("zebra")
    play.hold(1.0)
    play.mend("watchfrr: the others are stopped, zebra and they are started again")
    for daemon in ("ospfd", "ospf6d"):
        host.kill_daemon(daemon, signal.SIGTERM)
    for daemon in ("zebra", "ospfd", "ospf6d"):
        host.start_daemon(daemon)
    await_steady(play, 60.0)
    yield


def await_steady(play: Play, within: float) -> None:
    """Wait until the routes have been back and unchanged for a while, and note since when.

    A restarted daemon finds its old LSAs at the neighbour, flushes them and begins anew: routes
    come and go before they stay, whatever we do.
    """
    names = {wrapper.host.name for wrapper in play.cluster.wrappers}
    addresses = play.cluster.addresses

    def changed() -> float:
        last = max(e.time for a in addresses for e in play.routes.history(a))
        return max(last, play.mended or play.began)

    def steady() -> bool:
        there = all(play.routes.nodes(address) == names for address in addresses)
        return there and play.now - changed() > STEADY

    eventually(steady, awaiting="steady routes", within=within)
    play.back_for_good = changed()


STEADY = 8.0
"""Seconds without a change: the retransmission, and some more."""


def believe(host: Host, *, yes: bool) -> None:
    """Have a host believe what OSPF tells it, or not: administrative distance 255 means never."""
    distance = "distance 110" if yes else "distance 255"
    host.vtysh("configure terminal", "router ospf", distance)
    host.vtysh("configure terminal", "router ospf6", distance)
    eventually(
        lambda: (host.has_default_route(4), host.has_default_route(6)) == (yes, yes),
        awaiting=f"{'a' if yes else 'no'} default route on {host.name}",
        seen=host.routes,
    )


@contextmanager
def route_late(play: Play) -> Iterator[None]:
    """A node starts before its host has learnt the way back to its clients."""
    play.one("stop")
    believe(play.one.host, yes=False)
    try:
        play.begin("anycast-wrap start, without a default route")
        reply = play.one("start", "--wait", "3", check=False)
        play.require(reply.returncode == 1, f"start ended with {reply.returncode} instead of 1")
        play.require("route-missing" in reply.stderr, f"no reason: {reply.stderr.strip()}")
        play.hold(2.0)
        play.require_unserved()
        yield
    finally:
        play.mend("the default route appears")
        believe(play.one.host, yes=True)


@contextmanager
def route_vanishes(play: Play) -> Iterator[None]:
    """The default route goes for five seconds; the clients are still reached another way."""
    play.begin("the gateway withdraws the default route")
    _originate(play.lab.gateway, yes=False)
    try:
        yield
        play.hold(5.0)
        play.require_unserved()
    finally:
        play.mend("the default route is back")
        _originate(play.lab.gateway, yes=True)


@contextmanager
def way_back_vanishes(play: Play) -> Iterator[None]:
    """The default route goes, and with it the only way back to the clients."""
    try:
        play.begin("the host no longer believes in its default route")
        believe(play.one.host, yes=False)
        yield
        play.hold(3.0)
        play.require_unserved()
    finally:
        play.mend("the default route is back")
        believe(play.one.host, yes=True)


def _originate(gateway: Gateway, *, yes: bool) -> None:
    words = "default-information originate always" if yes else "no default-information originate"
    for daemon in ("ospf", "ospf6"):
        gateway.vtysh("configure terminal", f"router {daemon}", words)


def leak(words: str, daemons: Mapping[str, Sequence[str]]) -> Fault:
    """The routing daemon is told to announce more than it should, on a drained node."""

    @contextmanager
    def fault(play: Play) -> Iterator[None]:
        host = play.one.host
        play.begin(f"anycast-wrap drain, then: {words}")
        play.one("drain")
        for lines in daemons.values():
            host.vtysh("configure terminal", *lines)
        yield
        play.hold(3.0)
        play.require_unserved()
        held = {a["held"] for a in play.one.service()["addresses"]}
        play.require(held == {True}, "the addresses are not held")
        play.mend("anycast-wrap undrain, with the same configuration")
        play.one("undrain")
        play.hold(2.0)

    return fault


REDISTRIBUTE = {
    "ospfd": ("router ospf", "redistribute connected"),
    "ospf6d": ("router ospf6", "redistribute connected"),
}
ON_HOLD = {
    "ospfd": ("interface anycast-hold", "ip ospf area 0"),
    "ospf6d": ("interface anycast-hold", "ipv6 ospf6 area 0"),
}
ROUTED = Stage(
    addresses=SMALL,
    announce_clients=True,
    first_interfaces='require-route = ["0.0.0.0/0", "::/0"]',
)
ONLY_WAY = dataclasses.replace(ROUTED, announce_clients=False)
LEAKS = Stage(addresses=SMALL, daemon='ready-timeout = "59s"')

SCENARIOS = (
    Scenario(
        "host-death",
        "A host loses its links, as if it had lost its power (dead interval 4 s).",
        links_cut,
        Expected(DEAD + 1.0, gone=DEAD + 1.0, back=ADJACENT),
        ONLY_WAY,
        known="nothing on the host can tell anybody: the dead interval, or BFD, decides",
        slow=True,
    ),
    Scenario(
        "adjacency-flap",
        "OSPF between a host and its router is interrupted until the router gives it up.",
        adjacency_flaps,
        Expected(1.5, gone=DEAD + 1.0, back=ADJACENT),
        ONLY_WAY,
        needs=("nft",),
        known="host and router each count four seconds from the last hello that they heard: for up "
        "to a hello's time the host may have no way back while the router still sends",
        slow=True,
    ),
    Scenario(
        "hellos-missed",
        "OSPF is interrupted for less than the dead interval.",
        hellos_missed,
        Expected(stays=True),
        needs=("nft",),
        slow=True,
    ),
    Scenario(
        "gateway-restart",
        "The gateway's routing daemons are killed and started again.",
        gateway_restarts,
        Expected(None, back=60.0),
        known="while the only router has no routes, no host is reached, whatever it does",
        slow=True,
    ),
    Scenario(
        "ospfd-restart",
        "ospfd of one host is killed and started again.",
        daemon_restarts("ospfd"),
        Expected(None, back=60.0),
        slow=True,
    ),
    Scenario(
        "ospf6d-restart",
        "ospf6d of one host is killed and started again.",
        daemon_restarts("ospf6d"),
        Expected(None, back=60.0),
        slow=True,
    ),
    Scenario(
        "zebra-restart",
        "zebra of one host is killed; it and the others are started again, as watchfrr does.",
        zebra_restarts,
        Expected(None, back=60.0),
        slow=True,
    ),
    Scenario(
        "default-route-late",
        "A node starts five seconds before its host has learnt its default route.",
        route_late,
        Expected(back=5.0),
        ROUTED,
        slow=True,
    ),
    Scenario(
        "default-route-gone",
        "A host's default route is gone for five seconds.",
        route_vanishes,
        Expected(gone=1.0, back=8.0, reason="route-missing"),
        ROUTED,
        slow=True,
    ),
    Scenario(
        "way-back-gone",
        "A host's default route is gone for three seconds, and was its only way back to clients.",
        way_back_vanishes,
        # Whoever asks while the routers converge cannot be answered.
        Expected(0.3, gone=1.0, back=8.0, reason="route-missing"),
        ONLY_WAY,
        slow=True,
    ),
    Scenario(
        "leak-redistribute",
        "A drained node whose routing daemons redistribute what is connected.",
        leak("redistribute connected", REDISTRIBUTE),
        Expected(gone=1.5, back=4.0),
        LEAKS,
        slow=True,
    ),
    Scenario(
        "leak-hold",
        "A drained node whose routing daemons run OSPF on the hold.",
        leak("ip ospf area 0 on anycast-hold", ON_HOLD),
        Expected(gone=1.5, back=4.0),
        LEAKS,
        slow=True,
    ),
    Scenario(
        "leak-network",
        "A drained node whose ospfd has a network statement that covers the service address.",
        leak("network 192.0.2.0/24 area 0, as configured", {}),
        Expected(gone=1.5, back=4.0),
        Stage(addresses=SMALL, host=HostOptions(networks=("192.0.2.0/24",))),
        slow=True,
    ),
)
