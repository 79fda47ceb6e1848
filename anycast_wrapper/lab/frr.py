"""FRR in a namespace: its daemons as children of the lab, and vtysh to ask them.

The daemons run as user frr, as they do from their packages: the vty socket belongs to a group
(frrvty) of which root is no member, and zebra refuses to start without it.
"""

import json
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

from anycast_wrapper.lab.claim import SCRATCH_DIR
from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.frrconfig import DAEMON_DIR, MANAGER, RouterConfig
from anycast_wrapper.lab.namespace import CommandFailedError, Namespace, run
from anycast_wrapper.lab.private import privately

USER = "frr"
RUN_DIR = Path("/run/frr")


class NoAnswerError(LookupError):
    """FRR did not answer a show command."""


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
            if daemon != MANAGER:  # reads zebra's
                self._path(f"{daemon}.conf").write_text(config.text(daemon), encoding="ascii")
        self._path("run").mkdir()
        self._path("state").mkdir()
        for path in (directory, *directory.iterdir()):
            shutil.chown(path, USER, USER)

    def start(self, daemon: str) -> None:
        """Start one daemon and do not wait for it: see `await_zebra` and `vtysh`."""
        command = [
            *self._privately(),
            *(str(DAEMON_DIR / daemon), "-u", USER, "-g", USER, "-P", "0"),
            *("--vty_socket", str(self.directory)),
            *("-z", str(self._path("zserv.api"))),
            *("-i", str(self._path(f"{daemon}.pid"))),
            *(() if daemon == MANAGER else ("-f", str(self._path(f"{daemon}.conf")))),
            *("--log", f"file:{self._path(daemon + '.log')}"),
            *(self.config.zebra_options if daemon == "zebra" else ()),
        ]
        with self._path(f"{daemon}.out").open("a", encoding="utf-8") as output:
            self.processes[daemon] = self.namespace.popen(command, stdout=output, stderr=output)

    def start_manager(self) -> None:
        """Start what zebra may need, and do not wait for it."""
        if MANAGER in self.config.daemons:
            self.start(MANAGER)

    def start_zebra(self) -> None:
        """Start zebra as soon as what it needs takes commands, and do not wait for it."""
        if MANAGER in self.config.daemons:
            self.await_daemon(MANAGER)
        self.start("zebra")

    def await_zebra(self) -> None:
        """Wait until zebra takes clients; ospfd would notice only after seconds of back-off.

        Not by being one: from FRR 10.2 to today's, a client that leaves takes along whatever waits
        to be put into the RIB, the connected routes among it (`early_route_meta_queue_free` skips
        a route of another protocol only where the instance differs as well).
        """
        self.await_daemon("zebra")

    def await_daemon(self, daemon: str) -> None:
        """Wait until a daemon has read its configuration and takes commands."""
        eventually(
            lambda: _obeys(self._path(f"{daemon}.vty")),
            awaiting=f"{daemon} in {self.namespace.name}",
            seen=self.log,
        )

    def start_all(self) -> None:
        """Start every daemon, zebra before those that are its clients."""
        self.start_manager()
        self.start_zebra()
        self.await_zebra()
        for daemon in self.config.daemons:
            if daemon not in (MANAGER, "zebra"):
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

    def _privately(self) -> list[str]:
        """Where routers would meet, as only some of the names can be set on a command line."""
        RUN_DIR.mkdir(exist_ok=True)  # made at boot, and there may have been none since
        return privately(
            (
                (self._path("run"), RUN_DIR),
                (self._path("state"), Path("/var/lib/frr")),
                (self.directory, Path("/etc/frr")),
            )
        )

    def _path(self, name: str) -> Path:
        return self.directory / name


def _obeys(path: Path) -> bool:
    # A connection alone proves little: the socket listens before the configuration is read.
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as vty:
        vty.settimeout(5)
        vty.connect(str(path))
        vty.sendall(b"enable\0")
        return bool(vty.recv(64))
