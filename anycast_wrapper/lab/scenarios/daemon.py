"""What becomes of named and of the wrapper by themselves: killed, aborted, hung, slow, looping."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from anycast_wrapper.lab.cluster import pause
from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.play import Play
from anycast_wrapper.lab.scenarios.model import Expected, Fault, Scenario, Stage
from anycast_wrapper.lab.staging import launcher_directory
from anycast_wrapper.lab.watched import PATIENCE
from anycast_wrapper.lab.wrapper import PROBE, Wrapper

STILL, AWAKE = 0.14, 0.01
"""Seconds: shorter than what counts as no answer while the queue stands, so named is slow only."""

RESTART = 6.0
"""Seconds: the back-off of a first failure, named's start, and three addresses 1.1 s apart."""


def daemon_dies(number: signal.Signals) -> Fault:
    """The name server ends by a signal."""

    @contextmanager
    def fault(play: Play) -> Iterator[None]:
        pid = play.one.daemon_pid
        play.begin(f"kill -{number.name[3:]} {pid} (named)")
        play.one.kill_daemon(number)
        yield

    return fault


@contextmanager
def wrapper_killed(play: Play) -> Iterator[None]:
    """The wrapper is killed and, a moment later, started again."""
    named = play.one.daemon_pid
    play.begin(f"kill -9 {play.one.pid} (anycast-wrap)")
    play.one.kill()
    yield
    play.hold(1.5)
    play.mend("anycast-wrap start")
    play.one.start()
    play.require(play.one.daemon_pid == named, "named was replaced instead of adopted")


@contextmanager
def daemon_stops_itself(play: Play) -> Iterator[None]:
    """The name server is stopped by hand (``rndc stop``, SIGTERM): the wrapper ends with it."""
    play.begin("kill -TERM of named, as rndc stop does")
    play.one.kill_daemon(signal.SIGTERM)
    yield
    eventually(lambda: play.one("status", check=False).returncode == 3, awaiting="its end")
    play.hold(1.0)
    play.mend("anycast-wrap start")
    play.one.start()


@contextmanager
def daemon_hangs(play: Play) -> Iterator[None]:
    """The name server stands still and goes on later."""
    play.begin("kill -STOP of named")
    play.one.kill_daemon(signal.SIGSTOP)
    try:
        yield
        play.hold(1.5)
    finally:
        play.mend("kill -CONT of named")
        play.one.kill_daemon(signal.SIGCONT)


@contextmanager
def daemon_slow(play: Play) -> Iterator[None]:
    """The name server stands still for most of the time, and so answers late."""
    over = threading.Event()

    def stutter() -> None:
        while not over.is_set():
            play.one.kill_daemon(signal.SIGSTOP)
            over.wait(STILL)
            play.one.kill_daemon(signal.SIGCONT)
            over.wait(AWAKE)

    thread = threading.Thread(target=stutter, name="stutter")
    play.begin(f"named stands still {STILL * 1e3:g} ms of every {(STILL + AWAKE) * 1e3:g}")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        play.mend("named runs as it should")


def _flag(wrapper: Wrapper, name: str, text: str = "") -> None:
    (launcher_directory(wrapper.host) / name).write_text(text, encoding="ascii")


def _unflag(wrapper: Wrapper, name: str) -> None:
    (launcher_directory(wrapper.host) / name).unlink()


@contextmanager
def slow_start(play: Play) -> Iterator[None]:
    """The name server dies, and takes ten seconds to start again."""
    _flag(play.one, "slow", "10")
    try:
        play.begin("kill -9 of named, whose next start takes 10 s")
        play.one.kill_daemon()
        yield
        play.hold(9.0)
        play.require_unserved()
    finally:
        _unflag(play.one, "slow")


@contextmanager
def crash_loop(play: Play) -> Iterator[None]:
    """The name server dies, and every start of it for some seconds."""
    _flag(play.one, "crash")
    try:
        play.begin("kill -9 of named, which then exits at once at every start")
        play.one.kill_daemon()
        yield
        play.hold(5.0)
        play.require_unserved()
        restarts = play.one.status()["daemon"]["restarts"]
        play.mark(f"started {restarts} times in 5 s", play.victims[0])
        play.require(restarts <= 5, f"{restarts} starts in 5 s: no back-off")
    finally:
        _unflag(play.one, "crash")
        play.mend("named starts again")


