"""contrib/systemd/anycast-wrap.service: what systemd says of it, and what it must say."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess

import pytest

Keys = dict[str, list[str]]


@pytest.fixture(scope="session")
def unit(contrib: pathlib.Path) -> pathlib.Path:
    return contrib / "systemd" / "anycast-wrap.service"


@pytest.fixture(scope="session")
def keys(unit: pathlib.Path) -> Keys:
    found: Keys = {}
    for line in unit.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found.setdefault(key, []).extend(value.split())
    return found


@pytest.fixture(scope="session")
def analyze() -> str:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        if os.environ.get("CI") == "true":
            pytest.fail("systemd-analyze is not installed")
        pytest.skip("systemd-analyze is not installed")
    return tool


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, check=False, text=True, capture_output=True, timeout=60)


def test_systemd_finds_nothing_to_complain_of(
    analyze: str, unit: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    stand_in = tmp_path / "anycast-wrap"
    shutil.copy("/bin/true", stand_in)
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/usr/bin/anycast-wrap", str(stand_in)))
    done = run(analyze, "verify", "--man=no", str(copy))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_exposure_is_below_four(
    analyze: str, unit: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(analyze, "security", "--offline=true", "--no-pager", str(unit))
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    with capsys.disabled():
        print(f"\n    systemd-analyze security: {found[1]}")  # noqa: T201
    assert float(found[1]) < 4.0


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "notify"),
        ("NotifyAccess", "main"),
        ("ExecStart", "/usr/bin/anycast-wrap start --foreground"),
        ("ExecReload", "/usr/bin/anycast-wrap reload"),
        ("ExecStopPost", "/usr/bin/anycast-wrap withdraw"),
        ("KillMode", "mixed"),
        ("Restart", "on-failure"),
        ("RestartPreventExitStatus", "2 4 5 6"),
        ("WatchdogSec", "10"),
        ("RuntimeDirectory", "anycast-wrap"),
        ("RuntimeDirectoryPreserve", "restart"),
        ("StateDirectory", "anycast-wrap"),
        ("Conflicts", "named.service bind9.service"),
        ("After", "network.target frr.service"),
        ("Before", "nss-lookup.target"),
        ("Wants", "nss-lookup.target"),
        ("DevicePolicy", "closed"),
        ("DeviceAllow", "/dev/net/tun rw"),
        ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6 AF_NETLINK"),
    ],
)
def test_the_unit_says(key: str, value: str, keys: Keys) -> None:
    assert keys[key] == value.split()


@pytest.mark.parametrize(
    "key", ["PrivateDevices", "PrivateNetwork", "ProtectKernelTunables", "ProtectProc"]
)
def test_the_unit_does_not_take_away_what_the_wrapper_needs(key: str, keys: Keys) -> None:
    assert key not in keys


def test_there_is_time_to_stop_in_the_proper_order(keys: Keys) -> None:
    linger, stop_timeout = 2, 30
    assert int(keys["TimeoutStopSec"][0]) > linger + stop_timeout


def test_every_capability_has_its_reason(unit: pathlib.Path, keys: Keys) -> None:
    comments = " ".join(line for line in unit.read_text().splitlines() if line.startswith("#"))
    for capability in keys["CapabilityBoundingSet"]:
        assert capability.removeprefix("CAP_") in comments
