"""The control socket survives every client, and every client hears why it got nothing."""

import asyncio
import contextlib
import gc
import grp
import json
import logging
import os
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from anycast_wrapper.control.protocol import MAX_LINE
from anycast_wrapper.control.server import CLIENTS, PATIENCE, ControlError, ControlServer, Handler
from anycast_wrapper.errors import AnycastWrapError
from tests.fakes.clock import run
from tests.logged import events

NOBODY = 65534


class Desk:
    """Handlers, and what they were asked."""

    def __init__(self):
        self.asked = []
        self.gate = asyncio.Event()

    async def status(self, request):
        self.asked.append(request)
        return {"ok": True, "status": "fine"}

    async def stop(self, request):
        self.asked.append(request)
        return {"ok": True}

    async def slow(self, request):
        self.asked.append(request)
        await self.gate.wait()
        return {"ok": True}

    async def stuck(self, request):
        self.asked.append(request)
        await asyncio.Event().wait()

    async def refuse(self, _):
        raise AnycastWrapError("the kernel refused")

    async def broken(self, _):
        raise KeyError("oops")

    async def long(self, _):
        return {"ok": True, "text": "x" * 900_000}

    def handlers(self):
        return {
            "status": Handler(self.status, changes=False),
            "stop": Handler(self.stop),
            "slow": Handler(self.slow),
            "stuck": Handler(self.stuck),
            "refuse": Handler(self.refuse),
            "broken": Handler(self.broken),
            "long": Handler(self.long),
        }


@contextlib.asynccontextmanager
async def served(path, group=None):
    """A server, its desk, and afterwards the proof that nothing went unhandled in its loop."""
    unhandled = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    desk = Desk()
    server = ControlServer(path, group, desk.handlers())
    try:
        await server.open()
        yield desk
    finally:
        await server.close()
        assert unhandled == []


async def send(path, *pieces, end=False):
    """Send, and give what comes back, as a document."""
    reader, writer = await asyncio.open_unix_connection(path, limit=1 << 21)
    for piece in pieces:
        writer.write(piece)
    if end:
        writer.write_eof()
    try:
        return json.loads(await reader.readline())
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def fine(path):
    assert await send(path, b'{"command":"status"}\n') == {"ok": True, "status": "fine"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "control.sock"


def test_a_request_gets_its_reply(path):
    async def scenario():
        async with served(path) as desk:
            await fine(path)
            assert desk.asked == [{"command": "status"}]

    run(scenario())


def test_a_request_may_come_in_pieces(path):
    async def scenario():
        async with served(path):
            reply = await send(path, b'{"comm', b'and":"sta', b'tus"}', b"\n")
            assert reply["ok"]

    run(scenario())


def test_a_long_reply_arrives_whole(path):
    async def scenario():
        async with served(path):
            assert len((await send(path, b'{"command":"long"}\n'))["text"]) == 900_000

    run(scenario())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"\xff\xfe\x00garbage\n", "not a request: not JSON"),
        (b"GET / HTTP/1.1\r\n", "not a request: not JSON"),
        (b"[" * 60_000 + b"\n", "not a request: not JSON"),
        (b'{"a":' * 10_000 + b"\n", "not a request: not JSON"),
        (b'["status"]\n', "not a request: not an object"),
        (b"{}\n", "unknown command None"),
        (b'{"command": "reboot"}\n', "unknown command 'reboot'"),
        (b'{"command": ["status"]}\n', "unknown command ['status']"),
        (b'{"command": "\\ud800"}\n', "unknown command '\\ud800'"),
        (b"x" * (MAX_LINE + 1) + b"\n", f"a request of more than {MAX_LINE} bytes"),
        (b"x" * (3 * MAX_LINE), f"a request of more than {MAX_LINE} bytes"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else None,
)
def test_what_is_no_request_is_a_usage_error_and_the_server_lives_on(path, line, words):
    async def scenario():
        async with served(path) as desk:
            reply = await send(path, line)
            assert reply == {"ok": False, "error": words, "code": 2}
            assert desk.asked == []
            await fine(path)

    run(scenario())


@pytest.mark.parametrize(("half", "words"), [(b'{"com', "half a message"), (b"", "an empty")])
def test_half_a_message_and_then_no_more(path, half, words):
    async def scenario():
        async with served(path):
            reply = await send(path, half, end=True)
            assert words in reply["error"]
            assert reply["code"] == 2
            await fine(path)

    run(scenario())


@pytest.mark.parametrize("said", [b"", b'{"command":'])
def test_a_client_that_says_nothing_is_told_when_patience_ends(path, said):
    async def scenario():
        async with served(path):
            loop = asyncio.get_running_loop()
            began = loop.time()
            reply = await send(path, said)
            assert reply["error"] == f"no whole request within {PATIENCE:g} s"
            assert loop.time() - began == pytest.approx(PATIENCE)
            await fine(path)

    run(scenario())


def test_a_client_that_goes_away_is_not_missed(path):
    async def scenario():
        async with served(path) as desk:
            for said in (b"", b'{"comm', b'{"command":"slow"}\n', b'{"command":"long"}\n'):
                _, writer = await asyncio.open_unix_connection(path)
                writer.write(said)
                await asyncio.sleep(0.01)
                writer.transport.abort()
            await asyncio.sleep(0.01)
            desk.gate.set()
            await asyncio.sleep(0.01)
            await fine(path)

    run(scenario())


def test_a_client_that_does_not_read_does_not_stay(path):
    async def scenario():
        async with served(path):
            _, writer = await asyncio.open_unix_connection(path)
            writer.transport.pause_reading()
            writer.write(b'{"command":"long"}\n')
            await asyncio.sleep(2 * PATIENCE)
            await fine(path)
            writer.transport.abort()

    run(scenario())


