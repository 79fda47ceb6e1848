"""`peers` on a host with an FRR that says what was recorded, or nothing useful."""

import asyncio
import json
import os
import pty
import re
import subprocess
import sys
import threading

import pytest

from tests.fakes.bird import FakeBird

from .program import ENVIRON, PROGRAM, ROOT, quick, run
from .test_usage import as_nobody, configuration, public  # noqa: F401 - a fixture

RECORDED = ROOT / "tests" / "routing" / "recorded"
V4, V6 = "192.0.2.53", "2001:db8:53::53"
SERVICES = f"""
[[service]]
name = "second"
addresses = ["{V6}"]
"""


def vtysh(directory, body):
    script = directory / "vtysh"
    script.write_text(f"#!{sys.executable} -S\nimport sys, time\nasked = sys.argv[-1]\n{body}\n")
    script.chmod(0o755)
    return script


def saying(tag):
    return f"""
version = 6 if "ipv6" in asked else 4
sys.stdout.write(open(f"{RECORDED}/census-{tag}-{{version}}.txt").read())
"""


@pytest.fixture
def host(tmp_path):
    """A configuration of two services whose vtysh is the one that is put there."""
    path = configuration(tmp_path, routing=f'vtysh = ["{tmp_path}/vtysh", "-N", "x"]')
    path.write_text(path.read_text() + SERVICES)
    return path


def test_who_announces_is_listed_plainly(host, tmp_path):
    vtysh(tmp_path, saying("cut"))
    done = quick("-c", host, "peers")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:4] == [
        f"{V4}: 2 nodes announce it, 1 more cannot be reached",
        "  192.168.53.11    this node    cost 10     age 0:00:09   area 0.0.0.0",
        "  192.168.53.13                 cost 60000  age 0:00:11   area 0.0.0.0",
        "  192.168.53.12    unreachable  cost 10     age 0:00:11   area 0.0.0.0",
    ]
    assert done.stdout.splitlines()[4].startswith(f"{V6}: 2 nodes announce it, 1 more")


def test_and_for_programs(host, tmp_path):
    vtysh(tmp_path, saying("alone"))
    done = quick("-c", host, "peers", "--json")
    document = json.loads(done.stdout)
    assert document["routers"] == {"ipv4": "192.168.53.12", "ipv6": "192.168.53.12"}
    four, six = document["addresses"]
    assert (four["address"], four["announced"], six["address"]) == (V4, True, V6)
    assert four["announcers"][0] == {
        "router": "192.168.53.12",
        "here": True,
        "reachable": True,
        "cost": 10,
        "age": 7,
        "area": "0.0.0.0",
        "origin": "area",
    }
    assert [one["reachable"] for one in four["announcers"]] == [True, False, False]


def test_an_address_that_nobody_announces_is_1(host, tmp_path):
    vtysh(tmp_path, saying("three"))
    done = quick("-c", host, "peers", V4, "192.0.2.99", V4)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines()[-1] == "192.0.2.99: NOBODY announces it"
    assert done.stdout.count(f"{V4}:") == 1
    assert quick("-c", host, "peers", V6).returncode == 0


def test_one_daemon_that_says_nothing_does_not_hide_the_other(host, tmp_path):
    vtysh(
        tmp_path, "if 'ipv6' in asked: sys.exit(print('ospf6d is not running'))\n" + saying("cut")
    )
    done = quick("-c", host, "peers")
    assert done.returncode == 1
    assert f"{V4}: 2 nodes announce it" in done.stdout
    assert f"{V6}: nobody knows: ospf6d: ospf6d is not running\n" in done.stdout
    six = json.loads(quick("-c", host, "peers", "--json").stdout)["addresses"][1]
    assert (six["announced"], six["why"]) == (None, "ospf6d: ospf6d is not running")
    assert six["announcers"] == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("print('ospfd is not running')", "ospfd: ospfd is not running"),
        ("print('{}')", "ospfd: this host has no OSPF router of its own"),
        ("print('{\"routerLinkStates\": 5}')", "ospfd answers in a form that is not known here"),
        # A user who is not root is told that he may not ask.
        pytest.param(
            "print('Exiting: failed to connect to any daemons.')",
            "Exiting: failed to connect",
            marks=pytest.mark.root,
        ),
        ("time.sleep(60)", "ospfd does not answer within 2 s"),
    ],
)
def test_where_nobody_says_anything_it_is_told_with_1(host, tmp_path, body, words):
    vtysh(tmp_path, body)
    for options in ([], ["--json"]):
        done = quick("-c", host, "peers", V4, *options)
        assert (done.returncode, done.stdout) == (1, "")
        assert words in done.stderr


