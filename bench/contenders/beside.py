"""What the tools have in common that watch a name server which somebody else has started."""

import signal
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from anycast_wrapper.lab.host import Host

from .model import ADDRESS, TOOLS

ZONE = "example.test"
PLAIN_CHECK = f"/usr/bin/dig +time=1 +tries=1 @{ADDRESS} {ZONE} SOA"
"""A check by dig's exit status, as one writes it."""

STRICT_CHECK = f"{TOOLS / 'dig-noerror'} {ADDRESS} {ZONE} SOA"
"""A check that wants NOERROR."""


class Beside(ABC):
    """A tool beside a named: the address is on ``lo`` all the time, the tool goes by its checks.

    Args:
        host: Where.
    """

    def __init__(self, host: Host) -> None:
        self.host = host
        self.directory: Path = host.directory / "tool"
        self.directory.mkdir(exist_ok=True)
        self.log = self.directory / "log"

    @abstractmethod
    def start_tool(self) -> None:
        """Start it."""

    @abstractmethod
    def end_tool(self) -> None:
        """End it at once, and take care that the next start finds nothing announced."""

    @abstractmethod
    def withdraw(self, await_gone: Callable[[], None]) -> None:
        """Take the node out, as the tool's users do it."""

    def start(self) -> None:
        """Start both."""
        self.host.ip(f"addr replace {ADDRESS}/32 dev lo")
        self.host.start_named()
        self.start_tool()

    def settle(self) -> None:  # noqa: B027 - nothing is what a tool mostly needs
        """The route says all."""

    def end(self) -> None:
        """Both; named has its own files again."""
        self.end_tool()
        self.host.stop_named(signal.SIGKILL)
        self.host.configure_dns()

    def named(self) -> int:
        """The pid of named."""
        process = self.host.dns.process
        if process is None:
            raise LookupError(f"no named on {self.host.name}")
        return process.pid

    def stop(self, await_gone: Callable[[], None]) -> None:
        """Withdraw, then stop named."""
        self.withdraw(await_gone)
        self.host.stop_named()
