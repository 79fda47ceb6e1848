"""The documentation is written from the checks, and is current."""

import subprocess
import sys
from pathlib import Path

import pytest

from anycast_wrapper.doctor.checks import ALL

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "doctor.rst"


def test_the_page_is_written_from_the_checks():
    made = subprocess.run(
        [sys.executable, ROOT / "docs" / "write_doctor.py"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert made.stdout == PAGE.read_text()


@pytest.mark.parametrize("one", ALL.values(), ids=list(ALL))
def test_a_check_is_documented_and_says_all_there_is_to_say(one):
    title = f"\n{one.name}\n{'-' * len(one.name)}\n"
    assert title in PAGE.read_text()
    for words in (one.looks, one.why, one.cure):
        assert words.endswith(".")
        assert len(words) > 15


def test_names_are_slugs_and_unique():
    assert all(name == one.name for name, one in ALL.items())
    assert all(name.replace("-", "").isalnum() and name.islower() for name in ALL)
