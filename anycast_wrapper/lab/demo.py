"""The main job as a story for a terminal: ``python -m anycast_wrapper.lab.demo``, as root.

Two hosts serve one IPv4 and one IPv6 address with real FRR, BIND and wrappers, in namespaces and
under load. host1 loses its named, is restarted, and loses its wrapper; what that cost is counted.
"""

import re
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

from anycast_wrapper.lab.bind import program
from anycast_wrapper.lab.frrconfig import DAEMON_DIR
from anycast_wrapper.lab.load import Load
from anycast_wrapper.lab.measure import measure_protocol_time
from anycast_wrapper.lab.namespace import run
from anycast_wrapper.lab.topology import Lab, missing
from anycast_wrapper.lab.wrapper import Wrapper

ADDRESSES = ("192.0.2.53", "2001:db8:53::53")
RATE, TCP_RATE = 2000.0, 20.0
PROMPT = 4.0  # seconds: it takes 15 ms, but a command has to start; a lost LSA would take 5 s
MARGIN = 0.05  # seconds by which the notice of a route may lag behind the route
PACKAGES = {"FRR": "frr", "vtysh": "frr", "named": "bind9", "ip": "iproute2"}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
FAILED, NOT_PERMITTED, NOT_INSTALLED = 1, 4, 5
TROUBLE = (AssertionError, RuntimeError, OSError, LookupError, subprocess.SubprocessError)
PICTURE = """
                        +-- host1   named, anycast-wrap, ospfd, ospf6d
    client --- gateway -+
               (ECMP)   +-- host2   named, anycast-wrap, ospfd, ospf6d
"""
ROW = "{:<23}  {:>7}  {:>4}  {:>16}  {}"
HEADINGS = ROW.format("step", "queries", "lost", "route gone after", "answered by")
FOOTNOTE = """\
restart: counted from the command, which takes its time to start.
OSPF alone, link down by hand: {:.1f} ms."""


class DemoError(RuntimeError):
    """A step did not reach what it should."""


@dataclass(frozen=True)
class Step:
    """A line of the table at the end.

    Attributes:
        name: What was done.
        sent: How many queries were sent meanwhile.
        lost: How many of them, over UDP, had no good answer within a second.
        gone: Seconds until no address led to host1; None where it stayed.
        answered: Good answers by server, while host1 was away if it was.
    """

    name: str
    sent: int
    lost: int
    gone: float | None
    answered: Counter[str]

    def __str__(self) -> str:
        gone = "-" if self.gone is None else f"{self.gone * 1e3:.1f} ms"
        total = self.answered.total()
        shares = ", ".join(f"{name} {n / total:.0%}" for name, n in sorted(self.answered.items()))
        return ROW.format(self.name, self.sent, self.lost, gone, shares)


