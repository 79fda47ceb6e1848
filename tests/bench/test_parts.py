"""What the command offers and how parts are chosen; nothing is measured here."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench import faults, lanes, parts
from bench.contenders import ALL

ROOT = Path(__file__).resolve().parent.parent.parent


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_list_tells_of_every_contender_and_every_fault():
    done = command("--list")
    assert done.returncode == 0, done.stderr
    listed = done.stdout.split()
    assert listed == parts.every()
    assert {part.split(":")[1] for part in listed if part.startswith("faults:")} == set(ALL)
    assert {part.split(":")[2] for part in listed if part.startswith("faults:")} == set(faults.ALL)


def test_an_unknown_part_is_a_usage_error_in_one_sentence():
    done = command("--only", "faults:nobody", "--list")
    assert done.returncode == 2
    assert "no part is called 'faults:nobody'" in done.stderr
    assert "Traceback" not in done.stderr


def test_everything_quick_is_a_part():
    assert set(parts.quick()) <= set(parts.every())


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("checks", r"checks"),
        ("faults", r"faults:.*"),
        ("faults:exabgp", r"faults:exabgp-(default|tight):.*"),
        ("faults:exabgp-tight:kill", r"faults:exabgp-tight:kill"),
        ("faults::kill", r"faults:[a-z-]+:kill"),
        ("faults:anycast-wrap", r"faults:anycast-wrap:.*"),
        ("hosts:2", r"hosts:2"),
    ],
)
def test_a_pattern_names_parts(pattern, fits):
    chosen = parts.chosen([pattern], parts.every())
    assert chosen == [part for part in parts.every() if re.fullmatch(fits, part)]
    assert chosen


def test_only_the_faults_of_one_contender_share_a_lab():
    labs = parts.by_lab(parts.every())
    assert [part for _, group in labs for part in group] == parts.every()
    for _, group in labs:
        if len(group) > 1:
            assert len({part.rpartition(":")[0] for part in group}) == 1
            assert group[0].startswith("faults:")


def test_a_supervisor_is_only_for_those_who_have_no_named_of_their_own():
    concerned = {name for name, one in ALL.items() if faults.ALL["restarted"].concerns(one)}
    assert concerned == {name for name, one in ALL.items() if not one.parent}


def test_slow_contenders_have_lanes_of_their_own():
    side_by_side, alone = lanes.apart(parts.every())
    assert sorted(part for lane in side_by_side for part in lane) == sorted(
        part
        for part in parts.every()
        if part.startswith("idle:")
        or (part.startswith("faults:") and ALL[part.split(":")[1]].interval >= lanes.SLOW)
    )
    of_whom = [{part.rpartition(":")[0] for part in lane} for lane in side_by_side]
    assert all(len(one) == 1 for one in of_whom)
    assert len(side_by_side) > 2
    assert sorted([*alone, *(part for lane in side_by_side for part in lane)]) == sorted(
        parts.every()
    )


def test_one_slow_contender_needs_no_lane():
    chosen = parts.chosen(["faults:ahc-default", "checks"], parts.every())
    assert lanes.apart(chosen) == ([], chosen)