def test_without_vtysh_it_says_5(host):
    done = quick("-c", host, "peers")
    assert done.returncode == 5
    assert "vtysh: no such program, or not executable; install FRR" in done.stderr


@pytest.mark.root
def test_who_may_not_ask_is_told_with_4(public, tmp_path):  # noqa: F811
    directory = public.parent
    path = configuration(directory, routing=f'vtysh = ["{directory}/vtysh"]')
    path.chmod(0o644)
    script = vtysh(directory, "")
    words = "% no permission\\nExiting: failed to connect to any daemons.\\nHint: be root"
    script.write_text(f"#!/bin/sh\nprintf '%b' '{words}'; exit 1\n")
    done = as_nobody(path, "peers")
    assert done.returncode == 4
    assert "FRR does not run, or talks to root and the group frrvty only" in done.stderr


def test_no_configuration_is_needed_where_addresses_are_given(tmp_path):
    vtysh(tmp_path, saying("three"))
    done = subprocess.run(
        [*PROGRAM, "-c", str(tmp_path / "none.toml"), "peers", V4],
        env={**ENVIRON, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{V4}: 3 nodes announce it\n" in done.stdout
    assert quick("-c", tmp_path / "none.toml", "peers").returncode == 6


def test_what_is_no_address_is_a_usage_error(host):
    for words in ("192.0.2.0/24", "resolver", ""):
        done = quick("-c", host, "peers", words)
        assert done.returncode == 2
        assert "is no IPv4 or IPv6 address" in done.stderr


def test_on_a_terminal_it_is_a_table(host, tmp_path):
    pytest.importorskip("rich")
    vtysh(tmp_path, saying("cut"))
    ours, theirs = pty.openpty()
    environ = {**ENVIRON, "TERM": "xterm", "COLUMNS": "100"}
    argv = [*PROGRAM, "-c", str(host), "peers"]
    with subprocess.Popen(argv, stdout=theirs, stderr=theirs, env=environ) as process:
        os.close(theirs)
        said = b""
        while True:
            try:
                chunk = os.read(ours, 4096)
            except OSError:  # EIO: the other end is closed
                break
            said += chunk
    os.close(ours)
    assert process.returncode == 0
    text = said.decode()
    assert "router" in text
    assert "\x1b[32m192.168.53.11" in text  # this node, in green
    assert "\x1b[31m192.168.53.12" in text  # unreachable, in red
    shown = re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()
    assert shown[1].split() == ["router", "cost", "age", "area"]
    assert shown[2].split()[:4] == ["192.168.53.11", "this", "node", "10"]


def test_its_help_tells_the_exit_statuses():
    said = run("peers", "--help").stdout
    assert "5  what asks the routing daemon (vtysh) is not installed" in said


# --- BIRD ---


@pytest.fixture
def bird(tmp_path):
    """A configuration whose routing daemon is BIRD, which says what was recorded."""
    replies = {
        question: (RECORDED / f"bird-cut-{what}.txt").read_text()
        for question, what in (
            ("show protocols", "protocols"),
            ("show ospf state all 'ospf2'", "state4"),
            ("show ospf state all 'ospf3'", "state6"),
        )
    }
    path = configuration(
        tmp_path, routing=f'daemon = "bird"\nbird-socket = "{tmp_path}/ctl"\nvtysh = ["/nothing"]'
    )
    path.write_text(path.read_text() + SERVICES)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    fake = FakeBird(tmp_path / "ctl", replies)
    asyncio.run_coroutine_threadsafe(fake.__aenter__(), loop).result(10)
    yield path
    asyncio.run_coroutine_threadsafe(fake.__aexit__(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_bird_is_asked_where_it_announces(bird):
    done = quick("-c", bird, "peers")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:4] == [
        f"{V4}: 2 nodes announce it, 1 more cannot be reached",
        "  192.168.53.11    this node    cost 10     age -         redistributed",
        "  192.168.53.13                 cost 60000  age -         redistributed",
        "  192.168.53.12    unreachable  cost 10     age -         redistributed",
    ]


def test_a_bird_that_is_not_there_is_told(tmp_path):
    path = configuration(
        tmp_path, routing=f'daemon = "bird"\nbird-socket = "{tmp_path}/ctl"\nvtysh = ["/nothing"]'
    )
    done = quick("-c", path, "peers")
    assert done.returncode == 1
    assert f"BIRD: {tmp_path}/ctl: No such file or directory" in done.stderr


def test_a_daemon_that_is_not_asked_is_told(tmp_path):
    done = quick("-c", configuration(tmp_path, routing='daemon = "none"'), "peers")
    assert done.returncode == 1
    assert 'the routing daemon is not asked (routing.daemon is "none")' in done.stderr
