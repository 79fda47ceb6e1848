"""`status --watch`: what it draws, and a real process on a real (pseudo) terminal."""

import asyncio
import fcntl
import io
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from contextlib import contextmanager

import psutil
import pytest
from rich.cells import cell_len
from rich.console import Console

from anycast_wrapper.cli.watching import changing, plain
from anycast_wrapper.cli.watchview import FAILED, sparkline, view
from anycast_wrapper.control.server import ControlServer, Handler
from anycast_wrapper.lab.eventually import eventually
from tests.web import pictures

from .program import ENVIRON, PROGRAM, quick

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


# --- what is drawn ---


def drawn(document, width=80, height=24, encoding="utf-8"):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")
    console = Console(file=file, width=width, height=height, highlight=False)
    console.print(view(document, console, 1.0))
    file.flush()
    return file.buffer.getvalue().decode(encoding).splitlines()


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (200, 60), (20, 4), (80, 1), (1, 1)])
@pytest.mark.parametrize("state", pictures.RANKS)
def test_it_fits_every_terminal(state, size):
    width, height = size
    lines = drawn(pictures.status(state, truth="leaking"), width, height)
    assert len(lines) <= max(1, height - 1)
    assert all(cell_len(line) <= width for line in lines)


def test_all_of_it_is_there_on_80_columns():
    lines = drawn(pictures.status())
    whole = "\n".join(lines)
    assert lines[0].startswith("anycast-wrap announced  pid 24683")
    for words in (
        "daemon ready for 49 min",
        "resolver preferred for 25 min",
        "192.0.2.53         preferred   held  in OSPF  1,834 q/s UDP, 3 conn/s TCP",
        "example.test-SOA   up          1.2 ms",
        "last events",
        "daemon-restart: exited with status 1",
        "resolver withdrawn -> preferred (healthy)",
    ):
        assert words in whole
    assert not any(line.endswith("…") for line in lines)
    assert drawn(pictures.status("degraded"), 40)[2].endswith("…")


def test_it_says_how_queries_are_counted_if_they_are_not():
    assert "[metrics] count-queries = true" in "\n".join(drawn(pictures.status(counted=False)))


@pytest.mark.parametrize(
    ("truth", "words"),
    [
        ("agrees", "in OSPF"),
        ("leaking", "LEAKS INTO OSPF"),
        ("not-originated", "MISSING FROM OSPF"),
        ("settling", "OSPF settles"),
        ("unknown", "OSPF unknown"),
        ("what a later version may say", "OSPF unknown"),
    ],
)
def test_what_ospf_makes_of_it_is_said(truth, words):
    assert words in "\n".join(drawn(pictures.status(truth=truth)))


def test_events_make_room_and_are_made_room_for():
    document = pictures.status("withdrawn")
    document["services"] *= 10
    lines = drawn(document, 80, 24)
    assert len(lines) == 23
    assert sum("->" in line or "daemon-restart" in line for line in lines) == 3
    document = pictures.status()
    document["transitions"] *= 100
    assert len(drawn(document, 80, 24)) == 23


def test_a_terminal_without_unicode_gets_none():
    for state in pictures.RANKS:
        assert "".join(drawn(pictures.status(state), encoding="ascii")).isascii()


def test_what_comes_from_a_network_cannot_command_a_terminal():
    document = pictures.status("withdrawn")
    document["services"][0]["detail"] = document["transitions"][-1]["detail"] = (
        "\x1b]0;x\x07\r\n\x9b2J"
    )
    document["services"][0]["probes"][0]["name"] = "\x1b[2J"
    for lines in (drawn(document), list(changing(document))):
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", "".join(lines))
    assert plain("a\x1b[31mb\u202e") == "a [31mb "


