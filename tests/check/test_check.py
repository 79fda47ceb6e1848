"""`check` as somebody runs it: against a real named, a server that lies, nobody, and nonsense."""

import asyncio
import re
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.query
import pytest

from anycast_wrapper.check.asking import _REASONS, HEALTHY, RCODE, SLOW
from anycast_wrapper.core.model import Reason
from anycast_wrapper.questions.faults import ERROR
from tests.cli.program import PROGRAM, ROOT, quick, run
from tests.fakes.nameserver import Lie, LyingNameserver
from tests.nameserver import servers

NAMED = """
zone "broken.example" {{ type secondary; primaries {{ 127.0.0.1 port 1; }}; file "{0}/none"; }};
"""


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """A named with a good zone, one that was never loaded, and an answer too long for UDP."""
    directory = tmp_path_factory.mktemp("named")
    port = servers.free_port()
    command = servers.named(directory, port)
    with (directory / "zone").open("a") as zone:
        zone.writelines(f'big IN TXT "{n} {"x" * 200}"\n' for n in range(10))
    file = directory / "named.conf"
    text = file.read_text().replace(
        "listen-on-v6 { none; }", f"listen-on-v6 port {port} {{ ::1; }}"
    )
    file.write_text(text + NAMED.format(directory))
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    deadline = time.monotonic() + 20
    while quick("check", "127.0.0.1", "example.com", "-p", port).returncode:
        assert process.poll() is None, (directory / "log").read_text()
        assert time.monotonic() < deadline
    yield port
    process.terminate()
    process.wait(timeout=20)


