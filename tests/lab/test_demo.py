"""The demo: what it claims at the end, and that it leaves nothing behind however it ends."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from anycast_wrapper.lab import demo
from anycast_wrapper.lab.claim import ROOT
from anycast_wrapper.lab.eventually import eventually

DEMO = (sys.executable, "-m", "anycast_wrapper.lab.demo")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
HEADINGS = ["step", "queries", "lost", "route gone after", "answered by"]


def lab_of(pid):
    """The directory of the lab that a process owns, None while it has none."""
    owners = {path.parent: path.read_text() for path in ROOT.glob("*/owner")}
    return next((path for path, owner in owners.items() if owner.strip() == str(pid)), None)


def rows_of(story):
    """The table at the end, by step."""
    lines = [re.split(r"  +", line) for line in story.splitlines()]
    rows = lines[lines.index(HEADINGS) + 1 :]
    return {row[0]: dict(zip(HEADINGS, row, strict=True)) for row in rows if len(row) > 1}


def milliseconds(text):
    return float(text.removesuffix(" ms"))


def test_the_demo_shows_what_the_wrapper_is_for():
    done = subprocess.run(DEMO, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = rows_of(done.stdout)
    named, wrapper = rows.pop("kill -9 of named"), rows["kill -9 of anycast-wrap"]
    assert list(rows) == ["both announced", "anycast-wrap restart", "kill -9 of anycast-wrap"]
    assert {row["lost"] for row in rows.values()} == {"0"}
    assert rows["both announced"]["answered by"].startswith("host1 ")
    assert {row["answered by"] for row in (named, wrapper)} == {"host2 100%"}
    assert int(named["lost"]) < 500
    assert all(milliseconds(row["route gone after"]) < 500 for row in (named, wrapper))
    assert all(int(row["queries"]) > 1500 for row in rows.values())
    assert "exit status 5" in done.stdout
    took = re.search(r"([\d.]+) s all of it removed again", done.stdout)
    assert took
    assert float(took[1]) < 60


def test_an_interrupt_removes_everything():
    with subprocess.Popen(
        DEMO, env=ENVIRONMENT, stdout=subprocess.DEVNULL, text=True, stderr=subprocess.PIPE
    ) as teller:
        directory = eventually(lambda: lab_of(teller.pid), awaiting="the demo's lab")
        eventually(lambda: list(directory.glob("*/frr/*.pid")), awaiting="its daemons")
        for _ in range(2):  # the second comes while it removes things
            teller.send_signal(signal.SIGINT)
        said = teller.stderr.read()
    assert teller.returncode == 128 + signal.SIGINT
    assert said == "demo: stopped by SIGINT; everything is removed again\n"
    assert not directory.exists()
    assert not list(Path("/run/netns").glob(f"{directory.name}-*"))


@pytest.mark.parametrize(
    ("lacks", "status", "sentence"),
    [
        (["root", "named (BIND 9)"], 4, "must be run as root, for network namespaces"),
        (
            ["zebra (FRR)", "named (BIND 9)"],
            5,
            "this machine lacks zebra (FRR), named (BIND 9); on Debian: apt-get install bind9 frr",
        ),
        (["/dev/net/tun"], 5, "this machine lacks /dev/net/tun"),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(monkeypatch, capsys, lacks, status, sentence):
    monkeypatch.setattr(demo, "missing", lambda: lacks)
    assert demo.main() == status
    assert capsys.readouterr() == ("", f"demo: {sentence}\n")
