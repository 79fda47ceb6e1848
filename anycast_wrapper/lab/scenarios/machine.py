"""The machine under the node: its clock, its disk, its memory, its processors, its limits."""

import contextlib
import os
import pwd
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psutil

from anycast_wrapper.lab.bind import named_user
from anycast_wrapper.lab.fakeclock import FakeClock
from anycast_wrapper.lab.namespace import run
from anycast_wrapper.lab.play import Play
from anycast_wrapper.lab.scenarios.model import Expected, Fault, Scenario, Stage

BUSY_SECONDS = 12.0
RESTART = 6.0
SMALL = ("192.0.2.53", "2001:db8:53::53")
BIG_ZONE_RECORDS = 300_000


def clock_stepped(seconds: int) -> Fault:
    """The wall clock of one node jumps; a little later its named dies."""

    @contextmanager
    def fault(play: Play) -> Iterator[None]:
        clock = FakeClock(play.one.host.directory)
        stepped = play.now
        play.mark(f"the wrapper's clock is stepped by {seconds:+d} s", play.victims[0])
        play.step_clock(clock, seconds)
        try:
            play.hold(3.0)
            play.require_unmoved(stepped)
            play.begin("kill -9 of named, as it must still be seen")
            play.one.kill_daemon()
            yield
            play.hold(RESTART)
        finally:
            play.mark("the clock is right again", play.victims[0])
            play.step_clock(clock, 0)
            play.hold(2.0)

    return fault


@contextmanager
def disk_full(play: Play) -> Iterator[None]:
    """No byte can be written where the wrapper keeps its files; then named dies."""
    filler = play.one.directory / "filler"
    try:
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 4096)
        play.mark("the disk of the wrapper's files is full", play.victims[0])
        filled = play.now
        play.hold(2.0)
        play.require_unmoved(filled)
        play.begin("kill -9 of named, with a full disk")
        play.one.kill_daemon()
        yield
        play.await_back(play.began + play.cluster.bound, RESTART)
        play.mark("back, with the disk still full", play.victims[0])
    finally:
        play.mend("there is room again")
        filler.unlink(missing_ok=True)


@contextmanager
def no_descriptors(play: Play) -> Iterator[None]:
    """The running wrapper can open nothing more."""
    pid = play.one.pid
    used = psutil.Process(pid).num_fds()
    limit = resource.RLIMIT_NOFILE
    before = resource.prlimit(pid, limit)
    play.begin(f"prlimit --nofile={used}: the wrapper can open nothing more")
    resource.prlimit(pid, limit, (used, before[1]))
    try:
        yield
        play.hold(2.0)
    finally:
        play.mend("the limit is what it was")
        resource.prlimit(pid, limit, before)


@contextmanager
def no_memory(play: Play) -> Iterator[None]:
    """The name server is to load a zone for which it gets no memory."""
    dns = play.one.host.dns
    zone = dns.directory / "example.test.zone"
    before = zone.read_text(encoding="ascii")
    records = "".join(f"n{number} A 192.0.2.1\n" for number in range(BIG_ZONE_RECORDS))
    pid = play.one.daemon_pid
    used = psutil.Process(pid).memory_info().vms
    zone.write_text(before.replace("hostmaster 1 ", "hostmaster 2 ") + records, encoding="ascii")
    try:
        play.begin("named loads a large zone, and gets no more memory")
        _limit_memory(pid, used + (8 << 20))
        os.kill(pid, signal.SIGHUP)
        yield
    finally:
        zone.write_text(before, encoding="ascii")


def _limit_memory(pid: int, most: int) -> None:
    """Set how many bytes a named may address from now on.

    As its own user, as root may do it to another's process only with CAP_SYS_RESOURCE, which a
    container's root has not.
    """
    user = pwd.getpwnam(named_user())
    run(
        [
            *("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"),
            *("prlimit", f"--pid={pid}", f"--as={most}:"),
        ]
    )


def busy(seconds: float) -> Fault:
    """Something else takes all processors there are."""

    @contextmanager
    def fault(play: Play) -> Iterator[None]:
        cores = os.cpu_count() or 1
        with ExitStack() as stack:
            play.begin(f"{cores} other processes compute, one for each processor")
            for _ in range(cores):
                burner = play.one.host.popen([sys.executable, "-c", "while True: pass"])
                stack.callback(burner.wait)
                stack.callback(burner.kill)
            play.hold(seconds)
            yield
        play.mark("they are gone")

    return fault


CLOCK = Stage(addresses=SMALL, fake_clock=True)
FULL = Stage(addresses=SMALL, small_disk=2048)

SCENARIOS = (
    Scenario(
        "clock-forward",
        "The wrapper's clock is stepped an hour forward, and its named dies afterwards.",
        clock_stepped(3600),
        Expected(0.15, prompt=True, back=RESTART),
        CLOCK,
        needs=("libfaketime",),
        slow=True,
    ),
    Scenario(
        "clock-back",
        "The wrapper's clock is stepped an hour back, and its named dies afterwards.",
        clock_stepped(-3600),
        Expected(0.15, prompt=True, back=RESTART),
        CLOCK,
        needs=("libfaketime",),
        slow=True,
    ),
    Scenario(
        "disk-full",
        "The disk is full: the node goes on, and still notices that its named dies.",
        disk_full,
        Expected(0.15, prompt=True),
        FULL,
    ),
    Scenario(
        "no-descriptors",
        "The wrapper runs out of file descriptors: it cannot probe, so it cannot vouch for named.",
        no_descriptors,
        Expected(gone=2.2, back=5.0, reason="probe-error"),
        slow=True,
    ),
    Scenario(
        "no-memory",
        "named runs out of memory while it loads a zone.",
        no_memory,
        Expected(2.2, gone=10.0, back=RESTART + 4.0, reason="daemon-exited"),
        # The zone of 300,000 records is named's own trouble; no other scenario is to wait for it.
        Stage(daemon='restart-delay = "600ms"'),
        slow=True,
    ),
    Scenario(
        "busy",
        f"All processors are busy with something else for {BUSY_SECONDS:g} s: no false alarm.",
        busy(BUSY_SECONDS),
        Expected(stays=True),
    ),
    Scenario(
        "busy-minute",
        "The same for a minute.",
        busy(60.0),
        Expected(stays=True),
        slow=True,
    ),
)
