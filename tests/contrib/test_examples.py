"""The example configurations: TOML, only known keys, and in step with the FRR files."""

from __future__ import annotations

import pathlib
import re
import tomllib
from typing import Any

import pytest

from anycast_wrapper.config.load import parse
from anycast_wrapper.config.schema import Config

NAMES = ("anycast-wrap.toml", "anycast-wrap-classic.toml")


def load(contrib: pathlib.Path, name: str) -> dict[str, Any]:
    return tomllib.loads((contrib / name).read_text())


def keys() -> set[str]:
    """Every key that the configuration knows."""
    schema = Config.model_json_schema(by_alias=True)
    return {key for table in schema["$defs"].values() for key in table.get("properties", {})}


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_a_good_configuration(name: str, contrib: pathlib.Path) -> None:
    text = (contrib / name).read_text()
    assert parse(text, name).services


def test_the_annotated_example_mentions_every_key(contrib: pathlib.Path) -> None:
    text = (contrib / "anycast-wrap.toml").read_text()
    for key in keys() - {"probe"}:
        assert re.search(
            rf"^(# )?{re.escape(key)} = |[{{,] {re.escape(key)} = ", text, re.MULTILINE
        ), key


@pytest.mark.parametrize(
    ("example", "frr"),
    [
        ("anycast-wrap.toml", "host"),
        ("anycast-wrap.toml", "host-stub"),
        ("anycast-wrap-classic.toml", "host-classic"),
    ],
)
def test_the_routing_daemon_is_configured_for_the_same_interfaces(
    example: str, frr: str, contrib: pathlib.Path
) -> None:
    interfaces = load(contrib, example)["interfaces"]
    stanzas = re.findall(
        r"^interface (\S+)$", (contrib / "frr" / f"{frr}.frr.conf").read_text(), re.MULTILINE
    )
    for rank in ("preferred", "last-resort"):
        assert interfaces[rank] in {*stanzas, "none"}
    assert interfaces["hold"] not in stanzas


@pytest.mark.parametrize("frr", ["gateway", "gateway-stub"])
@pytest.mark.parametrize("example", NAMES)
def test_the_gateway_accepts_every_address_of_the_example(
    example: str, frr: str, contrib: pathlib.Path
) -> None:
    text = (contrib / "frr" / f"{frr}.frr.conf").read_text()
    accepted = re.findall(
        r"prefix-list SERVICE6? seq \d+ permit (\S+)/(?:32|128)$", text, re.MULTILINE
    )
    for service in load(contrib, example)["service"]:
        assert set(service["addresses"]) <= set(accepted)


@pytest.mark.parametrize("frr", ["host", "host-stub", "gateway", "gateway-stub"])
def test_nothing_in_the_configurations_announces_by_accident(
    frr: str, contrib: pathlib.Path
) -> None:
    lines = (contrib / "frr" / f"{frr}.frr.conf").read_text().splitlines()
    active = [line.strip() for line in lines if not line.startswith("!")]
    for start in ("redistribute", "network ", "interface lo", "interface anycast-hold", "timers"):
        assert not [line for line in active if line.startswith(start)], start
