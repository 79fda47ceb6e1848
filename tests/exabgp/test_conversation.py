"""The whole process, with real pipes and a real control socket, and every way in which it ends."""

import asyncio
import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import threading
import time

import pytest

from anycast_wrapper.control.server import ControlServer, Handler
from anycast_wrapper.exabgp.conversation import answer
from anycast_wrapper.exabgp.pipe import MAX_LINE, Lines
from anycast_wrapper.lab.eventually import eventually
from tests.cli.program import ENVIRON, PROGRAM, run

A, B = "192.0.2.53", "2001:db8::53"
F_SETPIPE_SZ = 1031


class Wrapper(threading.Thread):
    """A control socket in a thread of its own that says what it is made to say.

    Attributes:
        known: the mark with which it was last asked: what its follower has heard.
    """

    def __init__(self, path, addresses):
        super().__init__(daemon=True)
        self.path = path
        self.addresses = addresses
        self.rank = "preferred"
        self.known = ""
        self._up = threading.Event()
        self.start()
        assert self._up.wait(10)

    def run(self):
        asyncio.run(self._serve())

    async def _serve(self):
        self._loop = asyncio.get_running_loop()
        self._ended, self._changed = asyncio.Event(), asyncio.Event()
        server = ControlServer(self.path, None, {"await": Handler(self._await, changes=False)})
        await server.open()
        self._up.set()
        await self._ended.wait()
        await server.close()
        # Whoever was let in while it closed: a process takes them with it, a thread does not.
        for _ in range(10):
            await asyncio.sleep(0)
        await server.close()

    async def _await(self, request):
        self.known = request["mark"]
        if self.known == self.rank:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(request["wait"]):
                    await self._changed.wait()
        services = [{"name": "resolver", "addresses": dict.fromkeys(self.addresses, self.rank)}]
        return {"ok": True, "mark": self.rank, "services": services}

    def say(self, rank):
        def change():
            self.rank = rank
            self._changed.set()
            self._changed = asyncio.Event()

        self._loop.call_soon_threadsafe(change)

    def end(self):
        if self.is_alive():
            self._loop.call_soon_threadsafe(self._ended.set)
        self.join(10)


