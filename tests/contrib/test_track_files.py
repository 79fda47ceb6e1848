"""What is shipped for ``anycast-wrap track``: the example, the unit, the lines for FRR."""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess
import tomllib
from typing import Any

import pytest

from anycast_wrapper.config.track import TrackConfig
from anycast_wrapper.config.trackfile import parse


@pytest.fixture
def example(contrib: pathlib.Path) -> str:
    return (contrib / "track" / "track.toml").read_text()


@pytest.fixture
def unit(contrib: pathlib.Path) -> str:
    return (contrib / "systemd" / "anycast-track.service").read_text()


def whole(example: str) -> str:
    """The example with everything in force that is a comment in it."""
    return re.sub(r"(?m)^# (?=\[|[a-z-]+ = )", "", example)


def keys() -> set[str]:
    """Every key that the file may have."""
    schema = TrackConfig.model_json_schema(by_alias=True)
    return {key for table in schema["$defs"].values() for key in table.get("properties", {})}


def test_the_example_is_good(example: str) -> None:
    assert len(parse(example, "f").pool[0].server) == 2


def test_the_example_is_good_with_everything_in_force(example: str) -> None:
    config = parse(whole(example), "f")
    assert [probe.type for probe in config.pool[0].probe] == ["dns", "command"]


def test_the_example_has_every_key(example: str) -> None:
    for key in keys():
        pattern = (
            rf"^(# )?(\[\[?([a-z.]+\.)?)?{re.escape(key)}(\]\]?| = )|[{{,] {re.escape(key)} = "
        )
        assert re.search(pattern, example, re.MULTILINE), key


def test_what_the_example_calls_a_default_is_one(example: str) -> None:
    def compare(said: dict[str, Any], default: dict[str, Any]) -> None:
        for key, value in said.items():
            if key in default and default[key] is not None and key not in ("listen", "expect"):
                assert value == default[key], key

    document = tomllib.loads(whole(example))
    least = parse('[[pool]]\nname="a"\naddresses=["192.0.2.1"]\n[[pool.server]]\nname="b"\n'
                  'addresses=["192.0.2.2"]\n[[pool.probe]]', "f")  # fmt: skip
    defaults = least.model_dump(mode="json", by_alias=True)
    for table in ("track", "route", "ipvs", "control", "log"):
        compare(document[table], defaults[table])
    pool, first = document["pool"][0], defaults["pool"][0]
    names = {"name", "addresses", "server", "probe"}
    compare({k: v for k, v in pool.items() if k not in names}, first)
    compare({"weight": pool["server"][0]["weight"]}, first["server"][0])
    probe = {k: v for k, v in pool["probe"][0].items() if k not in ("name", "qname", "qtype")}
    compare(probe, first["probe"][0])


def test_frr_passes_on_the_addresses_of_the_example(contrib: pathlib.Path, example: str) -> None:
    lines = (contrib / "track" / "gateway.frr.conf").read_text()
    passed = re.findall(
        r"prefix-list SERVICE6? seq \d+ permit (\S+)/(?:32|128)$", lines, re.MULTILINE
    )
    assert sorted(map(str, parse(example, "f").pool[0].addresses)) == sorted(passed)
    assert str(parse(example, "f").route.metric + 1) in lines


@pytest.mark.root
def test_frr_takes_the_lines(contrib: pathlib.Path) -> None:
    vtysh = shutil.which("vtysh")
    if vtysh is None:
        pytest.skip("FRR is not installed")
    file = contrib / "track" / "gateway.frr.conf"
    done = subprocess.run(
        [vtysh, "--dryrun", "--inputfile", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize(
    "line",
    [
        "Type=notify",
        "ExecStart=/usr/bin/anycast-wrap track run",
        "ExecReload=/usr/bin/anycast-wrap track reload",
        "RuntimeDirectory=anycast-track",
        "StateDirectory=anycast-track",
        "CapabilityBoundingSet=CAP_NET_ADMIN",
        "Restart=on-failure",
    ],
)
def test_the_unit_says(line: str, unit: str) -> None:
    assert line in unit.splitlines()


def test_a_crash_leaves_the_routes_to_the_successor(unit: str) -> None:
    assert "ExecStopPost" not in unit


@pytest.mark.root
def test_systemd_finds_little_to_complain_of(contrib: pathlib.Path, tmp_path: pathlib.Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    stand_in = tmp_path / "anycast-wrap"
    shutil.copy("/bin/true", stand_in)
    unit = contrib / "systemd" / "anycast-track.service"
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/usr/bin/anycast-wrap", str(stand_in)))
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    words = [analyze, "security", "--offline=true", "--no-pager", str(unit)]
    said = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found
    assert float(found[1]) < 2.5