def test_the_sparkline_marks_failures_and_scales_to_what_there_is():
    assert sparkline([1.0, None, 8.0, 0.0], 10).plain == f"▂{FAILED}█▁"
    assert sparkline([1.0, None, 8.0], 2).plain == f"{FAILED}█"
    assert sparkline([1.0, None, 8.0, 0.0], 10, unicode=False).plain == ".x#_"
    assert sparkline([], 10).plain == sparkline([1.0], 0).plain == sparkline([1.0], -3).plain == ""
    assert sparkline([None, None], 10).plain == 2 * FAILED
    assert sparkline([0.0, 0.0], 10).plain == "▁▁"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"state": "not-running"}, "waiting for it to be started"),
        ({"state": "dead", "left_behind": ["192.0.2.53 on anycast0"]}, "192.0.2.53 on anycast0"),
        ({"state": "unknown", "detail": "no permission"}, "no permission"),
    ],
)
def test_a_wrapper_that_is_gone_is_a_picture_as_well(document, words):
    assert words in "\n".join(drawn(document))
    assert document["state"] in next(changing(document))


# --- a process ---


class Wrapper:
    """Something that answers `status` as a wrapper would, until it is stopped."""

    def __init__(self, tmp_path):
        self.socket = tmp_path / "control.sock"
        self.config = tmp_path / "conf"
        self.config.write_text(
            f'[control]\nsocket = "{self.socket}"\n[interfaces]\npreferred = "awt0"\n'
            'last-resort = "awt1"\nhold = "awt-hold"\n'
            '[[service]]\nname = "resolver"\naddresses = ["192.0.2.53"]\n'
        )
        self.document = pictures.status()
        self.asked = 0

    @contextmanager
    def running(self):
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()

        async def answer(request):
            self.asked += 1
            return {"ok": True, "status": self.document}

        server = ControlServer(self.socket, None, {"status": Handler(answer, changes=False)})
        asyncio.run_coroutine_threadsafe(server.open(), loop).result(10)
        try:
            yield
        finally:
            asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


class Terminal:
    """A process on a pseudo-terminal, and what it has written."""

    def __init__(self, *arguments, size=(80, 24), environ=ENVIRON):
        self._master, slave = pty.openpty()
        self.resize(*size)
        self.process = subprocess.Popen(
            [*PROGRAM, *map(str, arguments)],
            stdin=slave, stdout=slave, stderr=slave, cwd="/", start_new_session=True,
            env={**environ, "TERM": "xterm-256color"},
        )  # fmt: skip
        os.close(slave)
        self.text = ""

    def resize(self, width, height):
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("4H", height, width, 0, 0))

    def read(self, seconds=0.05):
        while select.select([self._master], [], [], seconds)[0]:
            try:
                chunk = os.read(self._master, 1 << 16)
            except OSError:  # the other end is closed
                return
            self.text += chunk.decode("utf-8", "replace")

    def until(self, words, seconds=20):
        """Read until it has written this after what was awaited last; forget what came before."""
        deadline = time.monotonic() + seconds
        while words not in CONTROL.sub("", self.text):
            assert time.monotonic() < deadline, (words, self.text[-3000:])
            assert self.process.poll() is None or words in CONTROL.sub("", self.text), self.text
            self.read()
        seen, self.text = self.text, ""
        return seen

    def end(self, number):
        self.process.send_signal(number)
        code = self.process.wait(10)
        self.read()
        os.close(self._master)
        assert "Traceback" not in self.text
        assert "Aborted" not in self.text
        return code


@pytest.fixture
def wrapper(tmp_path):
    yield Wrapper(tmp_path)
    for child in psutil.Process().children():  # where a test has failed before it ended them
        if f"{tmp_path}/conf" in child.cmdline():
            child.kill()
            child.wait()


