"""anycast-healthchecker with BIRD 2, BGP to the gateway, set up as its README has it."""

import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from anycast_wrapper.lab.bind import program
from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.host import Host
from bench.peers import ENVIRONMENT

from .beside import PLAIN_CHECK, STRICT_CHECK, Beside
from .bgp import AS, GATEWAY, HOLD_TIME
from .model import ADDRESS, Contender
from .processes import end, spawn

VARIABLE = "ACAST_PS_ADVERTISE"
DUMMY = "10.189.200.255/32"
PROGRAM = ENVIRONMENT / "bin" / "anycast-healthchecker"


@dataclass(frozen=True)
class Check:
    """What its configuration says of a check; the defaults are its own.

    Attributes:
        command: What to run.
        interval: Seconds from check to check.
        timeout: Seconds that one may take.
        rise: Good ones to go up.
        fail: Bad ones to go down.
    """

    command: str = PLAIN_CHECK
    interval: float = 10
    timeout: float = 2
    rise: int = 2
    fail: int = 2

    def lines(self, *, disabled: bool = False) -> list[str]:
        """The section of this service."""
        return [
            "[resolver]",
            f"check_cmd = {self.command}",
            f"check_interval = {self.interval:g}",
            f"check_timeout = {self.timeout:g}",
            f"check_rise = {self.rise}",
            f"check_fail = {self.fail}",
            f"check_disabled = {str(disabled).lower()}",
            "on_disabled = withdraw",
            f"ip_prefix = {ADDRESS}/32",
        ]


def bird_configuration(directory: str, address: str) -> str:
    """BIRD's file: what is on ``lo`` and in the list goes to the gateway."""
    return f"""log "{directory}/bird.log" all;
router id {address};
include "{directory}/prefixes.conf";
function match_route() {{ return net ~ {VARIABLE}; }}
protocol device {{ scan time 10; }}
protocol direct direct1 {{ interface "lo"; ipv4 {{ import all; export none; }}; }}
protocol bgp upstream {{
  local {address} as {AS};
  neighbor {GATEWAY} as {AS};
  direct;
  hold time {HOLD_TIME};
  connect delay time 1;
  ipv4 {{ import none; export where match_route(); next hop self; }};
}}
"""


def tool_configuration(directory: str, check: Check, *, disabled: bool = False) -> str:
    """The checker's file: its defaults, but for where things are."""
    lines = [
        "[DEFAULT]",
        "interface = lo",
        "[daemon]",
        f"pidfile = {directory}/checker.pid",
        f"bird_conf = {directory}/prefixes.conf",
        f"bird_variable = {VARIABLE}",
        f"bird_reconfigure_cmd = {program('birdc') or 'birdc'} -s {directory}/bird.ctl configure",
        f"dummy_ip_prefix = {DUMMY}",
        *check.lines(disabled=disabled),
    ]
    return "".join(f"{line}\n" for line in lines)


class HealthChecker(Beside):
    """The checker and its BIRD on one host.

    Args:
        host: Where.
        check: How it is told to check.
    """

    def __init__(self, host: Host, check: Check) -> None:
        super().__init__(host)
        self._check = check
        self._bird: subprocess.Popen[str] | None = None
        self._checker: subprocess.Popen[str] | None = None
        (self.directory / "services").mkdir(exist_ok=True)

    def start_tool(self) -> None:
        """Start BIRD, unless it runs, and the checker."""
        if self._bird is None:
            self._start_bird()
        self._configure()
        self._start_checker()

    def end_tool(self) -> None:
        """End the checker and clear its list; BIRD stays, as it would."""
        end(self._checker)
        self._clear_list()
        self._reconfigure_bird()

    def withdraw(self, await_gone: Callable[[], None]) -> None:
        """Disable the check and restart the checker: what its README offers for maintenance."""
        self._configure(disabled=True)
        end(self._checker, signal.SIGTERM)
        self._start_checker()
        await_gone()

    def checkers(self) -> list[int]:
        """The checker; BIRD is a routing daemon."""
        return [self._checker.pid] if self._checker else []

    def processes(self) -> dict[str, int]:
        """Both."""
        both = {"anycast-healthchecker": self._checker, "bird": self._bird}
        return {name: process.pid for name, process in both.items() if process}

    def _start_bird(self) -> None:
        text = bird_configuration(str(self.directory), self.host.address)
        (self.directory / "bird.conf").write_text(text, encoding="ascii")
        self._clear_list()
        bird = program("bird") or "bird"
        config, control = self.directory / "bird.conf", self.directory / "bird.ctl"
        self._bird = spawn(self.host, [bird, "-f", "-c", config, "-s", control], self.log)
        eventually(self._reconfigure_bird, awaiting=f"BIRD on {self.host.name}")

    def _reconfigure_bird(self) -> bool:
        client = program("birdc") or "birdc"
        argv = [client, "-s", str(self.directory / "bird.ctl"), "configure"]
        return self.host.run(argv, check=False).returncode == 0

    def _clear_list(self) -> None:
        text = f"define {VARIABLE} =\n    [\n        {DUMMY}\n    ];\n"
        (self.directory / "prefixes.conf").write_text(text, encoding="ascii")

    def _configure(self, *, disabled: bool = False) -> None:
        text = tool_configuration(str(self.directory), self._check, disabled=disabled)
        (self.directory / "checker.conf").write_text(text, encoding="ascii")

    def _start_checker(self) -> None:
        config, services = self.directory / "checker.conf", self.directory / "services"
        self._checker = spawn(self.host, [PROGRAM, "-f", config, "-d", services], self.log)


TIGHT = Check(STRICT_CHECK, interval=1, timeout=1, rise=1, fail=1)
NEEDS = (PROGRAM, "bird", "birdc", "/usr/bin/dig")

CONTENDERS = (
    Contender(
        "ahc-default",
        "anycast-healthchecker, BIRD",
        "default",
        "every 10 s, fail 2; dig's exit status",
        interval=10,
        cap=30,
        deploy=partial(HealthChecker, check=Check()),
        needs=NEEDS,
    ),
    Contender(
        "ahc-tight",
        "anycast-healthchecker, BIRD",
        "tight",
        "every second, fail 1; NOERROR",
        interval=1,
        cap=15,
        deploy=partial(HealthChecker, check=TIGHT),
        needs=NEEDS,
    ),
)