@contextmanager
def lying(lie, *, drops=0, **options):
    """A server that lies, in a thread of its own; its port."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    made = []

    async def serve():
        async with LyingNameserver(udp=lie, tcp=lie, **options) as server:
            server.drops = drops
            made.extend((server, asyncio.Event()))
            ready.set()
            await made[1].wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield made[0].port
    finally:
        loop.call_soon_threadsafe(made[1].set)
        thread.join()
        loop.close()


def told(*words):
    """The status and the words for Nagios, and the same with ``--style exit``."""
    nagios = quick("check", *words)
    assert nagios.stderr == ""
    assert nagios.stdout.count("\n") == 1
    brief = quick("check", *words, "--style", "exit")
    assert brief.stdout == ""
    assert bool(brief.stderr) == bool(brief.returncode)
    assert brief.stderr.count("\n") == brief.returncode
    return nagios.returncode, nagios.stdout.rstrip("\n"), brief.returncode, brief.stderr


@pytest.mark.parametrize("server", ["127.0.0.1", "::1"])
def test_a_good_answer(named, server):
    status, line, brief, _ = told(server, "example.com", "soa", "--aa", "-p", named)
    assert (status, brief) == (0, 0)
    pattern = (
        rf"DNS OK - (udp|tcp) {re.escape(server)}#\d+ example\.com/SOA: NOERROR"
        r" \| udp=0\.\d{6}s;;;0;2 tcp=0\.\d{6}s;;;0;2"
    )
    assert re.fullmatch(pattern, line), line


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("broken.example", "SERVFAIL (probe-servfail)"),
        ("example.net", "REFUSED (probe-refused)"),
        ("no.example.com", "NXDOMAIN (probe-rcode)"),
    ],
)
def test_an_error_is_a_failure_unless_it_is_expected(named, name, words):
    status, line, brief, error = told("127.0.0.1", name, "-p", named)
    assert (status, brief) == (2, 1)
    assert line == f"DNS CRITICAL - udp 127.0.0.1#{named} {name}/A: {words} | udp=U tcp=U"
    assert error == f"udp 127.0.0.1#{named} {name}/A: {words}\n"
    code = words.split()[0].lower()
    assert told("127.0.0.1", name, "-p", named, "--rcode", f"noerror,{code}")[::2] == (0, 0)


def test_what_an_answer_is_held_to(named):
    ask = ("127.0.0.1", "ns.example.com", "-p", named)
    assert told(*ask, "--answer", r"^192\.0\.2\.1$")[::2] == (0, 0)
    status, line, brief, _ = told(*ask, "--answer", "10[.]0|10[.]1")
    assert (status, brief) == (2, 1)
    assert "192.0.2.1; no record matches" in line
    assert line.count("|") == 1  # what is behind it is performance data
    with lying(Lie.NO_AA) as port:
        assert told("127.0.0.1", "example.com", "soa", "-p", port)[::2] == (0, 0)
        status, line, brief, _ = told("127.0.0.1", "example.com", "soa", "-p", port, "--aa")
    assert (status, brief) == (2, 1)
    assert "NOERROR without AA (probe-not-authoritative)" in line


def test_the_class_is_asked_for(named):
    status, line, *_ = told("127.0.0.1", "version.bind", "TXT", "--class", "CH", "-p", named)
    assert status == 0
    assert "version.bind/TXT/CH: NOERROR" in line


def test_a_truncated_answer_is_looked_for_over_tcp(named):
    ask = ("127.0.0.1", "big.example.com", "TXT", "-p", named, "--transport", "udp")
    query = dns.message.make_query("big.example.com", "TXT", use_edns=0, payload=1232)
    assert dns.query.udp(query, "127.0.0.1", port=named, timeout=5).flags & dns.flags.TC
    status, line, *_ = told(*ask)
    assert status == 0
    assert "NOERROR, truncated" in line
    assert told(*ask, "--answer", "^.9 xxx")[::2] == (0, 0)


def test_slow_is_a_warning_or_a_failure():
    with lying(Lie.SLOW) as port:  # 200 ms
        ask = ("127.0.0.1", "example.com", "soa", "-p", port)
        assert told(*ask)[::2] == (0, 0)
        status, line, brief, _ = told(*ask, "-w", "100ms", "-c", "1")
        assert (status, brief) == (1, 0)
        assert re.search(r"DNS WARNING - .*NOERROR after 2\d\d ms \| udp=0\.2\d*s;0\.1;1;0;2", line)
        status, line, brief, _ = told(*ask, "-w", "50ms", "-c", "100ms")
        assert (status, brief) == (2, 1)
        assert re.search(r"NOERROR after 2\d\d ms, over 100 \(probe-slow\) \| udp=0\.2", line)


@pytest.mark.parametrize(("tries", "status"), [(1, 2), (4, 0)])
def test_a_lost_question_is_asked_again(tries, status):
    with lying(Lie.NONE, drops=1) as port:
        done = quick("check", "127.0.0.1", "a", "-p", port, "-t", "400ms", "--tries", tries)
    assert done.returncode == status, done.stdout
    assert ("no answer within 400 ms (probe-timeout)" in done.stdout) == (status != 0)


def test_tcp_only():
    with lying(Lie.NONE, listen=("tcp",)) as port:
        ask = ("127.0.0.1", "a", "-p", port)
        assert told(*ask, "--transport", "tcp")[::2] == (0, 0)
        status, line, brief, _ = told(*ask)
    assert (status, brief) == (2, 1)
    assert "udp 127.0.0.1" in line
    assert "nobody listens there (probe-connection-refused) | udp=U tcp=0." in line


def test_nobody_and_no_way():
    assert told("::1", "a", "-p", servers.free_port())[::2] == (2, 1)
    status, line, brief, _ = told("255.255.255.255", "a")
    assert (status, brief) == (2, 1)
    assert "(probe-unreachable)" in line


def test_the_source_address(named):
    ask = ("127.0.0.1", "example.com", "-p", named)
    assert told(*ask, "-b", "127.0.0.9")[::2] == (0, 0)
    status, line, brief, _ = told(*ask, "-b", "192.0.2.77")
    assert (status, brief) == (3, 1)
    assert line == "DNS UNKNOWN - cannot ask from 192.0.2.77: Cannot assign requested address"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "the server is missing"),
        (("named.example", "a"), "asked by its address, not by a name: 'named.example'"),
        (("127.0.0.1", "a", "--nonsense"), "there is no option --nonsense"),
        (("127.0.0.1", "a", "--timeout", "soon"), "--timeout is a time"),
        (("127.0.0.1", "a", "SOAP"), "a SOAP cannot be asked for"),
    ],
)
def test_nonsense_is_unknown_to_nagios_and_a_failure_to_keepalived(words, complaint):
    status, line, brief, error = told(*words)
    assert (status, brief) == (3, 1)
    assert line.startswith("DNS UNKNOWN - ")
    assert complaint in line
    assert error.startswith("anycast-wrap check: ")


def test_the_quick_way_says_the_same_as_the_long_one(named):
    """`quick` goes through click; here is the program as it is started."""
    words = ("127.0.0.1", "example.com", "-p", named, "--transport", "udp")
    for more, status in ((), 0), (("--rcode", "REFUSED"), 2), (("--bad",), 3):
        done = run("check", *words, *more)
        assert done.returncode == status
        assert (
            done.stdout.partition("|")[0] == quick("check", *words, *more).stdout.partition("|")[0]
        )
    assert run("-c", "/nonexistent", "check", *words).returncode == 0
    assert run("check", *words, "--style", "exit").stdout == ""
    assert "--critical TIME" in run("check", "--help").stdout


@pytest.mark.parametrize(
    ("more", "status"), [((), 0), (("--rcode", "REFUSED"), 2), (("-p", "1"), 2), (("--bad",), 3)]
)
def test_what_is_slow_to_load_is_not_loaded(named, more, status):
    """Nor where a server fails: then it would be loaded for every check of every server."""
    words = [sys.executable, "-X", "importtime", *PROGRAM[1:], "check", "127.0.0.1", "example.com"]
    done = subprocess.run(
        [*words, "-p", str(named), *more],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        timeout=60,
    )
    assert done.returncode == status
    ours = done.stderr.partition("anycast_wrapper.check\n")[2]
    loaded = {line.rpartition("|")[2].strip() for line in ours.splitlines()}
    assert "anycast_wrapper.check.asking" in loaded
    assert not loaded & {"enum", "re", "socket", "dataclasses", "typing", "asyncio", "click", "dns"}


def test_every_reason_is_one_that_everything_else_knows():
    slugs = {HEALTHY, SLOW, RCODE, ERROR, *_REASONS.values()}
    assert slugs <= set(Reason)


def test_a_fault_of_ours_says_nothing_about_the_server(named):
    """There is no file left for a second socket."""
    program = (
        "import resource, sys; from anycast_wrapper.check.program import run; "
        "resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4)); sys.exit(run(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "127.0.0.1", "example.com", "-p", str(named)],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert done.returncode == 3
    assert re.match(
        r"DNS UNKNOWN - tcp .*too many open files \(probe-error\) \| udp=0", done.stdout
    )


def test_a_full_disk_behind_it_is_not_good(named):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        words = [*PROGRAM, "check", "127.0.0.1", "example.com", "-p", str(named)]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, check=False, cwd="/")
    assert (done.returncode, done.stderr) == (1, b"")


COMMANDS = re.findall(
    r"command_name\s+(\S+)\s+command_line\s+\S+/anycast-wrap (.*)",
    (ROOT / "contrib" / "nagios" / "anycast-dns.cfg").read_text(),
)


@pytest.mark.parametrize(("name", "line"), COMMANDS, ids=lambda one: one.split()[0])
def test_the_commands_for_nagios_work(named, name, line):
    given = {"HOSTADDRESS": "127.0.0.1", "ARG1": "ns.example.com", "ARG2": "A"}
    given |= {"ARG3": "9s", "ARG4": "10s"}
    for macro, value in given.items():
        line = line.replace(f"${macro}$", value)
    assert "$" not in line
    done = quick(*line.split(), "-p", named)
    assert (done.returncode, done.stdout[:6]) == (0, "DNS OK"), done.stdout


def test_there_are_commands_for_nagios():
    assert [name for name, _ in COMMANDS] == ["check_anycast_dns", "check_anycast_resolver"]
