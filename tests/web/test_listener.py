"""The listener over real sockets: what it answers, and what those cost who keep to no rules."""

import asyncio
import collections
import contextlib
import logging
import os
import socket
import sys
from ipaddress import ip_address

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anycast_wrapper.web import Answer
from anycast_wrapper.web.gate import AT_A_TURN, CONNECTIONS, REFUSALS, SECONDS
from anycast_wrapper.web.hosts import allowed
from anycast_wrapper.web.listener import RETRY, Listener, written
from tests.fakes.clock import run as run_jumping
from tests.web.exposing import LOOPBACK, Exposed, eventually, everything, get, parsed, talk

LOG = logging.getLogger("figures")
BODY = b"anycast_wrap_state 1\n" * 1000


async def metrics(asked):
    assert asked.path == "/metrics"
    return Answer(BODY, "text/plain; version=0.0.4; charset=utf-8")


async def echo(asked):
    return Answer(repr((asked.query, asked.accept)).encode())


async def broken(asked):
    raise RuntimeError("a fault of ours")


ROUTES = {"/metrics": metrics, "/echo": echo, "/broken": broken}


@pytest.fixture(scope="module")
def exposed():
    with Exposed(ROUTES) as it:
        yield it


def healthy(exposed):
    return get(exposed.port)[0] == 200


# --- what it answers ---


def test_a_scrape(exposed):
    status, fields, body = get(exposed.port, Accept="*/*")
    assert (status, body) == (200, BODY)
    assert fields["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert fields["connection"] == "close"


def test_what_it_says_is_for_nobody_else(exposed):
    for path in ("/metrics", "/nothing"):
        fields = get(exposed.port, path)[1]
        assert "default-src 'none'" in fields["content-security-policy"]
        assert "frame-ancestors 'none'" in fields["content-security-policy"]
        assert fields["x-content-type-options"] == "nosniff"
        assert fields["referrer-policy"] == "no-referrer"
        assert fields["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in fields
        assert "python" not in fields["server"].lower()


def test_head_is_get_without_the_body(exposed):
    status, fields, body = get(exposed.port, method="HEAD")
    assert (status, body) == (200, b"")
    assert fields["content-length"] == str(len(BODY))


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND"]
)
def test_nothing_can_be_changed(exposed, method):
    status, fields, _ = get(exposed.port, method=method)
    assert status == 405
    assert fields["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/metrics/",
        "//metrics",
        "/../etc/passwd",
        "/metrics/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/metrics%00.html",
        "/METRICS",
        "/page/../metrics/%2e",
        "/%ff%fe",
    ],
)
def test_paths_are_known_or_not(exposed, path):
    status, _, body = get(exposed.port, path)
    assert status == 404
    assert b"root:" not in body


def test_a_query_and_what_is_accepted_arrive(exposed):
    _, _, body = get(exposed.port, "/echo?since=5&since=6&x=%20", Accept="text/html")
    assert body == b"({'since': '5', 'x': ' '}, 'text/html')"


def test_a_fault_of_ours_is_a_sentence_and_is_told(exposed):
    status, _, body = get(exposed.port, "/broken")
    assert status == 500
    assert b"Traceback" not in body
    assert b"fault of ours" not in body
    assert ("internal-error", "/broken: RuntimeError('a fault of ours')") in exposed.told
    assert healthy(exposed)


def test_http_1_0_without_a_host(exposed):
    status, _, body = parsed(talk(exposed.port, b"GET /metrics HTTP/1.0\r\n\r\n"))
    assert (status, body) == (200, BODY)


def test_one_request_a_connection(exposed):
    request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n"
    assert talk(exposed.port, request * 50).count(b"HTTP/1.1 200") == 1


# --- whom it answers ---


@pytest.mark.parametrize("host", ["localhost", "localhost:9153", "127.0.0.1:1", "[::1]:9153"])
def test_a_host_that_can_be_meant(exposed, host):
    assert get(exposed.port, host=host)[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "[evil]", "a b"])
def test_a_host_that_a_web_site_gave_us(exposed, host):
    status, _, body = get(exposed.port, host=host)
    assert status in (400, 421)
    assert BODY not in body


