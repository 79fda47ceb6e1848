"""``anycast-wrap lab`` as an operator uses it."""

import subprocess
import sys

from anycast_wrapper.lab.claim import ROOT


def lab(*arguments, timeout=110):
    return subprocess.run(
        [sys.executable, "-m", "anycast_wrapper", "lab", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def test_it_lists_what_can_be_tried():
    said = lab("list")
    assert said.returncode == 0
    assert "kill-named" in said.stdout
    assert "kill-wrapper" in said.stdout


def test_a_scenario_that_does_not_exist_is_a_usage_error():
    said = lab("run", "kill-everybody")
    assert said.returncode == 2
    assert "kill-everybody" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_scenario_runs_to_its_report_and_leaves_nothing(tmp_path):
    before = {path.name for path in ROOT.glob("acl*")}
    report = tmp_path / "report.html"
    said = lab("run", "kill-wrapper", "--report", str(report))
    assert said.returncode == 0, said.stdout + said.stderr
    assert "1 passed, 0 failed" in said.stdout
    page = report.read_text()
    assert "<svg" in page
    # Self-contained: nothing is asked of anybody when it is opened.
    assert "src=" not in page
    assert "http://" not in page.replace("http://www.w3.org/", "")
    assert {path.name for path in ROOT.glob("acl*")} <= before