@contextmanager
def dies_once_announced(play: Play) -> Iterator[None]:
    """The name server dies as soon as the routers have heard of it."""
    play.one("stop")
    play.hold(1.5)
    asked = time.monotonic()
    starting = play.one.popen()
    play.routes.await_came(play.victims[0], play.cluster.addresses[0], asked)
    pause(0.2)
    play.begin("kill -9 of named, 0.2 s after the first address was announced")
    play.one.kill_daemon()
    yield
    play.require(starting.poll() is None, "the wrapper ended")


@contextmanager
def wrapper_hangs(play: Play) -> Iterator[None]:
    """The wrapper stands still, and its watchdog notices."""
    play.begin(f"kill -STOP {play.one.pid} (anycast-wrap), watchdog {PATIENCE:g} s")
    play.one.kill(signal.SIGSTOP)
    yield
    play.hold(1.0)
    play.mend("started again, as systemd would")
    play.one.start()


LATENCY = PROBE.replace("aa = true", 'aa = true, max-latency = "40ms"')
LAUNCHED = Stage(launcher=True)
LATE_RESTART = Stage(
    addresses=("192.0.2.53", "2001:db8:53::53"),
    daemon='restart-delay = "10s"',
)

SCENARIOS = (
    Scenario(
        "kill-wrapper",
        "The wrapper is killed with SIGKILL; its named goes on and is adopted by the next one.",
        wrapper_killed,
        Expected(prompt=True, back=5.0),
        slow=True,
    ),
    Scenario(
        "kill-named",
        "named is killed with SIGKILL.",
        daemon_dies(signal.SIGKILL),
        Expected(outage=0.15, prompt=True, back=RESTART, reason="daemon-exited"),
        slow=True,
    ),
    Scenario(
        "abort-named",
        "named aborts (SIGABRT).",
        daemon_dies(signal.SIGABRT),
        Expected(outage=0.15, prompt=True, back=RESTART, reason="daemon-exited"),
        slow=True,
    ),
    Scenario(
        "stop-named",
        "named is stopped by hand, behind the wrapper's back.",
        daemon_stops_itself,
        Expected(outage=0.15, gone=1.0, back=5.0),
        slow=True,
    ),
    Scenario(
        "hang-named",
        "named hangs (SIGSTOP) and goes on later.",
        daemon_hangs,
        # The queue gives it away under any load; without one, two time-outs do, after 2.2 s.
        Expected(outage=1.0, gone=1.0, back=5.0, reason="probe-timeout"),
    ),
    Scenario(
        "slow-start",
        "named dies and takes 10 s to start again.",
        slow_start,
        Expected(outage=0.15, prompt=True, back=16.0, reason="daemon-exited"),
        LAUNCHED,
        slow=True,
    ),
    Scenario(
        "crash-loop",
        "named dies and exits at once at every new start.",
        crash_loop,
        Expected(outage=0.15, prompt=True, back=9.0, reason="daemon-exited"),
        LAUNCHED,
        slow=True,
    ),
    Scenario(
        "slow-answers",
        "named answers up to 140 ms late, and the probe allows 40 ms.",
        daemon_slow,
        # It takes luck to be fast twice, so some seconds may pass.
        Expected(gone=10.0, back=6.0, reason="probe-slow"),
        Stage(probe=LATENCY),
        slow=True,
    ),
    Scenario(
        "early-death",
        "named dies within a second of being announced, and stays away for 10 s.",
        dies_once_announced,
        Expected(10.0, gone=10.0, back=16.0, reason="daemon-exited"),
        LATE_RESTART,
        known="MinLSArrival: routers drop a change within 1 s of the last one and hear of it only "
        "when it is retransmitted, 5 s later",
        slow=True,
    ),
    Scenario(
        "hang-wrapper",
        "The wrapper hangs (SIGSTOP) under a watchdog of 2 s.",
        wrapper_hangs,
        Expected(gone=PATIENCE + 1.0, back=5.0),
        Stage(systemd=True),
    ),
)
