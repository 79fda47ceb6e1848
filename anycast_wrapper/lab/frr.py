"""FRR in a namespace: its daemons as children of the lab, and vtysh to ask them.

The daemons run as user frr, as they do from their packages: the vty socket belongs to a group
(frrvty) of which root is no member, and zebra refuses to start without it.
"""

import json
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anycast_wrapper.lab.claim import SCRATCH_DIR
from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.namespace import CommandFailedError, Namespace, run

DAEMON_DIR = Path("/usr/lib/frr")
DAEMONS = ("zebra", "bfdd", "ospfd", "ospf6d", "bgpd")
"""Every daemon that a lab may need, in the order in which they are started."""
USER = "frr"


class NoAnswerError(LookupError):
    """FRR did not answer a show command."""


@dataclass(frozen=True)
class OspfTimers:
    """How fast neighbours find and miss each other. Every LSA timer stays at its default.

    Attributes:
        hello: Seconds between two hellos.
        dead: Seconds without a hello after which a neighbour is gone.
    """

    hello: int = 1
    dead: int = 4


@dataclass(frozen=True)
class OspfInterface:
    """An interface with OSPF on it, which need not exist yet.

    Attributes:
        name: The interface.
        passive: Announce its prefixes and look for no neighbours.
        cost: The OSPF cost; the daemon's own default when absent.
        priority: To become designated router; 0 means never.
        timers: Only where there are neighbours.
        families: 4, 6 or both.
        by_network: For ospfd a ``network`` statement covers it; it refuses both kinds in one file.
    """

    name: str
    passive: bool = True
    cost: int | None = None
    priority: int | None = None
    timers: OspfTimers | None = None
    families: tuple[int, ...] = (4, 6)
    by_network: bool = False

    def lines(self, family: int) -> list[str]:
        """The configuration for ospfd (4) or ospf6d (6)."""
        prefix = " ip ospf" if family == 4 else " ipv6 ospf6"
        lines = [f"interface {self.name}"]
        if family == 6 or not self.by_network:
            lines.append(f"{prefix} area 0.0.0.0")
        if self.passive:
            lines.append(f"{prefix} passive")
        if self.cost is not None:
            lines.append(f"{prefix} cost {self.cost}")
        if self.priority is not None:
            lines.append(f"{prefix} priority {self.priority}")
        if self.timers:
            lines.append(f"{prefix} hello-interval {self.timers.hello}")
            lines.append(f"{prefix} dead-interval {self.timers.dead}")
        return [*lines, "exit"]


@dataclass(frozen=True)
class RouterConfig:
    """What one router's daemons are told.

    Attributes:
        router_id: The OSPF router id, an IPv4 address.
        interfaces: Where OSPF runs; ospfd and ospf6d run only where it does somewhere.
        ospf: Lines below ``router ospf``.
        ospf6: Lines below ``router ospf6``.
        bgp: All of bgpd's configuration; it runs only where there is one.
        bfd: All of bfdd's; the same.
        raw: Appended as they are, by daemon: ``(("ospfd", ("router ospf", " network ...")),)``.
        zebra_options: For its command line.
    """

    router_id: str
    interfaces: tuple[OspfInterface, ...] = ()
    ospf: tuple[str, ...] = ()
    ospf6: tuple[str, ...] = ()
    bgp: tuple[str, ...] = ()
    bfd: tuple[str, ...] = ()
    raw: tuple[tuple[str, tuple[str, ...]], ...] = ()
    zebra_options: tuple[str, ...] = ()

    @property
    def daemons(self) -> tuple[str, ...]:
        """The daemons that run, in the order in which they are started."""
        wanted = {"zebra"}
        wanted |= {"ospfd", "ospf6d"} if self.interfaces else set()
        wanted |= {"bgpd"} if self.bgp else set()
        wanted |= {"bfdd"} if self.bfd else set()
        return tuple(daemon for daemon in DAEMONS if daemon in wanted)

    def text(self, daemon: str) -> str:
        """The configuration file of one daemon."""
        lines = [*self._lines(daemon)]
        for name, extra in self.raw:
            if name == daemon:
                lines += extra
        return "".join(f"{line}\n" for line in lines)

    def _lines(self, daemon: str) -> Iterable[str]:
        if daemon not in ("ospfd", "ospf6d"):
            yield from {"bgpd": self.bgp, "bfdd": self.bfd}.get(daemon, ())
            return
        family, name, options = (
            (4, "ospf", self.ospf) if daemon == "ospfd" else (6, "ospf6", self.ospf6)
        )
        for interface in self.interfaces:
            if family in interface.families:
                yield from interface.lines(family)
        yield f"router {name}"
        yield f" ospf{'' if family == 4 else '6'} router-id {self.router_id}"
        yield from (f" {line}" for line in options)
        yield "exit"


