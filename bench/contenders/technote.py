"""The shell wrapper of ISC-TN-2004-1, with FRR's ospfd."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.host import Host

from .model import ADDRESS, TOOLS, Contender
from .processes import await_child, end, spawn


class Technote:
    """``technote-wrapper`` and its named.

    Args:
        host: Where; its ospfd announces what is on ``lo``.
    """

    def __init__(self, host: Host) -> None:
        self.host = host
        self._shell: subprocess.Popen[str] | None = None
        self._named = 0

    def start(self) -> None:
        """Start it, and with it named."""
        log = self.host.directory / "technote.log"
        argv: list[str | Path] = [TOOLS / "technote-wrapper", ADDRESS, *self.host.named_command()]
        self._shell = spawn(self.host, argv, log)
        self._named = await_child(
            self._shell.pid, lambda child: bool(child.name() == "named"), "named below the shell"
        )
        eventually(lambda: self.host.ask("127.0.0.1", timeout=0.1), awaiting="named")

    def settle(self) -> None:
        """The route says all."""

    def end(self) -> None:
        """Both; named has its own files again."""
        if self._named_lives():
            self._signal_named(signal.SIGKILL)
        eventually(lambda: not self._named_lives(), awaiting="the end of named")
        end(self._shell)
        self.host.run(["ip", "addr", "del", f"{ADDRESS}/32", "dev", "lo"], check=False)
        self.host.configure_dns()

    def named(self) -> int:
        """The pid of named."""
        return self._named

    def checkers(self) -> list[int]:
        """The shell: it checks nothing, but it is what removes the address."""
        return list(self.processes().values())

    def processes(self) -> dict[str, int]:
        """The shell."""
        return {"sh": self._shell.pid} if self._shell else {}

    def stop(self, await_gone: Callable[[], None]) -> None:
        """Stop named; the shell then removes the address."""
        self._signal_named(signal.SIGTERM)
        await_gone()

    def _named_lives(self) -> bool:
        return self._named in self.host.namespace.pids()

    def _signal_named(self, signum: int) -> None:
        os.kill(self._named, signum)


CONTENDERS = (
    Contender(
        "technote",
        "technote's shell wrapper",
        "",
        "waits for named to end; it has nothing to set",
        interval=0,
        cap=15,
        deploy=Technote,
        ospf=True,
        classic=True,
        parent=True,
    ),
)