def test_too_many_clients_are_turned_away_and_come_back(path):
    async def scenario():
        async with served(path) as desk:
            idle = [await asyncio.open_unix_connection(path) for _ in range(CLIENTS)]
            reply = await send(path, b'{"command":"status"}\n')
            assert reply["error"] == "too many clients at a time; try again"
            assert desk.asked == []
            for _, writer in idle:
                writer.close()
            await asyncio.sleep(0.01)
            await fine(path)

    run(scenario())


def test_what_a_command_refuses_is_told(path):
    async def scenario():
        async with served(path):
            reply = await send(path, b'{"command":"refuse"}\n')
            assert reply == {"ok": False, "error": "the kernel refused", "code": 1}

    run(scenario())


def test_a_fault_of_ours_is_told_and_logged_and_the_server_lives_on(path, caplog):
    async def scenario():
        async with served(path):
            reply = await send(path, b'{"command":"broken"}\n')
            assert reply["error"] == "internal error; the log has more"
            await fine(path)

    with caplog.at_level(logging.ERROR, "anycast_wrapper"):
        run(scenario())
    assert ("control-failed", {"command": "broken"}) in events(caplog)


def test_the_end_lets_the_last_replies_out_and_waits_for_nobody_else(path):
    async def scenario():
        loop = asyncio.get_running_loop()
        async with served(path) as desk:
            idle = await asyncio.open_unix_connection(path)
            stuck = asyncio.create_task(send(path, b'{"command":"stuck"}\n'))
            slow = asyncio.create_task(send(path, b'{"command":"slow"}\n'))
            await asyncio.sleep(0.01)
            assert len(desk.asked) == 2
            desk.gate.set()  # what a supervisor does at its end to whoever waits for it
            began = loop.time()
        assert loop.time() - began < 1
        assert await slow == {"ok": True}
        with pytest.raises(ValueError, match="Expecting value"):
            await stuck
        idle[1].close()

    run(scenario())


# --- the socket as a file ---


@pytest.mark.parametrize("turns", range(6))
def test_who_has_just_come_in_at_the_end_is_hung_up_on(path, turns):
    async def scenario():
        async with served(path):
            client = socket.socket(socket.AF_UNIX)
            client.connect(str(path))
            for _ in range(turns):
                await asyncio.sleep(0)
        return client

    with run(scenario()) as client:
        client.settimeout(5)
        assert client.recv(1) == b""
    # A transport that nobody has closed complains here, and what complains is an error.
    gc.collect()


def test_the_socket_is_for_root_and_its_group_from_the_first_moment(path):
    async def scenario():
        modes = []

        async def watch():
            while not modes:
                if path.exists():
                    modes.append(stat.S_IMODE(path.stat().st_mode))
                await asyncio.sleep(0)

        watching = asyncio.create_task(watch())
        async with served(path):
            await watching
        assert modes == [0o660]

    before = os.umask(0)
    try:
        run(scenario())
        assert os.umask(0) == 0
    finally:
        os.umask(before)


def test_a_socket_that_was_left_behind_is_replaced_and_ours_is_removed(path):
    async def scenario():
        async with served(path):
            await fine(path)
        assert not path.exists()

    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    run(scenario())


def test_a_file_that_is_no_socket_is_not_ours_to_remove(path):
    async def scenario():
        with pytest.raises(ControlError, match=r"cannot open the control socket .*control\.sock"):
            async with served(path):
                pass

    path.write_text("precious")
    run(scenario())
    assert path.read_text() == "precious"


@pytest.mark.parametrize(
    "socket_path", ["none/control.sock", "x" * 200], ids=["no directory", "too long"]
)
def test_a_socket_that_cannot_be_is_told(tmp_path, socket_path):
    async def scenario():
        with pytest.raises(ControlError, match="cannot open the control socket"):
            async with served(tmp_path / socket_path):
                pass

    run(scenario())


def test_a_group_that_does_not_exist_is_told(path):
    async def scenario():
        with pytest.raises(ControlError, match="no such group: 'no-such-group'"):
            async with served(path, "no-such-group"):
                pass

    run(scenario())


# --- other users ---

CHILD = """
import os, sys
from pathlib import Path
from anycast_wrapper.control.client import request
path, group, command = sys.argv[1:]
os.setgroups([])
os.setgid(int(group))
os.setuid(65534)
try:
    print(request(Path(path), command))
except Exception as error:
    print(type(error).__name__, error)
"""


async def as_nobody(path, group, command):
    argv = (sys.executable, "-c", CHILD, str(path), str(group), command)
    process = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE)
    output, _ = await asyncio.wait_for(process.communicate(), 10)
    return output.decode()


@pytest.fixture
def public():
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory) / "control.sock"


@pytest.mark.root
def test_a_member_of_the_group_may_look_but_not_touch(public):
    group = grp.getgrgid(NOBODY)

    async def scenario():
        async with served(public, group.gr_name) as desk:
            assert public.stat().st_gid == group.gr_gid
            assert stat.S_IMODE(public.stat().st_mode) == 0o660
            assert "'status': 'fine'" in await as_nobody(public, NOBODY, "status")
            refused = await as_nobody(public, NOBODY, "stop")
            assert "'error': 'stop is for root'" in refused
            assert "'code': 4" in refused
            assert [request["command"] for request in desk.asked] == ["status"]

    asyncio.run(scenario())


@pytest.mark.root
def test_whoever_is_not_of_the_group_does_not_even_connect(public):
    async def scenario():
        async with served(public) as desk:
            words = await as_nobody(public, NOBODY, "status")
            assert words.startswith("NotPermittedError no permission to talk to anycast-wrap")
            assert desk.asked == []

    asyncio.run(scenario())
