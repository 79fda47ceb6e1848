"""Somebody changes by hand what the wrapper has set up: it is put back, or withdrawn."""

from collections.abc import Iterator
from contextlib import contextmanager

from anycast_wrapper.lab.host import HostOptions
from anycast_wrapper.lab.play import Play
from anycast_wrapper.lab.scenarios.model import Expected, Fault, Scenario, Stage

REPAIRED = 6.0
"""Seconds: three IPv4 addresses 1.1 s apart, 1.1 s after the change by hand."""


def by_hand(*commands: str) -> Fault:
    """``ip`` commands of somebody on the host; what they did is not undone."""

    @contextmanager
    def fault(play: Play) -> Iterator[None]:
        play.begin("by hand: " + "; ".join(f"ip {command}" for command in commands))
        play.one.host.ip(*commands)
        yield

    return fault


@contextmanager
def one_address_removed(play: Play) -> Iterator[None]:
    """One service address of several is removed from the rank interface."""
    play.begin("by hand: ip addr del 192.0.2.53/32 dev anycast0")
    play.one.host.ip("addr del 192.0.2.53/32 dev anycast0")
    gone = play.routes.await_gone(play.victims[0], "192.0.2.53", play.began)
    play.mark(f"192.0.2.53 no longer led there after {gone * 1e3:.0f} ms")
    play.mend("left to the wrapper")
    yield


@contextmanager
def hold_address_removed(play: Play) -> Iterator[None]:
    """A service address is removed from the hold: another interface still has it."""
    play.begin("by hand: ip addr del 192.0.2.53/32 dev anycast-hold")
    play.one.host.ip("addr del 192.0.2.53/32 dev anycast-hold")
    play.hold(2.0)
    held = play.one.host.run(["ip", "-o", "addr", "show", "dev", "anycast-hold"]).stdout
    play.require("192.0.2.53" in held, "the address was not put back on the hold")
    yield


@contextmanager
def loopback_flushed(play: Play) -> Iterator[None]:
    """``lo`` loses its addresses, 127.0.0.1 among them."""
    play.begin("by hand: ip addr flush dev lo")
    play.one.host.run(["ip", "addr", "flush", "dev", "lo"])
    try:
        play.hold(3.0)
        yield
    finally:
        play.mend("127.0.0.1 and ::1 are back on lo")
        play.one.host.ip("addr replace 127.0.0.1/8 dev lo", "addr replace ::1/128 dev lo")


CLASSIC = Stage(
    addresses=("192.0.2.53", "2001:db8:53::53"),
    host=HostOptions(classic=True),
    interfaces='kind = "existing"\nhold = "none"\npreferred = "lo"\nlast-resort = "none"',
    probe="""
[[service.probe]]
server = "@HOST@"
qname = "example.test"
""",
)

SCENARIOS = (
    Scenario(
        "interface-deleted",
        "The rank interface is deleted by hand.",
        by_hand("link del anycast0"),
        Expected(gone=0.5, back=REPAIRED),
    ),
    Scenario(
        "interface-down",
        "The rank interface is set down by hand.",
        by_hand("link set anycast0 down"),
        Expected(gone=0.5, back=REPAIRED),
        slow=True,
    ),
    Scenario(
        "address-removed",
        "A service address is removed from the rank interface by hand.",
        one_address_removed,
        Expected(back=REPAIRED),
    ),
    Scenario(
        "hold-address-removed",
        "A service address is removed from the hold by hand.",
        hold_address_removed,
        Expected(stays=True),
        slow=True,
    ),
    Scenario(
        "hold-deleted",
        "The hold is deleted by hand, with every address on it.",
        by_hand("link del anycast-hold"),
        Expected(back=REPAIRED),
    ),
    Scenario(
        "lo-flushed",
        "lo loses all addresses, 127.0.0.1 too; the service addresses are elsewhere.",
        loopback_flushed,
        Expected(stays=True),
        slow=True,
    ),
    Scenario(
        "lo-flushed-classic",
        "The same in the classic layout, where the service addresses are on lo.",
        loopback_flushed,
        Expected(1.0, gone=1.0, back=REPAIRED),
        CLASSIC,
        known="without a hold the address is gone until it is put back",
    ),
)
