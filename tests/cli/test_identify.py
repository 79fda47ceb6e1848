"""`identify` as somebody runs it: against a real named, against nothing, against nonsense."""

import json
import os
import signal
import subprocess
import time

import pytest

from anycast_wrapper.identify.evenness import Verdict
from tests.nameserver import servers

from .program import ENVIRON, PROGRAM, quick, run


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """A named that says who it is; its port."""
    directory = tmp_path_factory.mktemp("named")
    port = servers.free_port()
    command = servers.named(directory, port)
    file = directory / "named.conf"
    file.write_text(file.read_text().replace("recursion no;", 'recursion no; server-id "host1";'))
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    deadline = time.monotonic() + 20
    asked = ("identify", "127.0.0.1", "--port", port, "--count", "1", "--zone", "example.com")
    while quick(*asked).returncode != 0:
        assert process.poll() is None, (directory / "log").read_text()
        assert time.monotonic() < deadline, quick(*asked).stdout
    yield port
    process.terminate()
    process.wait(timeout=20)


def test_a_real_named_is_identified(named):
    done = quick("identify", "127.0.0.1", "--port", named, "--zone", "example.com", "--count", "8")
    assert (done.returncode, done.stderr) == (0, "")
    assert "127.0.0.1 over UDP: asked from 8 source ports" in done.stdout
    assert "127.0.0.1 over TCP: asked from 8 source ports" in done.stdout
    assert "one node answers: nothing is spread" in done.stdout
    row = next(row for row in done.stdout.splitlines() if "NSID" in row)
    assert row.split()[:3] == ["host1", "NSID", "40"]
    assert row.endswith("  7")
    assert done.stdout.splitlines()[-1] == "all fine: 1 node answered 40 of 40 questions"
    assert "\x1b" not in done.stdout


def test_programs_get_a_document(named):
    done = quick("identify", "127.0.0.1", "--port", named, "--tcp", "--count", "4", "--json")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert document["ok"] is True
    assert document["zone"] is None
    assert (document["questions"], document["answers"]) == (16, 16)
    assert document["balances"] == [
        {
            "address": "127.0.0.1",
            "transport": "tcp",
            "asked": 4,
            "lost": 0,
            "nodes": [{"node": "host1", "visits": 4, "share": 1.0}],
            "evenness": {
                "verdict": Verdict.ONE_NODE.value,
                "sentence": "one node answers: nothing is spread",
                "chi_square": None,
                "degrees_of_freedom": None,
                "p": None,
            },
        }
    ]
    (node,) = document["nodes"]
    assert (node["node"], node["known_by"], node["visits"]) == ("host1", "NSID", 4)
    assert node["versions"][0].startswith("9.")
    assert 0 < node["latency_ms"]["median"] <= node["latency_ms"]["p95"]


def test_a_zone_that_is_not_served_is_wrong(named):
    done = quick("identify", "127.0.0.1", "--port", named, "--zone", "example.net", "--count", "2")
    assert done.returncode == 1
    assert "host1 answers REFUSED to the SOA of example.net" in done.stdout
    assert "2 things are wrong" in done.stdout


def test_nobody_there_is_1_with_the_sentence():
    port = servers.free_port()
    for options in ([], ["--json"]):
        done = quick("identify", "127.0.0.1", "--port", port, "--count", "2", *options)
        assert (done.returncode, done.stderr) == (1, "")
        assert "nothing answers at all: 4 questions, no answer" in done.stdout
        assert "nobody listens there" in done.stdout


def watching(port, *options):
    argv = [*PROGRAM, "identify", "127.0.0.1", "--port", str(port), "--watch", *options]
    return subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRON
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_watch_writes_lines_to_a_pipe_and_ends_with_the_summary(named, how):
    with watching(named) as process:
        first = process.stdout.readline()
        process.send_signal(how)
        output, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    assert "127.0.0.1 host1 " in first
    assert first.endswith(", lost 0\n")
    assert "who answered when" in output
    assert output.splitlines()[-1].startswith("all fine: 1 node answered ")


def test_watch_for_programs_is_a_document_a_line(named):
    with watching(named, "--json", "--count", "40") as process:
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    *slices, last = map(json.loads, output.splitlines())
    assert last["ok"] is True
    assert sum(one["nodes"][0]["visits"] for one in slices) == 80
    assert {one["address"] for one in slices} == {"127.0.0.1"}


def test_watch_on_a_terminal_is_drawn_in_place(named):
    pytest.importorskip("rich")
    master, slave = os.openpty()
    argv = [*PROGRAM, "identify", "127.0.0.1", "--port", str(named), "--watch", "--count", "60"]
    environ = {**ENVIRON, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    with subprocess.Popen(argv, stdout=slave, stderr=subprocess.PIPE, env=environ) as process:
        os.close(slave)
        shown = b""
        while chunk := _read(master):
            shown += chunk
        errors = process.stderr.read()
    os.close(master)
    assert (process.returncode, errors) == (0, b"")
    assert b"Ctrl-C ends it" in shown
    assert b"\x1b[1A" in shown, "nothing was redrawn"
    assert "█".encode() in shown
    assert b"all fine: 1 node answered 120 of 120 questions" in shown


def _read(master):
    try:
        return os.read(master, 65536)
    except OSError:  # the other end is closed
        return b""


def test_a_reader_that_has_had_enough_is_no_traceback(named):
    with watching(named) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=20) == 1
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["ns.example"],
        ["192.0.2.256"],
        ["192.0.2.1", "x"],
        ["127.0.0.1", "--zone", "a..b"],
        ["127.0.0.1", "--port", "0"],
        ["127.0.0.1", "--port", "65536"],
        ["127.0.0.1", "--rate", "1001"],
        ["127.0.0.1", "--rate", "0"],
        ["127.0.0.1", "--rate", "nan"],
        ["127.0.0.1", "--count", "0"],
        ["127.0.0.1", "--timeout", "0"],
        ["127.0.0.1", "--timeout", "nan"],
        ["127.0.0.1", "--timeout", "inf"],
    ],
    ids=" ".join,
)
def test_nonsense_is_2_with_a_sentence(arguments):
    done = quick("identify", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Error: " in done.stderr


def test_it_needs_no_configuration_and_loads_none_of_the_wrapper():
    body = (
        "import sys; import anycast_wrapper.cli.identify; "
        "print(sorted({'pydantic', 'pyroute2', 'psutil', 'rich'} & set(sys.modules)))"
    )
    done = run("-c", "/nonexistent", "identify", "127.0.0.1", "--port", "9", "--count", "1")
    assert done.returncode == 1
    assert done.stderr == ""
    done = subprocess.run(
        [PROGRAM[0], "-c", body], env=ENVIRON, capture_output=True, timeout=20, check=True
    )
    assert done.stdout == b"[]\n"
