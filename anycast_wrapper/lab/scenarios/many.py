"""More than one node at once."""

import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from anycast_wrapper.lab.play import Play
from anycast_wrapper.lab.scenarios.model import Expected, Scenario, Stage
from anycast_wrapper.lab.wrapper import Wrapper

SEED = 53
CHURN_SECONDS = 60.0
CHURN_GAP = (0.5, 2.0)


@contextmanager
def all_die(play: Play) -> Iterator[None]:
    """Every node dies with its named; later the first one comes back, and then the others."""
    wrappers = play.cluster.wrappers
    play.begin("kill -9 of every anycast-wrap and every named")
    for wrapper in wrappers:
        named = wrapper.daemon_pid
        wrapper.kill()
        os.kill(named, signal.SIGKILL)
    yield
    play.hold(2.0)
    play.mend("anycast-wrap start on the first node")
    play.one.start()
    first = {play.one.host.name}
    for address in play.cluster.addresses:
        play.lab.gateway.await_nodes(address, first)
    play.hold(1.0)
    play.mark("anycast-wrap start on the others")
    play.cluster.start_wrappers()


def _restart(wrapper: Wrapper) -> None:
    wrapper("restart", check=False)


def _bounce(wrapper: Wrapper) -> None:
    wrapper("stop", check=False)
    wrapper("start", check=False)


def _drain(wrapper: Wrapper) -> None:
    wrapper("drain", check=False)
    wrapper("undrain", check=False)


def _killed(wrapper: Wrapper) -> None:
    wrapper.kill()
    wrapper("start", check=False)


def _named_killed(wrapper: Wrapper) -> None:
    wrapper.kill_daemon()


CHANGES: dict[str, Callable[[Wrapper], None]] = {
    "restart": _restart,
    "stop and start": _bounce,
    "drain and undrain": _drain,
    "kill -9 of anycast-wrap, and start": _killed,
    "kill -9 of named": _named_killed,
}


@contextmanager
def churn(play: Play) -> Iterator[None]:
    """Nodes leave and join at random, every one but the last two."""
    chance = random.Random(SEED)  # the same at every run
    play.begin(f"nodes leave and join at random for {CHURN_SECONDS:g} s (seed {SEED})")
    until = play.now + CHURN_SECONDS
    movable = play.cluster.wrappers[:-2] or play.cluster.wrappers[:1]
    while play.now < until:
        wrapper = chance.choice(movable)
        words = chance.choice(list(CHANGES))
        play.mark(words, wrapper.host.name)
        CHANGES[words](wrapper)
        play.hold(chance.uniform(*CHURN_GAP))
    yield
    play.mend("all are to serve again")
    play.victims[:] = [wrapper.host.name for wrapper in play.cluster.wrappers]
    play.cluster.start_wrappers()
    play.cluster.await_both(60)


# IPv4 alone: the gateway's ospf6d keeps the next hop of a node that has left (FRRouting/frr#13579),
# and what mends that holds for one change only.
CHURNED = Stage(addresses=("192.0.2.53", "192.0.2.54"))

SCENARIOS = (
    Scenario(
        "all-dead",
        "Every node dies, and the first one comes back before the others.",
        all_die,
        # With nobody left everything is lost; what counts is that the first one serves at once.
        Expected(None, gone=0.5, back=20.0),
    ),
    Scenario(
        "churn",
        f"Nodes leave and join at random for {CHURN_SECONDS:g} s.",
        churn,
        # One named in five changes is killed: a dozen times 20 ms of one host's share.
        Expected(2.0, back=20.0),
        CHURNED,
        hosts=8,
        slow=True,
    ),
)
