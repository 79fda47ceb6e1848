"""A machine of the lab that routes by FRR."""

import signal
from typing import Any

from anycast_wrapper.lab.frr import Router
from anycast_wrapper.lab.node import Node


class Routed(Node):
    """A machine with zebra and the daemons that go with it.

    Attributes:
        router: Them.
    """

    router: Router

    def vtysh(self, *commands: str) -> str:
        """Run commands through vtysh."""
        return self.router.vtysh(*commands)

    def show(self, command: str) -> Any:
        """Run one show command of FRR and return its JSON."""
        return self.router.show(command)

    def kill_daemon(self, daemon: str, signum: int = signal.SIGKILL) -> None:
        """Send zebra, ospfd or ospf6d a signal."""
        self.router.kill(daemon, signum)

    def start_daemon(self, daemon: str) -> None:
        """Start zebra, ospfd or ospf6d again and wait until it takes commands."""
        self.router.start(daemon)
        self.router.await_daemon(daemon)