class Router:
    """The routing daemons of one namespace.

    Args:
        namespace: Where they run.
        directory: Private to them: configuration, sockets, logs.
        config: What they are told; written at once.
    """

    def __init__(self, namespace: Namespace, directory: Path, config: RouterConfig) -> None:
        self.namespace = namespace
        self.directory = directory
        self.config = config
        self.processes: dict[str, subprocess.Popen[str]] = {}
        directory.mkdir(parents=True)
        for daemon in config.daemons:
            self._path(f"{daemon}.conf").write_text(config.text(daemon), encoding="ascii")
        for path in (directory, *directory.iterdir()):
            shutil.chown(path, USER, USER)

    def start(self, daemon: str) -> None:
        """Start one daemon and do not wait for it: see `await_zebra` and `vtysh`."""
        command = [
            *(str(DAEMON_DIR / daemon), "-u", USER, "-g", USER, "-P", "0"),
            *("--vty_socket", str(self.directory)),
            *("-z", str(self._path("zserv.api"))),
            *("-i", str(self._path(f"{daemon}.pid"))),
            *("-f", str(self._path(f"{daemon}.conf"))),
            *("--log", f"file:{self._path(daemon + '.log')}"),
            *(("--bfdctl", str(self._path("bfdd.sock"))) if daemon == "bfdd" else ()),
            *(self.config.zebra_options if daemon == "zebra" else ()),
        ]
        with self._path(f"{daemon}.out").open("a", encoding="utf-8") as output:
            self.processes[daemon] = self.namespace.popen(command, stdout=output, stderr=output)

    def await_zebra(self) -> None:
        """Wait until zebra takes clients; ospfd would notice only after seconds of back-off."""
        eventually(self._zebra_answers, awaiting=f"zebra in {self.namespace.name}", seen=self.log)

    def await_daemon(self, daemon: str) -> None:
        """Wait until a daemon has read its configuration and takes commands."""
        eventually(
            lambda: _obeys(self._path(f"{daemon}.vty")),
            awaiting=f"{daemon} in {self.namespace.name}",
            seen=self.log,
        )

    def start_all(self) -> None:
        """Start every daemon, zebra first."""
        self.start("zebra")
        self.await_zebra()
        for daemon in self.config.daemons[1:]:
            self.start(daemon)

    def kill(self, daemon: str, signum: int = signal.SIGKILL) -> None:
        """Send one daemon a signal; wait for its end unless the signal is a pause."""
        process = self.processes[daemon]
        process.send_signal(signum)
        if signum in (signal.SIGSTOP, signal.SIGCONT):
            return
        process.wait(timeout=10)
        del self.processes[daemon]
        shutil.rmtree(SCRATCH_DIR / f"{daemon}.{process.pid}", ignore_errors=True)

    def stop_all(self) -> None:
        """Kill whatever runs; nothing is told to the neighbours."""
        for daemon in list(self.processes):
            self.kill(daemon)

    def vtysh(self, *commands: str) -> str:
        """Run commands through vtysh, in order in one session, and return what it printed."""
        argv = ["vtysh", "--vty_socket", str(self.directory)]
        for command in commands:
            argv += ["-c", command]
        return run(argv).stdout

    def show(self, command: str) -> Any:
        """Run one show command and return its JSON.

        Raises:
            NoAnswerError: No daemon answered, which while one starts is no more than "not yet".
        """
        try:
            return json.loads(self.vtysh(f"{command} json"))
        except (CommandFailedError, json.JSONDecodeError) as error:
            raise NoAnswerError(f"{self.namespace.name}: {command}: {error}") from error

    def log(self) -> str:
        """What the daemons wrote, each one's last lines."""
        parts = []
        for path in (*self.directory.glob("*.log"), *self.directory.glob("*.out")):
            text = path.read_text(encoding="utf-8", errors="replace").strip()
            parts.append(f"{path.name}: {text[-1000:]}")
        return "\n".join(parts)

    def _zebra_answers(self) -> bool:
        return _accepts(self._path("zserv.api"))

    def _path(self, name: str) -> Path:
        return self.directory / name


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.connect(str(path))
    return True


def _obeys(path: Path) -> bool:
    # A connection alone proves little: the socket listens before the configuration is read.
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as vty:
        vty.settimeout(5)
        vty.connect(str(path))
        vty.sendall(b"enable\0")
        return bool(vty.recv(64))
