"""The example configurations: TOML, only known keys, and in step with the FRR files."""

from __future__ import annotations

import pathlib
import re
import tomllib
from typing import Any

import pytest

NAMES = ("anycast-wrap.toml", "anycast-wrap-classic.toml")
KNOWN = {
    "daemon": {
        "command",
        "restart",
        "restart-delay",
        "restart-delay-max",
        "ready",
        "ready-timeout",
        "stop-timeout",
        "check-command",
        "reload-signal",
    },
    "interfaces": {"kind", "hold", "require-route", "preferred", "last-resort"},
    "drain": {"linger", "file"},
    "control": {"socket", "group", "watchdog"},
    "routing": {"vtysh"},
    "service": {"name", "addresses", "probe"},
}
PROBE = {
    "name",
    "type",
    "server",
    "command",
    "qname",
    "qtype",
    "qclass",
    "transport",
    "interval",
    "recheck",
    "timeout",
    "rise",
    "fall",
    "on-failure",
    "expect",
}
EXPECT = {"rcode", "aa", "answer", "max-latency"}


def load(contrib: pathlib.Path, name: str) -> dict[str, Any]:
    return tomllib.loads((contrib / name).read_text())


@pytest.mark.parametrize("name", NAMES)
def test_an_example_has_only_keys_of_the_contract(name: str, contrib: pathlib.Path) -> None:
    example = load(contrib, name)
    assert example.keys() <= KNOWN.keys()
    for table, keys in KNOWN.items():
        blocks = example.get(table, {})
        for block in blocks if isinstance(blocks, list) else [blocks]:
            assert block.keys() <= keys
    for probe in (probe for service in example["service"] for probe in service["probe"]):
        assert probe.keys() <= PROBE
        assert probe.get("expect", {}).keys() <= EXPECT


def test_the_annotated_example_mentions_every_key(contrib: pathlib.Path) -> None:
    text = (contrib / "anycast-wrap.toml").read_text()
    for key in set().union(*KNOWN.values(), PROBE) - {"probe"}:
        assert re.search(rf"^(# )?{re.escape(key)} = ", text, re.MULTILINE), key
    for key in EXPECT:
        assert f"{key} = " in text


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