def test_elsewhere_any_host_will_do():
    assert allowed("ns1.example.net:9153", "198.51.100.11")
    assert not allowed("ns1.example.net:9153", "127.0.0.1")
    assert not allowed("ns1.example.net:9153", "::1")
    assert allowed("node.localhost.", "127.0.0.1")
    assert allowed(None, "127.0.0.1")


@given(st.text(), st.sampled_from(["127.0.0.1", "::1", "fe80::1%lo", "", "192.0.2.1"]))
def test_no_host_breaks_the_check(host, local):
    assert allowed(host, local) in (True, False)


# --- who keeps to no rules ---


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(64) + b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /metrics\r\n\r\n",
        b"BREW /pot HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /metrics HTTP/9.9\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost localhost\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nX: \x00\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\n" + b"".join(b"X%d: 1\r\n" % n for n in range(500)) + b"\r\n",
        b"\r\n" * 5 + b"\0" * 100 + b"\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nHöst: ü\r\n\r\n".encode(),
    ],
    ids=range(15),
)
def test_what_is_no_request_is_refused_and_nothing_is_said_in_the_log(exposed, request_, caplog):
    reply = talk(exposed.port, request_, end=True)
    assert BODY not in reply
    assert not reply or 400 <= parsed(reply)[0] < 600
    assert b"Traceback" not in reply
    assert not caplog.records
    assert healthy(exposed)


@given(request_=st.binary(max_size=300))
def test_no_bytes_break_it(exposed, request_):
    assert b"Traceback" not in talk(exposed.port, request_ + b"\r\n\r\n", end=True)


def test_a_body_is_not_waited_for(exposed):
    head = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n"
    assert parsed(talk(exposed.port, head, seconds=SECONDS / 2))[0] == 200


def test_an_upgrade_is_not_made(exposed):
    fields = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec_WebSocket_Key": "x"}
    assert get(exposed.port, **fields)[0] in (200, 400)
    assert healthy(exposed)


def test_who_never_sends_or_sends_a_byte_a_second_is_hung_up_on(exposed):
    """Slow loris: the time is that of the whole connection, not of the next byte."""
    silent = socket.create_connection(("127.0.0.1", exposed.port), SECONDS + 10)
    slow = socket.create_connection(("127.0.0.1", exposed.port), 1.0)
    with silent, slow:
        for byte in b"GET /metrics HTTP/1.1\r\nX-Slow: " + b"a" * 100:
            try:
                slow.send(bytes([byte]))
                if slow.recv(100) == b"":
                    break
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                break
        else:
            pytest.fail("it was listened to for ever")
        assert everything(silent) == b""
    eventually(lambda: not exposed.listener.open_connections)


def test_who_never_reads_is_hung_up_on():
    big = b"x" * (16 << 20)

    async def much(asked):
        return Answer(big)

    with Exposed({"/much": much}) as exposed:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with client:
            client.connect(("127.0.0.1", exposed.port))
            client.sendall(b"GET /much HTTP/1.1\r\nHost: localhost\r\n\r\n")
            eventually(lambda: exposed.listener.open_connections == 1)
            eventually(lambda: exposed.listener.open_connections == 0, SECONDS + 10)


def test_who_is_one_too_many_is_told_and_place_is_made_again():
    with Exposed(ROUTES) as exposed, contextlib.ExitStack() as stack:
        for _ in range(CONNECTIONS):
            address = ("127.0.0.1", exposed.port)
            stack.enter_context(socket.create_connection(address))
        eventually(lambda: exposed.listener.open_connections == CONNECTIONS)
        status, fields, _ = get(exposed.port)
        assert status == 503
        assert fields["retry-after"] == "1"
        assert exposed.listener.refused == 1
        stack.close()
        eventually(lambda: exposed.listener.open_connections == 0)
        assert healthy(exposed)


