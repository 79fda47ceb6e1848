"""docs/metrics.rst is what the catalogue says."""

import subprocess
import sys
from pathlib import Path

from anycast_wrapper.telemetry.metrics.catalogue import ALL

ROOT = Path(__file__).parents[2]


def test_the_metrics_page_is_written_from_the_catalogue():
    written = subprocess.run(
        [sys.executable, ROOT / "docs" / "write_metrics.py"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert written.stdout == (ROOT / "docs" / "metrics.rst").read_text()
    for metric in ALL:
        assert f"``{metric.shown}``" in written.stdout