class Demo:
    """The story: every method is a chapter.

    Args:
        lab: Two hosts, up.
        say: Tells a line.
    """

    def __init__(self, lab: Lab, say: Callable[[str], None]) -> None:
        self.lab = lab
        self.say = say
        self.wrappers = [Wrapper(host, ADDRESSES, linger="2s") for host in lab.hosts]
        self.one = self.wrappers[0]

    def announce(self) -> None:
        """Both hosts start and are announced."""
        for wrapper in self.wrappers:
            self.say(f"{wrapper.host.name}: anycast-wrap start")
            wrapper.start()
        for address in ADDRESSES:
            self.lab.gateway.await_nodes(address, {"host1", "host2"})
        self.say(f"the gateway spreads {' and '.join(ADDRESSES)} over host1 and host2")
        if " BUT " in self.show_status():
            raise DemoError("the gateway has the routes, and host1's status says otherwise")
        self.lab.mend_ipv6()

    def share(self) -> Step:
        """Nothing happens."""
        self.say(f"the client asks {RATE:.0f} times a second over UDP, {TCP_RATE:.0f} over TCP")
        with Load(self.lab.client, ADDRESSES, rate=RATE, tcp_rate=TCP_RATE) as load:
            self.lab.await_quiet()
        results = load.results
        step = Step("both announced", results.sent, results.lost_over_udp, None, results.by_server)
        self._conclude(step, {"host1", "host2"}, most=0)
        return step

    def kill_named(self) -> Step:
        """The name server of one host dies."""
        words = f"kill -9 {self.one.daemon_pid} (named)"
        step = self._take_away("kill -9 of named", words, self.one.kill_daemon, self.show_status)
        self._conclude(step, {"host2"}, most=int(RATE / 2))
        self.show_status()
        return step

    def restart(self) -> Step:
        """An operator restarts one host's service."""
        words = "anycast-wrap restart: withdraw, linger 2 s, stop named, start it, prove, announce"
        step = self._take_away("anycast-wrap restart", words, lambda: self.one("restart"))
        self._conclude(step, {"host2"}, most=0)
        return step

    def kill_wrapper(self) -> Step:
        """The wrapper of one host dies, and its named does not."""
        named = self.one.daemon_pid
        words = f"kill -9 {self.one.pid} (anycast-wrap itself), then anycast-wrap start"
        step = self._take_away("kill -9 of anycast-wrap", words, self.one.kill, self.one.start)
        self._conclude(step, {"host2"}, most=0)
        if self.one.daemon_pid != named:
            raise DemoError(f"named {named} was replaced by {self.one.daemon_pid}, not adopted")
        self.say(f"host1: named, pid {named}, went on all the while: the new wrapper adopted it")
        return step

    def show_status(self) -> str:
        """What an operator on host1 sees."""
        done = self.one("status", check=False)
        self.say(f"host1: anycast-wrap status (exit status {done.returncode})")
        print(textwrap.indent(done.stdout.rstrip(), " " * 9 + "| "), flush=True)
        return done.stdout

    def _take_away(
        self,
        name: str,
        words: str,
        leave: Callable[[], object],
        meanwhile: Callable[[], object] = lambda: None,
    ) -> Step:
        """Make host1 leave under load, and wait until it is back."""
        load = Load(self.lab.client, ADDRESSES, rate=RATE, tcp_rate=TCP_RATE)
        with self.lab.gateway.route_log() as log, load:
            self.lab.await_quiet()
            self.say(f"host1: {words}")
            began = time.monotonic()
            leave()
            gone = {a: log.await_gone("host1", a, began, within=10 * PROMPT) for a in ADDRESSES}
            worst = max(gone.values())
            self.say(f"gateway: nothing led to host1 after {worst * 1e3:.1f} ms; host2 had it all")
            meanwhile()
            left = {a: began + after + MARGIN for a, after in gone.items()}
            back = min(at + log.await_came("host1", a, at) for a, at in left.items())
            self.say(f"gateway: host1 is back, {back - began - worst:.1f} s after it left")
            self.lab.await_quiet()
        if worst > PROMPT:
            raise DemoError(f"{name}: the route to host1 was gone only after {worst:.1f} s")
        answered = load.results.by_server_between(began + worst, back - MARGIN)
        if torn := load.results.torn:
            self.say(f"client: {torn} TCP connections that were open were hashed to another node")
        return Step(name, load.results.sent, load.results.lost_over_udp, worst, answered)

    def _conclude(self, step: Step, servers: set[str], *, most: int) -> None:
        """Tell how a step went, and raise if it should not have gone so."""
        who = " and ".join(sorted(step.answered))
        meanwhile = "" if step.gone is None else " while host1 was away"
        self.say(f"client: {step.lost} of {step.sent} queries lost; {who} answered{meanwhile}")
        if step.lost > most:
            raise DemoError(f"{step.name}: {step.lost} queries were lost, expected at most {most}")
        if set(step.answered) != servers:
            wanted = " and ".join(sorted(servers))
            raise DemoError(f"{step.name}: answered by {who or 'nobody'} instead of {wanted}")


def tell() -> None:
    """The whole story."""
    started = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s {line}", flush=True)

    frr = run([str(DAEMON_DIR / "zebra"), "--version"]).stdout.split()[2]
    bind = run([program("named") or "named", "-v"]).stdout.split()[1].split("-")[0]
    print(f"Two hosts, one service: FRR {frr} and BIND {bind} in network namespaces.\n{PICTURE}")
    say("making namespaces, cables and routing daemons")
    with Lab() as lab:
        try:
            say("OSPF has converged; LSA timers are at their defaults")
            alone = measure_protocol_time(lab, lab.hosts[0], rounds=1)
            say(f"for comparison: link down by hand, route gone after {alone * 1e3:.1f} ms")
            lab.await_quiet()
            demo = Demo(lab, say)
            demo.announce()
            steps = [demo.share(), demo.kill_named(), demo.restart(), demo.kill_wrapper()]
        finally:
            _ignore_signals()
    say("all of it removed again")
    print("", HEADINGS, *steps, "", FOOTNOTE.format(alone * 1e3), sep="\n", flush=True)


def main() -> int:
    """Tell it, or say in one sentence why not; the exit status."""
    lacks = missing()
    if "root" in lacks:
        return _give_up("must be run as root, for network namespaces", NOT_PERMITTED)
    if lacks:
        words = re.findall(r"\w+", " ".join(lacks))
        packages = sorted({PACKAGES[word] for word in words if word in PACKAGES})
        hint = f"; on Debian: apt-get install {' '.join(packages)}" if packages else ""
        return _give_up(f"this machine lacks {', '.join(lacks)}{hint}", NOT_INSTALLED)
    for each in SIGNALS:
        if signal.getsignal(each) is not signal.SIG_IGN:  # as nohup sets it
            signal.signal(each, _interrupt)
    try:
        tell()
    except KeyboardInterrupt as interrupt:
        signum = signal.Signals(interrupt.args[0])
        return _give_up(f"stopped by {signum.name}; everything is removed again", 128 + signum)
    except TROUBLE as error:
        return _give_up(f"{type(error).__name__}: {' '.join(str(error).split())[:600]}", FAILED)
    return 0


def _interrupt(signum: int, _frame: FrameType | None) -> None:
    _ignore_signals()
    raise KeyboardInterrupt(signum)


def _ignore_signals() -> None:
    """From here on everything is removed; a second Ctrl-C shall not leave half of it behind."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)


def _give_up(sentence: str, status: int) -> int:
    print(f"demo: {sentence}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
