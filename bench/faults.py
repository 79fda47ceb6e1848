"""The faults, as data: a name, a sentence, what is done to the first host."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from anycast_wrapper.lab.cluster import pause

from .contenders import Contender, Deployment

BETWEEN = 1.0
"""Seconds from the end of the checker to the end of named, at least: one that is started again at
once has a clock of its own, so this is where its offset goes."""

SUPERVISED = 0.1
"""Seconds after which systemd starts a service again, by default (RestartSec)."""


class Scene(Protocol):
    """What a fault has in its hands."""

    @property
    def victim(self) -> Deployment:
        """The deployment that is hurt."""

    @property
    def offset(self) -> float:
        """Seconds, spread over the interval of the tool's checks."""

    def begin(self) -> None:
        """What is measured is measured from here."""

    def await_gone(self) -> None:
        """Return once the router has no route to the victim, or when it is too late."""


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        name: What it is called on the command line and in the results.
        sentence: What happens.
        make: Does it, and says when.
        withdraws: Whether the route is to go; else the run goes on for a check or two.
        concerns: Whether it can happen to a contender.
    """

    name: str
    sentence: str
    make: Callable[[Scene], None]
    withdraws: bool = True
    concerns: Callable[[Contender], bool] = lambda _: True


def kill(scene: Scene) -> None:
    """Named is killed and stays dead, as far as it is up to us."""
    scene.begin()
    os.kill(scene.victim.named(), signal.SIGKILL)


def restarted(scene: Scene) -> None:
    """Named is killed, and started again as systemd does it."""
    host = scene.victim.host
    scene.begin()
    os.kill(scene.victim.named(), signal.SIGKILL)
    pause(SUPERVISED)
    host.stop_named()
    host.start_named()


def hang(scene: Scene) -> None:
    """Named does nothing any more."""
    scene.begin()
    os.kill(scene.victim.named(), signal.SIGSTOP)


def servfail(scene: Scene) -> None:
    """Named reloads, and has no zone any more."""
    dns = scene.victim.host.dns
    good = dns.config.read_text(encoding="ascii")
    broken = good.replace('file "example.test.zone"', 'file "no-such-file"')
    dns.config.write_text(broken, encoding="ascii")
    scene.begin()
    os.kill(scene.victim.named(), signal.SIGHUP)


def checker(scene: Scene) -> None:
    """Who decides is killed; a second or more later named is."""
    named = scene.victim.named()
    for pid in scene.victim.checkers():
        os.kill(pid, signal.SIGKILL)
    pause(BETWEEN + scene.offset)
    scene.begin()
    os.kill(named, signal.SIGKILL)


def planned(scene: Scene) -> None:
    """An operator takes the node out, as the tool's users do it, and stops named."""
    scene.begin()
    scene.victim.stop(scene.await_gone)


ALL: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault("kill", "named is killed (SIGKILL) and stays dead", kill),
        Fault(
            "restarted",
            f"named is killed, and a supervisor starts it again {SUPERVISED * 1000:.0f} ms later",
            restarted,
            withdraws=False,
            concerns=lambda contender: not contender.parent,
        ),
        Fault("hang", "named hangs (SIGSTOP)", hang),
        Fault("servfail", "named loses its zone and answers SERVFAIL", servfail),
        Fault(
            "checker",
            "what decides is killed (SIGKILL), and a second or more later named is",
            checker,
        ),
        Fault("planned", "an operator takes the node out and stops named", planned),
    )
}
