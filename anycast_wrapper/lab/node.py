"""A machine of the lab: a namespace in which things are run, asked and looked at."""

import os
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from anycast_wrapper.lab import wire
from anycast_wrapper.lab.namespace import Namespace, PopenOptions
from anycast_wrapper.lab.routes import Route, routes


class Node:
    """One machine.

    Args:
        name: What the lab calls it: ``client``, ``gateway``, ``host1``.
        namespace: Its network.
        directory: Its files.
    """

    def __init__(self, name: str, namespace: Namespace, directory: Path) -> None:
        self.name = name
        self.namespace = namespace
        self.directory = directory

    def __repr__(self) -> str:
        return f"<{self.name} in {self.namespace.name}>"

    def run(
        self, argv: Sequence[str], *, check: bool = True, timeout: float = 20.0, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command here to its end: see `namespace.run`."""
        return self.namespace.run(argv, check=check, timeout=timeout, stdin=stdin)

    def popen(self, argv: Sequence[str], **options: Unpack[PopenOptions]) -> subprocess.Popen[str]:
        """Start a command here; its pid is the command's own. The lab's end kills what is left."""
        return self.namespace.popen(argv, **options)

    def ip(self, *lines: str) -> None:
        """Run ``ip`` commands here, in order, in one process."""
        self.namespace.ip(*lines)

    def routes(self) -> list[Route]:
        """The kernel's unicast routes here."""
        return routes(self.namespace)

    def has_default_route(self, family: int) -> bool:
        """Whether the kernel has a default route for IPv4 (4) or IPv6 (6)."""
        return any(r.prefix == "default" and r.family == family for r in self.routes())

    def ask(  # noqa: PLR0913 - keywords that every call but a few leaves alone
        self,
        server: str,
        qname: str = "www.example.test",
        qtype: str = "A",
        *,
        qclass: str = "IN",
        port: int = 53,
        timeout: float = 1.0,
    ) -> wire.Reply | None:
        """Ask one question over UDP from here.

        Returns:
            The reply, or None when there was none in time or the network said no.
        """
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        identity = os.urandom(2)
        with self.namespace.within(lambda: socket.socket(family, socket.SOCK_DGRAM)) as channel:
            channel.settimeout(timeout)
            try:
                channel.connect((server, port))
                channel.send(identity + wire.question(qname, qtype, qclass))
                message = channel.recv(4096)
            except OSError:
                return None
        return wire.read(message) if message[:2] == identity else None
