"""ExaBGP on a host of the lab, which runs ``anycast-wrap exabgp`` as its process.

Versions 4 and 5 take the same configuration; version 5 wants to be told what to do with it.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

import psutil

from anycast_wrapper.lab.bgp import GATEWAY_AS, Bgp
from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.host import GATEWAY, GATEWAY6
from anycast_wrapper.lab.load import PACKAGE_ROOT
from anycast_wrapper.lab.namespace import run
from anycast_wrapper.lab.tap import host_prefix
from anycast_wrapper.lab.wrapper import Wrapper

SETTINGS = {
    "exabgp_daemon_user": "root",  # who may not drop privileges into a lab's directories
    "exabgp_api_cli": "false",
    "exabgp_log_level": "INFO",
    "exabgp_log_destination": "stderr",
    "PYTHONPATH": str(PACKAGE_ROOT),
}
VARIABLE = "ANYCAST_EXABGP"
"""Names further programs in the environment, separated as in PATH."""

PLACES = ("/usr/sbin/exabgp", "/usr/bin/exabgp", "bench/.venv/bin/exabgp")
ATTRIBUTES = {"": "med 0", "-last-resort": "med 100"}


@cache
def version_of(program: str) -> int:
    """The major version of an ExaBGP, 0 if it is none. It is asked as 4 and as 5 want to be."""
    for word in ("--version", "version"):
        asked = [program, word]
        said = subprocess.run(asked, check=False, capture_output=True, text=True, timeout=30)
        if found := re.search(r"(?m)^ExaBGP *: *(\d+)", said.stdout):
            return int(found[1])
    return 0


@cache
def find_exabgp(version: int) -> str | None:
    """An ExaBGP of this major version, wherever ``./run`` or somebody has put one."""
    beside = [Path(sys.executable).parent / "exabgp", shutil.which("exabgp")]
    named = os.environ.get(VARIABLE, "").split(os.pathsep)
    for place in (*named, *beside, *(PACKAGE_ROOT / place for place in PLACES)):
        if place and os.access(place, os.X_OK) and version_of(str(place)) == version:
            return str(place)
    return None


class ExaBgp:
    """ExaBGP on one host.

    Args:
        wrapper: The wrapper of the host, whose addresses are announced.
        program: Which ExaBGP.
        bgp: How BGP is spoken in the lab.
        watchdog: The routes stand in ExaBGP's configuration, each with a watchdog.
    """

    def __init__(
        self,
        wrapper: Wrapper,
        program: str,
        bgp: Bgp,
        *,
        watchdog: bool = False,
    ) -> None:
        self.wrapper = wrapper
        self.host = wrapper.host
        self.directory = self.host.directory / "exabgp"
        self.directory.mkdir(exist_ok=True)
        self.config = self.directory / "exabgp.conf"
        self._program = program
        self._process: subprocess.Popen[str] | None = None
        self.config.write_text(self._text(bgp, watchdog=watchdog), encoding="ascii")

    def start(self) -> None:
        """Start it, and with it the process that follows the wrapper."""
        environment = [f"{name}={value}" for name, value in SETTINGS.items()]
        do = ["server"] if version_of(self._program) >= 5 else []
        argv = ["env", *environment, self._program, *do, str(self.config)]
        with (self.directory / "log").open("a", encoding="utf-8") as output:
            self._process = self.host.popen(argv, stdout=output, stderr=output)
        self.await_child()

    @property
    def pid(self) -> int:
        """Its own."""
        if self._process is None:
            raise LookupError("ExaBGP does not run")
        return self._process.pid

    def child(self) -> int:
        """The pid of the process that it runs for us.

        Raises:
            LookupError: there is none.
        """
        for one in psutil.Process(self.pid).children():
            if one.status() != psutil.STATUS_ZOMBIE and "anycast_wrapper" in one.cmdline():
                return int(one.pid)
        raise LookupError("no process of ours")

    def await_child(self, other_than: int = 0) -> int:
        """Wait until it runs, the one that takes the place of a dead one if asked for."""

        def found() -> int:
            try:
                pid = self.child()
            except psutil.NoSuchProcess:
                return 0
            return pid if pid != other_than else 0

        return eventually(found, awaiting=f"the process of ExaBGP on {self.host.name}")

    def kill_child(self, signum: int = signal.SIGKILL) -> int:
        """Send the process a signal; its pid."""
        pid = self.child()
        run(["kill", f"-{int(signum)}", str(pid)])
        return pid

    def kill(self, signum: int = signal.SIGKILL) -> None:
        """Send ExaBGP a signal, and wait for its end unless the signal is a pause."""
        run(["kill", f"-{int(signum)}", str(self.pid)])
        if signum not in (signal.SIGSTOP, signal.SIGCONT, signal.SIGUSR1, signal.SIGUSR2):
            if self._process is not None:
                self._process.wait(timeout=10)
            self._process = None

    def log(self) -> str:
        """What it and its process have written."""
        path = self.directory / "log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def _text(self, bgp: Bgp, *, watchdog: bool) -> str:
        command = f"{sys.executable} -m anycast_wrapper -c {self.wrapper.config} exabgp"
        parts = [f"process anycast-wrap {{\n  run {command};\n  encoder text;\n}}\n"]
        for family, local, gateway in (
            (4, self.host.address, GATEWAY),
            (6, self.host.address6, GATEWAY6),
        ):
            routes = self._static(family) if watchdog else ""
            parts.append(f"""neighbor {gateway} {{
  router-id {self.host.address};
  local-address {local};
  local-as {bgp.hosts_as};
  peer-as {GATEWAY_AS};
  hold-time {bgp.hold};
  family {{ ipv{family} unicast; }}
  api {{ processes [ anycast-wrap ]; }}
{routes}}}
""")
        return "".join(parts)

    def _static(self, family: int) -> str:
        lines = [
            f"    route {host_prefix(address)} next-hop self {words} watchdog resolver{group} "
            "withdraw;\n"
            for address in self.wrapper.addresses
            if (6 if ":" in address else 4) == family
            for group, words in ATTRIBUTES.items()
        ]
        return f"  static {{\n{''.join(lines)}  }}\n"
