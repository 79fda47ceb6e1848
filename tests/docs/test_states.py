"""The documentation cannot drift from the tables that it is drawn from."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_states_page_is_drawn_from_the_tables():
    drawn = subprocess.run(
        [sys.executable, ROOT / "docs" / "draw_states.py"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert drawn.stdout == (ROOT / "docs" / "states.rst").read_text()
