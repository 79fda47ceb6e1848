"""A signal reaches a process of another user, with as few rights as the unit leaves us."""

import shutil
import signal
import subprocess
import sys

import psutil
import pytest

from anycast_wrapper.lab.eventually import eventually

KILLER = """
import signal, sys
from anycast_wrapper.nameserver.handle import Handle
from anycast_wrapper.nameserver.record import identify
Handle(identify(int(sys.argv[1]))).send(signal.SIGTERM)
"""


@pytest.mark.root
@pytest.mark.parametrize("without", ["-kill", "-kill,-setuid"])
def test_root_without_the_right_to_kill_signals_as_the_user_of_the_process(without):
    if shutil.which("setpriv") is None:
        pytest.skip("needs setpriv")
    child = subprocess.Popen(["setpriv", "--reuid=nobody", "--clear-groups", "sleep", "60"])
    try:
        # Until then it is root's, as we are.
        eventually(lambda: psutil.Process(child.pid).uids().real != 0)
        bounded = ["setpriv", f"--bounding-set={without}", sys.executable, "-c", KILLER]
        done = subprocess.run(
            [*bounded, str(child.pid)], check=False, capture_output=True, text=True
        )
        if without == "-kill":
            assert (done.returncode, child.wait(10)) == (0, -signal.SIGTERM), done.stderr
        else:
            assert "PermissionError" in done.stderr
            assert child.poll() is None
    finally:
        child.kill()
        child.wait()
