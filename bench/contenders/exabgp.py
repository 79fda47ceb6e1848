"""ExaBGP with a child that decides: its own healthcheck, or the watchdog of 2012."""

import signal
import subprocess
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import psutil

from anycast_wrapper.lab.host import Host
from bench.peers import ENVIRONMENT

from .beside import PLAIN_CHECK, STRICT_CHECK, ZONE, Beside
from .bgp import AS, GATEWAY, HOLD_TIME
from .model import ADDRESS, TOOLS, Contender
from .processes import await_child, descendants, end, spawn

PROGRAM = ENVIRONMENT / "bin" / "exabgp"
PYTHON = ENVIRONMENT / "bin" / "python"
SETTINGS: Mapping[str, str] = {"exabgp_daemon_user": "root", "exabgp_api_cli": "false"}
"""Its defaults, but for the user, who may not drop privileges into a lab's directories, and for the
pipes of a client that nobody uses here."""


def configuration(address: str, run: str, static: str = "") -> str:
    """ExaBGP's file: the gateway, and the child whose word counts."""
    return f"""process decide {{
  run {run};
  encoder text;
}}
neighbor {GATEWAY} {{
  router-id {address};
  local-address {address};
  local-as {AS};
  peer-as {AS};
  hold-time {HOLD_TIME};
  family {{ ipv4 unicast; }}
  api {{ processes [ decide ]; }}
  {static}
}}
"""


class ExaBgp(Beside):
    """ExaBGP and its child on one host.

    Args:
        host: Where.
        mark: What the child's command line has in it.
    """

    def __init__(self, host: Host, mark: str) -> None:
        super().__init__(host)
        self._mark = mark
        self._exabgp: subprocess.Popen[str] | None = None

    @abstractmethod
    def text(self) -> str:
        """ExaBGP's configuration."""

    def start_tool(self) -> None:
        """Start it."""
        config = self.directory / "exabgp.conf"
        config.write_text(self.text(), encoding="ascii")
        settings = [f"{name}={value}" for name, value in SETTINGS.items()]
        argv: list[str | Path] = ["env", *settings, PROGRAM, "server", config]
        self._exabgp = spawn(self.host, argv, self.log)
        await_child(self._exabgp.pid, self._is_child, f"the child of ExaBGP on {self.host.name}")

    def end_tool(self) -> None:
        """End it; the session ends with it, and the route with the session."""
        end(self._exabgp)

    def checkers(self) -> list[int]:
        """The child."""
        if self._exabgp is None:
            return []
        return [child.pid for child in descendants(self._exabgp.pid) if self._is_child(child)]

    def processes(self) -> dict[str, int]:
        """Both."""
        if self._exabgp is None:
            return {}
        return {"exabgp": self._exabgp.pid, self._mark: self.checkers()[0]}

    def _is_child(self, process: psutil.Process) -> bool:
        try:
            return any(self._mark in word for word in process.cmdline())
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            return False


class Healthcheck(ExaBgp):
    """``exabgp healthcheck``.

    Args:
        host: Where.
        options: For its command line, beside the address and the check.
        check: What it runs.
    """

    def __init__(self, host: Host, options: Sequence[str] = (), check: str = PLAIN_CHECK) -> None:
        super().__init__(host, "healthcheck")
        self._options = tuple(options)
        self._check = check
        self._disable = self.directory / "disable"

    def text(self) -> str:
        """The child announces by itself."""
        words = ["--no-syslog", "--no-ip-setup", f"--ip {ADDRESS}/32", f"--disable {self._disable}"]
        words += [*self._options, f'--cmd "{self._check}"']
        return configuration(self.host.address, f"{PROGRAM} healthcheck {' '.join(words)}")

    def start_tool(self) -> None:
        """Start it, not disabled."""
        self._disable.unlink(missing_ok=True)
        super().start_tool()

    def withdraw(self, await_gone: Callable[[], None]) -> None:
        """Create the file that disables it, and wait."""
        self._disable.touch()
        await_gone()


class Watchdog(ExaBgp):
    """The watchdog that connects, asks for the SOA, and sleeps.

    Args:
        host: Where.
        interval: Seconds that it sleeps.
    """

    def __init__(self, host: Host, interval: float) -> None:
        super().__init__(host, "watchdog.py")
        self._interval = interval

    def text(self) -> str:
        """The route is withdrawn until the child says otherwise."""
        run = f"{PYTHON} {TOOLS / 'watchdog.py'} {ADDRESS} {ZONE} {self._interval:g}"
        next_hop = self.host.address
        route = f"route {ADDRESS}/32 next-hop {next_hop} watchdog anycastdns withdraw;"
        return configuration(self.host.address, run, f"static {{ {route} }}")

    def withdraw(self, await_gone: Callable[[], None]) -> None:
        """End ExaBGP: there is no other way."""
        end(self._exabgp, signal.SIGTERM)
        await_gone()


TIGHT = ("--interval 1", "--fast-interval 1", "--timeout 1", "--rise 1", "--fall 1")
NEEDS = (PROGRAM, "/usr/lib/frr/bgpd", "/usr/bin/dig")

CONTENDERS = (
    Contender(
        "exabgp-default",
        "exabgp healthcheck",
        "default",
        "every 5 s, fall 3, MED 1000 when down; dig's exit status",
        interval=5,
        cap=20,
        deploy=Healthcheck,
        needs=NEEDS,
    ),
    Contender(
        "exabgp-tight",
        "exabgp healthcheck",
        "tight",
        "every second, fall 1, withdraws when down; NOERROR",
        interval=1,
        cap=15,
        deploy=partial(Healthcheck, options=(*TIGHT, "--withdraw-on-down"), check=STRICT_CHECK),
        needs=NEEDS,
    ),
    Contender(
        "watchdog-default",
        "watchdog, ExaBGP",
        "default",
        "every 10 s, TCP and SOA within 2 s",
        interval=10,
        cap=25,
        deploy=partial(Watchdog, interval=10),
        needs=(PROGRAM, "/usr/lib/frr/bgpd"),
    ),
    Contender(
        "watchdog-tight",
        "watchdog, ExaBGP",
        "tight",
        "every second, TCP and SOA within 2 s",
        interval=1,
        cap=15,
        deploy=partial(Watchdog, interval=1),
        needs=(PROGRAM, "/usr/lib/frr/bgpd"),
    ),
)