CLIENTS = """
import asyncio, collections, json, sys
request = b"GET /metrics HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n"
async def one():
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
        if sys.argv[2] == "scrape":
            writer.write(request)
        # Where the kernel's queue is full, it drops the last ACK of a connection: whoever says
        # nothing then believes for ever that it is there.
        async with asyncio.timeout(15):
            said = (await reader.read())[9:12].decode() or "nothing"
        writer.close()
        return said
    except TimeoutError:
        return "waits"
    except OSError as error:
        return type(error).__name__
async def main():
    return collections.Counter(await asyncio.gather(*(one() for _ in range(1000))))
print(json.dumps(asyncio.run(main())))
"""


@pytest.mark.parametrize("what", ["scrape", "say nothing"])
def test_a_thousand_at_once_delay_nothing_and_take_no_more_than_so_much(what):
    with Exposed(ROUTES) as exposed:
        process = psutil.Process()
        for _ in range(20):
            get(exposed.port)
        descriptors, memory = process.num_fds(), process.memory_info().rss
        exposed.stall = 0.0
        most = 0

        async def attack():
            nonlocal most
            argv = (sys.executable, "-c", CLIENTS, str(exposed.port), what)
            attacker = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
            reading = asyncio.ensure_future(attacker.communicate())
            while not reading.done():
                most = max(most, process.num_fds())
                await asyncio.sleep(0.01)
            return (await reading)[0].decode()

        said = asyncio.run(attack())
        grown = (process.memory_info().rss - memory) / 1e6
        LOG.info(
            "1,000 that %s: %s; loop held up %.1f ms at most, %d descriptors, %.1f MB more",
            what,
            said.strip(),
            exposed.stall * 1e3,
            most - descriptors,
            grown,
        )
        assert exposed.stall < 0.2  # on a machine that does other things; see the figure
        assert most - descriptors < CONNECTIONS + REFUSALS + 8 * AT_A_TURN
        assert grown < 30
        eventually(lambda: healthy(exposed), SECONDS + 10)


# --- where it listens ---


def test_both_versions_of_ip():
    with Exposed(ROUTES, [(LOOPBACK, 0), (ip_address("::1"), 0)]) as exposed:
        eventually(lambda: len(exposed.told) == 2)
        ports = dict(exposed.listener.bound)
        with socket.create_connection(("::1", ports[ip_address("::1")]), 10) as client:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: [::1]\r\n\r\n")
            assert parsed(everything(client))[0] == 200


def test_a_port_that_somebody_has_is_tried_again_and_told_of_once():
    async def scenario():
        told = []
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            listener = Listener([(LOOPBACK, port)], ROUTES, lambda *words: told.append(words))
            listener.open()
            await asyncio.sleep(3.5 * RETRY)
            (event, detail) = told[0]
            assert len(told) == 1
            assert event == "metrics-unavailable"
            assert f"127.0.0.1:{port}: Address already in use" in detail
        await asyncio.sleep(RETRY)
        assert told[1:] == [("metrics-listening", f"127.0.0.1:{port}")]
        await listener.close()

    run_jumping(scenario())


def test_an_address_that_is_not_there_yet_is_no_reason_to_end():
    async def scenario():
        told = []
        nowhere = ip_address("192.0.2.77"), 9153
        listener = Listener([nowhere], ROUTES, lambda *words: told.append(words))
        listener.open()
        await asyncio.sleep(1)
        assert told[0][0] == "metrics-unavailable"
        assert "Cannot assign requested address" in told[0][1]
        await listener.close()

    run_jumping(scenario())


def test_at_the_end_nobody_is_waited_for_and_nothing_is_left():
    before = collections.Counter(one.status for one in psutil.Process().net_connections("tcp"))
    with Exposed(ROUTES) as exposed, contextlib.ExitStack() as clients:
        for _ in range(70):
            address = ("127.0.0.1", exposed.port)
            clients.enter_context(socket.create_connection(address))
        # One turn of the loop may have taken some more.
        eventually(lambda: exposed.listener.open_connections >= CONNECTIONS)
    after = collections.Counter(one.status for one in psutil.Process().net_connections("tcp"))
    assert after["LISTEN"] == before["LISTEN"]
    assert after["ESTABLISHED"] == before["ESTABLISHED"]


def test_a_place_as_one_writes_it():
    assert written((LOOPBACK, 9153)) == "127.0.0.1:9153"
    assert written((ip_address("::1"), 9153)) == "[::1]:9153"
