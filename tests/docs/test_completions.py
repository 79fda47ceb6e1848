"""contrib/completions is what click makes, and the script for bash works in a bash."""

import os
import pty
import runpy
import select
import shutil
import subprocess
import sys
import time
from importlib.metadata import version

import pytest
from manpages import ROOT

from anycast_wrapper.cli.main import COMMANDS
from anycast_wrapper.doctor.checks import ALL as CHECKS

DIRECTORY = ROOT / "contrib" / "completions"
WRITER = runpy.run_path(str(ROOT / "docs" / "write_completions.py"))


@pytest.mark.parametrize("name", WRITER["FILES"])
def test_the_scripts_are_what_click_makes(name):
    made = WRITER["written"](WRITER["FILES"][name])
    words = f"click {version('click')} makes another one: python docs/write_completions.py"
    assert (DIRECTORY / name).read_text() == made, words


def test_there_is_no_other_file():
    assert {one.name for one in DIRECTORY.iterdir()} == {*WRITER["FILES"], "README.rst"}


@pytest.fixture
def bash(tmp_path):
    """An interactive bash on a terminal; gives what types and waits for what has to appear."""
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    program = tmp_path / "anycast-wrap"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m anycast_wrapper "$@"\n')
    program.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "TERM": "dumb",
        "PS1": "> ",
        "INPUTRC": "/dev/null",
        "COLUMNS": "200",
    }
    terminal, inside = pty.openpty()
    process = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        env=environment,
        start_new_session=True,
    )
    os.close(inside)

    def types(text: str, *awaited: str) -> str:
        os.write(terminal, text.encode())
        said, end = "", time.monotonic() + 60
        while not all(words in said for words in awaited):
            left = end - time.monotonic()
            assert left > 0, f"waited for {awaited}, got {said!r}"
            if select.select([terminal], [], [], left)[0]:
                said += os.read(terminal, 65536).decode(errors="replace")
        return said

    types(f"bind 'set bell-style none'; . {DIRECTORY / 'anycast-wrap'}; echo lo''aded\n", "loaded")
    yield types
    process.kill()
    process.wait()
    os.close(terminal)


def test_a_bash_completes_the_commands(bash):
    said = bash("anycast-wrap \t\t", *COMMANDS)
    assert "Traceback" not in said


def test_a_bash_completes_a_command_an_option_and_the_name_of_a_check(bash):
    bash("anycast-wrap undr\t", "undrain ")
    bash("\x15anycast-wrap drain --fo\t", "--force ")
    check = max(CHECKS, key=len)
    bash(f"\x15anycast-wrap doctor --check {check[:-2]}\t", f"{check} ")