def test_it_goes_on_while_the_wrapper_changes_ends_and_comes_back(wrapper):
    watched = Terminal("-c", wrapper.config, "status", "--watch", "--interval", "0.1")
    watched.until("not-running")
    with wrapper.running():
        watched.until("anycast-wrap announced")
        wrapper.document = pictures.status("drained")
        watched.until("by ann (as root): new disk")
    watched.until("not-running")
    with wrapper.running():
        watched.until("anycast-wrap drained")
        wrapper.document = pictures.status("announced")
        seen = watched.until("anycast-wrap announced")
        assert "\x1b[?1049h" not in seen  # the alternate screen
        assert watched.end(signal.SIGINT) == 0
    assert "\x1b[?25h" in watched.text  # there is a cursor again


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_quietly_with_the_exit_status_of_status(wrapper, number):
    wrapper.document = pictures.status("drained")
    with wrapper.running():
        watched = Terminal("-c", wrapper.config, "status", "--watch", "--interval", "0.1")
        watched.until("drained")
        assert watched.end(number) == 5
    assert quick("-c", wrapper.config, "status").returncode == 3


def test_a_terminal_that_gets_another_size_is_drawn_anew(wrapper):
    with wrapper.running():
        watched = Terminal("-c", wrapper.config, "status", "--watch", "--interval", "30")
        watched.until("last events")
        watched.resize(40, 12)
        began = time.monotonic()
        seen = watched.until("last events")  # long before the interval is over
        assert time.monotonic() - began < 10
        assert "\x1b[2J" in seen  # what the terminal has wrapped anew is gone
        lines = CONTROL.sub("", seen).splitlines()
        assert lines
        assert all(cell_len(line) <= 40 for line in lines)
        watched.end(signal.SIGINT)


def test_it_can_have_a_screen_of_its_own(wrapper):
    with wrapper.running():
        watched = Terminal("-c", wrapper.config, "status", "--watch", "--screen")
        assert "\x1b[?1049h" in watched.until("announced")
        watched.end(signal.SIGINT)
    assert "\x1b[?1049l" in watched.text


def test_where_nobody_draws_it_is_a_line_for_every_change(wrapper):
    with wrapper.running():
        watched = subprocess.Popen(
            [*PROGRAM, "-c", str(wrapper.config), "status", "--watch", "--interval", "0.1"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRON, cwd="/",
        )  # fmt: skip
        first = watched.stdout.readline()
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d announced; resolver preferred\n", first)
        eventually(lambda: wrapper.asked > 3, awaiting="looks at which nothing has changed")
        wrapper.document = pictures.status("withdrawn", truth="leaking")
        second = watched.stdout.readline()
        assert "withdrawn; resolver withdrawn (probe-servfail: " in second
        assert "192.0.2.53 LEAKS INTO OSPF" in second
        watched.send_signal(signal.SIGINT)
        out, err = watched.communicate(timeout=10)
        assert (watched.returncode, out, err) == (5, "", "")


def test_whoever_has_read_enough_is_left_alone(wrapper):
    with wrapper.running():
        watched = subprocess.Popen(
            [*PROGRAM, "-c", str(wrapper.config), "status", "--watch", "--interval", "0.1"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRON, cwd="/",
        )  # fmt: skip
        watched.stdout.readline()
        watched.stdout.close()
        wrapper.document = pictures.status("drained")
        assert watched.wait(10) == 1
        assert watched.stderr.read() == ""
        watched.stderr.close()


def test_without_rich_the_sentence_says_what_to_install(wrapper, tmp_path):
    (tmp_path / "shim").mkdir()
    (tmp_path / "shim" / "rich.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'rich'\", name='rich')"
    )
    path = f"{tmp_path / 'shim'}:{ENVIRON['PYTHONPATH']}"
    watched = Terminal(
        "-c", wrapper.config, "status", "--watch", environ={**ENVIRON, "PYTHONPATH": path}
    )
    watched.until("pip install anycast-wrap[watch]")
    assert watched.end(0) == 5


def test_what_does_not_belong_together_is_refused(wrapper):
    for arguments in (("--watch", "--json"), ("--interval", "2"), ("--screen",)):
        assert quick("-c", wrapper.config, "status", *arguments).returncode == 2
