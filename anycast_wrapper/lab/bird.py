"""BIRD in a namespace: one daemon for OSPFv2, OSPFv3 and BGP, and birdc to ask it.

It runs as user bird, as it does from its package. The rank interfaces are taken up by BIRD's
protocol ``direct`` and exported from there: `docs/bird.rst` says why an OSPF interface that is a
stub would be too slow.
"""

import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from anycast_wrapper.lab.bgp import GATEWAY_AS, RANKS, Bgp
from anycast_wrapper.lab.bind import program
from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.frrconfig import OspfTimers
from anycast_wrapper.lab.namespace import Namespace, run

USER = "bird"
LAST_RESORT_METRIC = 60000


@dataclass(frozen=True)
class BirdConfig:
    """What BIRD is told on a host.

    Attributes:
        router_id: An IPv4 address.
        interfaces: The rank interfaces, strongest first; one that is further back loses against
            those before it.
        timers: For the OSPF neighbours.
        bgp: BGP instead of OSPF, if there is any.
        sessions: With BGP, our own address and the gateway's, for each family.
        stub: OSPF has the rank interfaces as stubs of its own, and nothing is exported: slow, and
            only there to be measured.
        retransmit: Seconds after which OSPF repeats what is not acknowledged.
    """

    router_id: str
    interfaces: tuple[str, ...]
    timers: OspfTimers = OspfTimers()  # noqa: RUF009 - frozen
    bgp: Bgp | None = None
    sessions: tuple[tuple[str, str], ...] = ()
    stub: bool = False
    retransmit: int = 2

    def text(self) -> str:
        """The configuration file."""
        lines = [
            f"router id {self.router_id};",
            "debug protocols { states };",
            "protocol device { }",
            *(
                f"protocol kernel {{ {table} {{ import none; export where net = {default}; }}; }}"
                for table, default in (("ipv4", "0.0.0.0/0"), ("ipv6", "::/0"))
            ),
        ]
        if not self.stub:
            lines += self._direct()
        lines += self._ospf() if self.bgp is None else self._bgp(self.bgp)
        return "".join(f"{line}\n" for line in lines)

    def _direct(self) -> list[str]:
        """What is on the rank interfaces, as long as they are up; the strongest of them is best."""
        names = ", ".join(f'"{name}"' for name in self.interfaces)
        return [
            "filter by_rank {",
            *(
                f'  if ifname = "{name}" then preference = {240 - place};'
                for place, name in enumerate(self.interfaces)
            ),
            "  accept;",
            "}",
            "protocol direct ranks {",
            f"  interface {names};",
            "  check link;",
            "  ipv4 { import filter by_rank; };",
            "  ipv6 { import filter by_rank; };",
            "}",
        ]

    def _ospf(self) -> list[str]:
        weak = RANKS[-1][0]
        lines = [
            "filter announced {",
            '  if proto != "ranks" then reject;',
            f'  if ifname = "{weak}" then ospf_metric1 = {LAST_RESORT_METRIC};',
            "  else ospf_metric1 = 10;",
            "  accept;",
            "}",
        ]
        export = "none" if self.stub else "filter announced"
        for version, table in ((2, "ipv4"), (3, "ipv6")):
            lines += [
                f"protocol ospf v{version} ospf{version} {{",
                f"  {table} {{ import all; export {export}; }};",
                "  area 0 {",
                *self._lan(),
                *(self._stub(name) for name in self.interfaces if self.stub),
                "  };",
                "}",
            ]
        return lines

    def _lan(self) -> list[str]:
        return [
            '    interface "lan" {',
            f"      hello {self.timers.hello}; dead {self.timers.dead};",
            f"      priority 0; retransmit {self.retransmit};",
            "    };",
        ]

    @staticmethod
    def _stub(name: str) -> str:
        cost = LAST_RESORT_METRIC if name == RANKS[-1][0] else 10
        return f'    interface "{name}" {{ stub; cost {cost}; check link; }};'

    def _bgp(self, bgp: Bgp) -> list[str]:
        lines = ["filter announced {", '  if proto != "ranks" then reject;']
        for name, preference, metric in RANKS:
            attributes = f"bgp_local_pref = {preference}; bgp_med = {metric};"
            lines += [f'  if ifname = "{name}" then {{ {attributes} accept; }}']
        lines += ["  reject;", "}"]
        for mine, gateway in self.sessions:
            family = 6 if ":" in mine else 4
            lines += [
                f"protocol bgp gateway{family} {{",
                f"  local {mine} as {bgp.hosts_as};",
                f"  neighbor {gateway} as {GATEWAY_AS};",
                "  direct;",
                f"  hold time {bgp.hold}; keepalive time {bgp.keepalive};",
                "  connect delay time 1; connect retry time 1; error wait time 1, 5;",
                f"  ipv{family} {{ import all; export filter announced; add paths rx; }};",
                "}",
            ]
        return lines


class Bird:
    """The routing daemon of one host.

    Args:
        namespace: Where it runs.
        directory: Private to it: configuration, socket, log.
        config: What it is told; written at once.
    """

    def __init__(self, namespace: Namespace, directory: Path, config: BirdConfig) -> None:
        self.namespace = namespace
        self.directory = directory
        self.process: subprocess.Popen[str] | None = None
        directory.mkdir(parents=True)
        self.configure(config)
        shutil.chown(directory, USER, USER)

    @property
    def socket(self) -> Path:
        """Where it takes commands."""
        return self.directory / "bird.ctl"

    def configure(self, config: BirdConfig) -> None:
        """Write its configuration anew; it reads that when it starts or is told to."""
        self._path("bird.conf").write_text(config.text(), encoding="ascii")

    def start(self) -> None:
        """Start it, and wait until it takes commands."""
        argv = [
            *(program("bird") or "bird", "-f", "-u", USER, "-g", USER),
            *("-c", str(self._path("bird.conf"))),
            *("-s", str(self.socket), "-P", str(self._path("bird.pid"))),
        ]
        with self._path("bird.log").open("a", encoding="utf-8") as output:
            self.process = self.namespace.popen(argv, stdout=output, stderr=output)
        eventually(self._says_up, awaiting=f"BIRD in {self.namespace.name}", seen=self.log)

    def kill(self, signum: int = signal.SIGKILL) -> None:
        """Send it a signal; wait for its end unless the signal is a pause."""
        if self.process is None:
            return
        self.process.send_signal(signum)
        if signum in (signal.SIGSTOP, signal.SIGCONT):
            return
        self.process.wait(timeout=10)
        self.process = None

    def birdc(self, command: str) -> str:
        """Run one command through birdc, and return what it printed."""
        return run(["birdc", "-s", str(self.socket), *command.split()], check=False).stdout

    def log(self) -> str:
        """What it wrote, the last lines."""
        return self._path("bird.log").read_text(encoding="utf-8", errors="replace")[-2000:]

    def _says_up(self) -> bool:
        return "Daemon is up and running" in self.birdc("show status")

    def _path(self, name: str) -> Path:
        return self.directory / name


def rank_interfaces(more: Sequence[str] = ()) -> tuple[str, ...]:
    """The rank interfaces, strongest first, with others before the weakest."""
    strong, weak = RANKS[0][0], RANKS[-1][0]
    return (strong, *more, weak)
