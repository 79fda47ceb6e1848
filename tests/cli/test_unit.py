"""What is for systemctl to do is not done beside it."""

from pathlib import Path

import pytest

from anycast_wrapper.cli.unit import UnitError, refuse_restart, unit_for, unit_of
from anycast_wrapper.config import DEFAULT_FILE

SYSTEM = "0::/system.slice/anycast-wrap.service\n"
TEMPLATE = "0::/system.slice/system-anycast\\x2dwrap.slice/anycast-wrap@one.service\n"


def process(place: Path, environment: bytes, groups: str) -> Path:
    """Process 53 as proc(5) shows it."""
    (place / "53").mkdir()
    (place / "53" / "environ").write_bytes(environment)
    (place / "53" / "cgroup").write_text(groups)
    return place


@pytest.mark.parametrize(
    ("groups", "unit"),
    [
        (SYSTEM, "anycast-wrap.service"),
        (TEMPLATE, "anycast-wrap@one.service"),
        ("0::/user.slice/user-0.slice/session-1.scope\n", None),
        ("0::/\n", None),
    ],
)
def test_a_unit_is_known_by_its_control_group(tmp_path, groups, unit):
    proc = process(tmp_path, b"PATH=/usr/bin\0NOTIFY_SOCKET=/run/systemd/notify\0", groups)
    assert unit_of(53, proc) == unit


def test_what_cron_has_started_is_not_crons_main_process(tmp_path):
    proc = process(tmp_path, b"NOT_NOTIFY_SOCKET=1\0", "0::/system.slice/cron.service\n")
    assert unit_of(53, proc) is None


def test_a_process_that_is_gone_has_none(tmp_path):
    assert unit_of(53, tmp_path) is None


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        (DEFAULT_FILE, "anycast-wrap.service"),
        (DEFAULT_FILE.with_name("one.toml"), "anycast-wrap@one.service"),
        (DEFAULT_FILE.with_name("one.toml.old"), None),
        (Path("/run/anycast-lab/host1/anycast-wrap.toml"), None),
    ],
)
def test_the_unit_goes_by_where_the_file_is(path, unit):
    assert unit_for(path) == unit


def test_nobody_runs_so_nobody_is_in_the_way():
    refuse_restart(None)
    assert issubclass(UnitError, Exception)
