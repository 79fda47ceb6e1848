"""contrib/containers/pod.yaml: that it can be read, and grants what the lab's test grants."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from typing import Any

import pytest

READ = "import json, sys, yaml; json.dump(list(yaml.safe_load_all(sys.stdin)), sys.stdout)"


@pytest.fixture(scope="module")
def pod(contrib: pathlib.Path) -> dict[str, Any]:
    """By whichever Python has PyYAML: nothing of ours needs it."""
    text = (contrib / "containers" / "pod.yaml").read_text()
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            done = subprocess.run(
                [python, "-c", READ],
                input=text,
                text=True,
                capture_output=True,
                check=False,
                timeout=20,
            )
        except FileNotFoundError:
            continue
        if "No module named 'yaml'" in done.stderr:
            continue
        assert done.returncode == 0, done.stderr
        (document,) = json.loads(done.stdout)
        return dict(document)
    pytest.skip("no PyYAML here")


@pytest.fixture
def server(pod: dict[str, Any]) -> dict[str, Any]:
    (found,) = (one for one in pod["spec"]["containers"] if one["name"] == "name-server")
    return dict(found)


def test_every_mount_has_its_volume(pod: dict[str, Any]) -> None:
    volumes = {one["name"] for one in pod["spec"]["volumes"]}
    mounts = {m["name"] for c in pod["spec"]["containers"] for m in c["volumeMounts"]}
    assert mounts == volumes


def test_what_is_granted_is_what_the_lab_tries(server: dict[str, Any]) -> None:
    lab = (pathlib.Path(__file__).parents[1] / "lab" / "container.py").read_text()
    words = lab.split("CAPABILITIES = (", 1)[1].split(")", 1)[0]
    context = server["securityContext"]
    assert context["capabilities"]["drop"] == ["ALL"]
    assert {f'"{name.lower()}"' for name in context["capabilities"]["add"]} == set(
        words.replace(" ", "").split(",")
    )
    assert context["readOnlyRootFilesystem"] is True
    assert context["allowPrivilegeEscalation"] is False


def test_there_is_time_to_leave(pod: dict[str, Any]) -> None:
    linger, stop_timeout = 2, 30  # their defaults
    assert pod["spec"]["terminationGracePeriodSeconds"] > linger + stop_timeout


@pytest.mark.parametrize(
    ("status", "alive"), [(0, True), (5, True), (1, False), (3, False), (4, False)]
)
def test_a_node_that_is_not_announced_is_not_killed(
    server: dict[str, Any], tmp_path: pathlib.Path, status: int, alive: bool
) -> None:
    program = tmp_path / "anycast-wrap"
    program.write_text(f'#!/bin/sh\n[ "$1" = status ] && exit {status}\n')
    program.chmod(0o755)
    command = [
        word.replace("/usr/bin/anycast-wrap", str(program))
        for word in server["livenessProbe"]["exec"]["command"]
    ]
    done = subprocess.run(command, check=False, timeout=10)
    assert (done.returncode == 0) is alive
    assert server["readinessProbe"]["exec"]["command"] == ["/usr/bin/anycast-wrap", "status"]
