"""A container's first process: its child's exit status, its signals, its orphans."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .program import ENVIRON

CHILD = """
import os, signal, subprocess, sys, time
from anycast_wrapper.cli.firstprocess import below_first

def serve():
    assert os.getpid() != 1
    {body}

sys.exit(below_first(serve))
"""
INSIDE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child", sys.executable, "-c")

pytestmark = pytest.mark.root


def run(body, timeout=15):
    return subprocess.run(
        [*INSIDE, CHILD.format(body=body)],
        env=ENVIRON,
        text=True,
        capture_output=True,
        timeout=timeout,
        check=False,
    )


def test_elsewhere_it_changes_nothing():
    script = (
        "import os, sys; from anycast_wrapper.cli.firstprocess import below_first; "
        "pid = os.getpid(); sys.exit(below_first(lambda: 3 if os.getpid() == pid else 4))"
    )
    done = subprocess.run([sys.executable, "-c", script], env=ENVIRON, check=False, timeout=15)
    assert done.returncode == 3


@pytest.mark.parametrize(("body", "code"), [("return 5", 5), ("sys.exit(6)", 6)])
def test_the_exit_status_comes_through(body, code):
    done = run(body)
    assert (done.returncode, done.stderr) == (code, "")


def test_the_watchdogs_signal_ends_the_wrapper():
    """A first process itself would not even get it: signals without a handler are not for it."""
    assert run("os.kill(os.getpid(), signal.SIGALRM); time.sleep(30)").returncode == 142


def test_orphans_are_reaped():
    done = run(
        """
    subprocess.run(["sh", "-c", "sleep 0 & sleep 0 & exit 0"], check=True)
    until = time.monotonic() + 10
    while "defunct" in (seen := os.popen("ps -A -o comm").read()) or "sleep" in seen:
        assert time.monotonic() < until, seen
    return 0
"""
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_are_passed_on(number):
    body = f"""
    signal.signal({int(number)}, lambda *_: os._exit(9))
    print("ready", flush=True)
    for _ in range(600):  # a signal just before a single long sleep would be seen only after it
        time.sleep(0.05)
"""
    process = subprocess.Popen(
        [*INSIDE, CHILD.format(body=body)], env=ENVIRON, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "ready\n"
        # unshare's only child is the first process.
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        os.kill(int(children.read_text()), number)
        assert process.wait(timeout=10) == 9


def test_the_name_server_of_a_killed_wrapper_answers_on_for_a_while():
    began = time.monotonic()
    assert run("os.kill(os.getpid(), signal.SIGKILL)").returncode == 137
    assert time.monotonic() - began > 1.0
