"""``track`` from the command line while none runs: what it says, and how it exits."""

import json

import pytest

from .program import quick, run

POOL = """
[[pool]]
name = "resolver"
addresses = ["192.0.2.253"]
[[pool.server]]
name = "ns1"
addresses = ["198.51.100.1"]
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "track.toml"
    head = f'[track]\ndrain-file = "{tmp_path}/drained"\n[control]\nsocket = "{tmp_path}/sock"\n'
    path.write_text(f"{head}[route]\nprotocol = 171\n{POOL}")
    return path


def test_a_good_file():
    assert quick("track", "--help").returncode == 0


def test_check_config(path, tmp_path):
    done = quick("-c", path, "track", "check-config")
    assert (done.returncode, done.stdout) == (0, f"{path}: good, 1 pool, 1 server\n")
    bad = tmp_path / "bad.toml"
    bad.write_text(POOL.replace("198.51.100.1", "192.0.2.253") + "x = 1\n")
    done = quick("-c", bad, "track", "check-config")
    assert done.returncode == 6
    assert len(done.stderr.splitlines()) == 1  # what is in itself wrong goes first
    assert "pool[1].server[1].x: found a key that is not known here" in done.stderr


@pytest.mark.parametrize("words", [(), ("run",), ("withdraw",), ("check-config",)])
def test_without_a_file_nothing_can_begin(tmp_path, words):
    done = quick("-c", tmp_path / "none.toml", "track", *words)
    assert done.returncode == 6
    assert "No such file or directory" in done.stderr


def test_its_own_file_is_the_default():
    done = quick("track", "check-config")
    assert "/etc/anycast-wrap/track.toml" in done.stderr + done.stdout


@pytest.mark.parametrize("words", [("drain", "ns1"), ("undrain", "ns1"), ("reload",)])
def test_what_needs_one_that_runs_says_so(path, words):
    done = quick("-c", path, "track", *words)
    assert done.returncode == 7
    assert "not running" in done.stderr


def test_to_stop_what_does_not_run_is_no_error(path):
    done = quick("-c", path, "track", "stop")
    assert (done.returncode, done.stdout) == (0, "not running\n")


def test_the_status_of_nothing(path):
    done = run("-c", path, "track", "status", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (3, {"state": "not-running"})
    done = run("-c", path, "track", "status")
    assert done.stdout == "anycast-wrap track: not-running\n"


@pytest.mark.parametrize("words", [("drain",), ("status", "--xml"), ("nonsense",)])
def test_usage(path, words):
    assert quick("-c", path, "track", *words).returncode == 2
