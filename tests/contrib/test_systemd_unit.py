"""contrib/systemd/anycast-wrap*.service: what systemd says of them, and what they must say."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from anycast_wrapper.config.load import load

Keys = dict[str, list[str]]


UNITS = ("anycast-wrap.service", "anycast-wrap@.service")


@pytest.fixture(scope="session", params=UNITS)
def unit(contrib: pathlib.Path, request: pytest.FixtureRequest) -> pathlib.Path:
    return contrib / "systemd" / request.param


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


@pytest.mark.root
def test_systemd_finds_nothing_to_complain_of(
    analyze: str, unit: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    stand_in = tmp_path / "anycast-wrap"
    shutil.copy("/bin/true", stand_in)
    copy = tmp_path / unit.name.replace("@.", "@one.")
    copy.write_text(unit.read_text().replace("/usr/bin/anycast-wrap", str(stand_in)))
    done = run(analyze, "verify", "--man=no", str(copy))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.root
def test_the_exposure_is_what_the_readme_says(
    analyze: str, unit: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run(analyze, "security", "--offline=true", "--no-pager", str(unit))
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    with capsys.disabled():
        print(f"\n    systemd-analyze security: {found[1]}")  # noqa: T201
    assert float(found[1]) <= 2.5


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "notify"),
        ("NotifyAccess", "main"),
        ("KillMode", "mixed"),
        ("Restart", "on-failure"),
        ("RestartPreventExitStatus", "2 4 5 6"),
        ("WatchdogSec", "10"),
        ("RuntimeDirectoryPreserve", "restart"),
        ("Conflicts", "named.service bind9.service"),
        ("After", "network.target frr.service bird.service"),
        ("Before", "nss-lookup.target named.service bind9.service"),
        ("Wants", "nss-lookup.target"),
        ("DevicePolicy", "closed"),
        ("DeviceAllow", "/dev/net/tun rw"),
        ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6 AF_NETLINK"),
        (
            "CapabilityBoundingSet",
            "CAP_NET_ADMIN CAP_NET_BIND_SERVICE CAP_SETUID CAP_SETGID",
        ),
        ("BindPaths", "/dev/net/tun"),
        ("SupplementaryGroups", "frrvty bird bind"),
    ],
)
def test_the_unit_says(key: str, value: str, keys: Keys) -> None:
    assert keys[key] == value.split()


@pytest.mark.parametrize("key", ["PrivateNetwork", "ProtectProc", "AmbientCapabilities"])
def test_the_unit_does_not_take_away_what_the_wrapper_needs(key: str, keys: Keys) -> None:
    assert key not in keys


def test_there_is_time_to_stop_in_the_proper_order(keys: Keys) -> None:
    linger, stop_timeout = 2, 30
    assert int(keys["TimeoutStopSec"][0]) > linger + stop_timeout


def test_every_capability_has_its_reason(unit: pathlib.Path, keys: Keys) -> None:
    comments = " ".join(line for line in unit.read_text().splitlines() if line.startswith("#"))
    for capability in keys["CapabilityBoundingSet"]:
        assert capability.removeprefix("CAP_") in comments


def test_what_the_kernel_lets_us_set_is_not_taken_away(keys: Keys) -> None:
    assert keys["ProtectKernelTunables"] == ["yes"]
    assert "/proc/sys/net" in keys["ReadWritePaths"]


def test_the_groups_of_the_unit_are_made(contrib: pathlib.Path, keys: Keys) -> None:
    made = (contrib / "systemd" / "anycast-wrap.sysusers").read_text().splitlines()
    groups = {line.split()[1] for line in made if line.startswith("g ")}
    assert groups == set(keys["SupplementaryGroups"])


PLAIN, TEMPLATE = UNITS
OWN = {
    "Description",
    "ExecStart",
    "ExecReload",
    "ExecStopPost",
    "RuntimeDirectory",
    "StateDirectory",
}
"""What an instance has of its own."""


def settings(path: pathlib.Path) -> list[str]:
    lines = path.read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_the_template_differs_in_what_is_the_instances_and_in_nothing_else(
    contrib: pathlib.Path,
) -> None:
    plain = settings(contrib / "systemd" / PLAIN)
    template = settings(contrib / "systemd" / TEMPLATE)
    assert len(plain) == len(template)
    differing = {
        one.partition("=")[0] for one, other in zip(plain, template, strict=True) if one != other
    }
    assert differing == OWN
    of_template = dict(line.split("=", 1) for line in template if line.partition("=")[0] in OWN)
    program = "/usr/bin/anycast-wrap -c /etc/anycast-wrap/%i.toml"
    assert of_template["ExecStart"] == f"{program} start --foreground"
    assert of_template["ExecReload"] == f"{program} reload"
    assert of_template["ExecStopPost"] == f"{program} withdraw"
    assert of_template["RuntimeDirectory"] == of_template["StateDirectory"] == "anycast-wrap-%i"


def test_the_plain_unit_reads_the_default_file(contrib: pathlib.Path) -> None:
    plain = settings(contrib / "systemd" / PLAIN)
    assert "ExecStart=/usr/bin/anycast-wrap start --foreground" in plain
    assert "ExecReload=/usr/bin/anycast-wrap reload" in plain
    assert "ExecStopPost=/usr/bin/anycast-wrap withdraw" in plain
    assert "RuntimeDirectory=anycast-wrap" in plain
    assert "StateDirectory=anycast-wrap" in plain


def test_two_instances_share_nothing(contrib: pathlib.Path) -> None:
    one, two = (load(contrib / "systemd" / "instances" / f"{n}.toml") for n in ("one", "two"))
    assert one.control.socket != two.control.socket
    assert one.drain.file != two.drain.file
    assert one.daemon.command != two.daemon.command
    names = [
        (c.interfaces.hold, c.interfaces.preferred, c.interfaces.last_resort) for c in (one, two)
    ]
    assert not set(names[0]) & set(names[1])
    assert not set(one.services[0].addresses) & set(two.services[0].addresses)
