"""What the supervisor needs from the world, each as narrow as its use.

An adapter answers with typed values or raises its port's error, which says who tried what, what
came back and what that means. No adapter knows the configuration or another adapter.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from .core.effects import Effect
from .core.events import Event
from .core.model import Address, Drain, Network, Observation, Outcome
from .core.state import State
from .errors import AnycastWrapError


class KernelError(AnycastWrapError):
    """The kernel refused to change or to show an interface, an address or a route."""


class DaemonError(AnycastWrapError):
    """The supervised daemon could not be started or signalled."""


class RerouteError(AnycastWrapError):
    """Queries could not be diverted to another node, or it is not known how many were."""


class StateError(AnycastWrapError):
    """What must survive a restart could not be written."""


Post = Callable[[Event], None]
"""Hands an event to the supervisor. To be called from the event loop's thread only."""


class Links(Protocol):
    """Interfaces as a whole. Each method is idempotent and raises `KernelError`."""

    async def create(self, name: str) -> None:
        """Make the interface, down and without addresses, or take over what is there."""

    async def delete(self, name: str) -> None:
        """Remove the interface if it is of a kind that we make; else take our addresses off."""

    async def up(self, name: str) -> None:
        """Set it administratively up."""

    async def down(self, name: str) -> None:
        """Set it administratively down."""


class Addresses(Protocol):
    """Host addresses on an interface. Each method is idempotent and raises `KernelError`."""

    async def add(self, name: str, address: Address) -> None:
        """Add the address as a /32 or /128, without duplicate address detection."""

    async def remove(self, name: str, address: Address) -> None:
        """Remove it; that it is not there is no error."""


class Observer(Protocol):
    """What the kernel has, now and whenever it changes. Raises `KernelError`."""

    async def observe(self) -> Observation:
        """Our interfaces with their addresses, and which required routes are there."""

    async def elsewhere(self, addresses: Collection[Address]) -> dict[Address, str]:
        """Those of the addresses that sit on an interface which is not ours, and on which."""

    async def watch(self, changed: Callable[[], None]) -> None:
        """Call ``changed`` after anything that `observe` shows may have changed, until closed."""


class Kernel(Links, Addresses, Observer, Protocol):
    """All that the supervisor asks of the operating system's network."""

    async def require(self, routes: Collection[Network]) -> None:
        """The routes whose presence `observe` shows and whose change `watch` reports."""

    async def close(self) -> None:
        """Let go of everything: interfaces that live by an open file end with this."""


class Daemon(Protocol):
    """The supervised daemon's process. Its life is posted as events."""

    def spawn(self) -> None:
        """Start it. Posts `DaemonSpawned` or `DaemonNotSpawned`, and later `DaemonExited`."""

    def adopt(self) -> int | None:
        """Take over one that a predecessor left running, found by record and identity: its pid."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it and its process group."""


class Prober(Protocol):
    """One probe of one service, ready to run again and again."""

    async def __call__(self) -> Outcome:
        """Ask once. Never raises but for cancellation; the caller bounds its time."""


class Hint(Protocol):
    """Notices sooner than a probe can that the daemon seems to have stopped reading."""

    def watch(self, stands: Callable[[bool], None]) -> None:
        """Call ``stands`` whenever it begins or ends to seem so, until `close`."""

    def close(self) -> None:
        """Stop watching."""


class Memory(Protocol):
    """What an operator said, kept where a restart and a reboot find it."""

    def recall(self) -> Drain | None:
        """The drain in force, if any. Never raises: what cannot be read counts as drained."""

    def remember(self, detail: str) -> None:
        """Keep the drain. Raises `StateError`."""

    def forget(self) -> None:
        """Drop it. Raises `StateError`."""


@dataclass(frozen=True)
class Peer:
    """Another node that offers a service address: a neighbour on one of our links.

    Attributes:
        address: where it is reached; link-local ones too.
        interface: the link.
    """

    address: Address
    interface: str


Peers = Mapping[Address, tuple[Peer, ...]]
"""For every service address, the nodes that may be sent its queries; it may be none."""


@dataclass(frozen=True)
class Diverted:
    """How many packets were sent to another node since the wrapper started."""

    by_address: Mapping[Address, int]
    by_peer: Mapping[Peer, int]


class Diversion(Protocol):
    """Rules of the kernel that send queries to other nodes. Raises `RerouteError`."""

    async def apply(self, services: Collection[tuple[Address, int]], peers: Peers) -> None:
        """Let exactly these rules be in force from one moment to the next.

        Args:
            services: service addresses with the ports that the daemon is asked at. What comes in
                for one and finds no socket is diverted.
            peers: to whom.
        """

    async def divert(self, addresses: Collection[Address]) -> None:
        """Divert what comes in for these addresses, and no others, although there is a socket."""

    async def counters(self) -> Diverted:
        """What was diverted."""

    async def remove(self) -> bool:
        """Take all rules out, whoever left them there; whether there were any."""


class PeerSource(Protocol):
    """Who else offers the service addresses."""

    async def find(self, addresses: Collection[Address]) -> Peers:
        """The peers of each address. Never raises: what is not known is not there."""


class Nudge(Protocol):
    """Whatever makes the routing daemon say again what it originates."""

    async def nudge(self) -> None:
        """Do it. Raises `AnycastWrapError`; nothing depends on it."""


class Reroute(Protocol):
    """Whatever has queries answered elsewhere."""

    async def divert(self, addresses: Collection[Address]) -> None:
        """Do so for these addresses, and no others. Raises `RerouteError`; nothing depends on it.

        Calls take effect in the order in which they are begun.
        """


class Heartbeat(Protocol):
    """Whoever ends this process if it does not show for too long that its loop turns."""

    def beat(self) -> None:
        """The loop has turned."""


class Audience(Protocol):
    """Whoever is told what happens: the log, ``status``, systemd, a waiting command."""

    def hear(self, state: State, effects: Sequence[Effect]) -> None:
        """After every step, with everything that it asked for. Must not block and not raise."""