class Child:
    """`anycast-wrap exabgp` with ExaBGP's two pipes in our hands."""

    def __init__(self, config, *, pipe_size=0):
        ours, theirs = os.pipe()
        if pipe_size:
            fcntl.fcntl(theirs, F_SETPIPE_SZ, pipe_size)
        self.output = ours
        self._log = config.with_name("errors")
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [*PROGRAM, "-c", str(config), "exabgp"],
                stdin=subprocess.PIPE,
                stdout=theirs,
                stderr=log,
                env=ENVIRON,
                text=True,
            )
        os.close(theirs)
        self._rest = b""

    def line(self, within=10.0):
        """The next line that it says to ExaBGP; nothing at its end."""
        deadline = time.monotonic() + within
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self.output], [], [], max(deadline - time.monotonic(), 0))
            assert ready, "nothing was said"
            data = os.read(self.output, 1 << 16)
            if not data:
                return ""
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    def lines(self, number):
        return [self.line() for _ in range(number)]

    def say(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def hang_up(self):
        """Close the end that it writes to."""
        if self.output >= 0:
            os.close(self.output)
            self.output = -1

    @property
    def errors(self):
        """What it has logged."""
        text = self._log.read_text()
        assert "Traceback" not in text, text
        return text

    def wait(self):
        """Its exit status."""
        return self.process.wait(timeout=10)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.hang_up()


@pytest.fixture
def place(tmp_path):
    """A configuration, and what to write into it."""

    def write(more="", addresses=(A, B)):
        path = tmp_path / "anycast-wrap.toml"
        path.write_text(
            f'[control]\nsocket = "{tmp_path}/control.sock"\n{more}\n'
            f'[[service]]\nname = "resolver"\naddresses = {json.dumps(list(addresses))}\n'
        )
        return path

    return write


@pytest.fixture
def serve(tmp_path):
    """Starts wrappers, one after the other."""
    made = []

    def start(addresses):
        made.append(Wrapper(tmp_path / "control.sock", addresses))
        return made[-1]

    yield start
    for one in made:
        one.end()


@pytest.fixture
def wrapper(serve):
    return serve([A, B])


@pytest.fixture
def begin(place, serve):
    """Starts children, which end before the wrappers do."""
    del serve
    made = []

    def start(more="", addresses=(A, B), pipe_size=0):
        made.append(Child(place(more, addresses), pipe_size=pipe_size))
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def child(wrapper, begin):
    return begin()


UP = [f"announce route {A}/32 next-hop self med 0", f"announce route {B}/128 next-hop self med 0"]
LAST = [line.replace("med 0", "med 100") for line in UP]
DOWN = [f"withdraw route {A}/32 next-hop self", f"withdraw route {B}/128 next-hop self"]


def test_it_follows(child, wrapper):
    assert child.lines(2) == UP
    wrapper.say("last-resort")
    assert child.lines(2) == LAST
    wrapper.say("withdrawn")
    assert child.lines(2) == DOWN
    wrapper.say("preferred")
    assert child.lines(2) == UP


def test_the_end_of_the_wrapper_withdraws_and_its_return_announces(child, wrapper, serve):
    assert child.lines(2) == UP
    wrapper.end()
    assert child.lines(2) == DOWN
    again = serve([A])
    assert child.line() == UP[0]
    again.end()
    assert child.line() == DOWN[0]


def test_the_configuration_says_how(begin, wrapper):
    child = begin(
        """
        [exabgp]
        next-hop = ["fd00::1"]
        [exabgp.preferred]
        med = 5
        local-preference = 200
        communities = ["no-export", "64500:1:2"]
        as-path = [64500]
        """
    )
    words = (
        "med 5 local-preference 200 as-path [ 64500 ] community [ no-export ] "
        "large-community [ 64500:1:2 ]"
    )
    assert child.lines(2) == [
        f"announce route {A}/32 next-hop self {words}",
        f"announce route {B}/128 next-hop fd00::1 {words}",
    ]


def test_the_watchdog_style(begin, wrapper):
    child = begin('[exabgp]\nstyle = "watchdog"')
    assert child.lines(2) == [
        "withdraw watchdog resolver-last-resort",
        "announce watchdog resolver",
    ]
    wrapper.say("withdrawn")
    assert child.lines(2) == [
        "withdraw watchdog resolver",
        "withdraw watchdog resolver-last-resort",
    ]


def test_a_refusal_is_told_and_said_again(child):
    assert child.lines(2) == UP
    child.say("done\nerror\n")
    began = time.monotonic()
    assert child.lines(2) == UP
    assert 0.8 < time.monotonic() - began < 3
    child.say("done\ndone\n")
    child.process.stdin.close()
    assert child.wait() == 0
    assert f'exabgp-refused line="{UP[1]}" again=1' in child.errors


def test_whatever_else_exabgp_says_is_read_and_does_nothing(child, wrapper):
    assert child.lines(2) == UP
    child.say('{ "exabgp": "5.0.0", "type": "state" }\nshutdown 1 2\n\n[]\n{"answer": 7}\n{\n')
    child.say("x" * 500_000 + "\n")
    wrapper.say("withdrawn")
    assert child.lines(2) == DOWN


def test_sigterm_withdraws_and_ends(child):
    assert child.lines(2) == UP
    child.process.send_signal(signal.SIGTERM)
    assert child.lines(2) == DOWN
    assert child.line() == ""
    assert child.wait() == 0
    assert "exabgp-ended reason=SIGTERM" in child.errors


def test_it_ends_with_exabgp_which_has_no_use_for_more(child):
    assert child.lines(2) == UP
    child.process.stdin.close()
    assert child.line() == ""
    assert child.wait() == 0


def test_it_ends_when_nobody_reads_any_more(child, wrapper):
    assert child.lines(2) == UP
    child.hang_up()
    wrapper.say("withdrawn")
    assert child.wait() == 0
    assert "ExaBGP is gone: Broken pipe" in child.errors


MANY = [f"198.51.{n // 250}.{n % 250 + 1}" for n in range(500)]


def test_an_exabgp_that_does_not_read_hears_the_truth_and_not_the_past(begin, serve):
    wrapper = serve(MANY)
    child = begin(addresses=MANY, pipe_size=4096)
    first = child.line()
    eventually(lambda: "exabgp-stuck" in child.errors, awaiting="that it says so", within=10)
    for rank in ("last-resort", "withdrawn"):
        wrapper.say(rank)
        eventually(lambda rank=rank: wrapper.known == rank, awaiting=f"that it hears {rank}")
    assert child.process.poll() is None
    # What is in the pipe cannot be taken back; of the rest nothing is announced any more.
    said, routes = [first], set()
    while not (said[-1].startswith("withdraw") and not routes):
        said.append(child.line())
        for line in said[-1:] if len(said) > 2 else said:
            action, _, prefix, *_ = line.split()
            (routes.add if action == "announce" else routes.discard)(prefix)
    announced = sum(line.startswith("announce") for line in said)
    assert announced < 250, "it went on with what was long over"
    child.process.send_signal(signal.SIGTERM)
    assert child.wait() == 0
    assert "exabgp-reads" in child.errors


def test_a_full_pipe_does_not_keep_it_from_ending(begin, serve):
    serve(MANY)
    child = begin(addresses=MANY, pipe_size=4096)
    child.line()
    began = time.monotonic()
    child.process.send_signal(signal.SIGTERM)
    assert child.wait() == 0
    assert time.monotonic() - began < 5


@pytest.mark.slow
def test_one_that_stands_still_over_its_log_is_ended(place, wrapper):
    ours, theirs = os.pipe()
    fcntl.fcntl(theirs, F_SETPIPE_SZ, 4096)
    os.set_blocking(theirs, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(theirs, b"x")
    os.set_blocking(theirs, True)
    command = [*PROGRAM, "-c", str(place()), "exabgp"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": theirs}
    with subprocess.Popen(command, env=ENVIRON, **pipes) as process:
        os.close(theirs)
        try:
            assert process.wait(timeout=30) == -signal.SIGALRM
            assert process.stdout.readline().decode().startswith("announce")
        finally:
            process.kill()
            os.close(ours)


def test_without_pipes_it_says_what_it_is_for(place):
    done = run("-c", place(), "exabgp", stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert "to be run by ExaBGP" in done.stderr
    assert done.stdout == ""


def test_without_a_configuration_it_says_so(tmp_path):
    done = run("-c", tmp_path / "none.toml", "exabgp", stdin=subprocess.DEVNULL)
    assert done.returncode == 6


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("done", "done"),
        ("error", "error"),
        ('{ "answer": "done", "message": "command completed" }', "done"),
        ('{ "answer": "error", "message": "" }', "error"),
        ("shutdown", None),
        ("shutdown 12 1", None),
        ("", None),
        ("donee", None),
        ('{"answer": ["done"]}', None),
        ('{"answer": "shutdown"}', None),
        ("{", None),
        ('{"a":' * 20_000, None),
    ],
)
def test_an_answer(line, word):
    assert answer(line) == word


def test_lines_come_in_pieces_and_a_line_without_end_is_dropped():
    lines = Lines()
    assert list(lines.feed(b"do")) == []
    assert list(lines.feed(b"ne\nerr")) == ["done"]
    assert list(lines.feed(b"or\r\n\xff\n")) == ["error", "\ufffd"]
    assert list(lines.feed(b"x" * (MAX_LINE + 1))) == []
    assert list(lines.feed(b"done\n")) == ["done"]
