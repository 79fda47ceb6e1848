"""The rules as values: what they say, and that a golden file reads as their specification."""

import json
import os
from ipaddress import ip_address
from pathlib import Path

import pytest

from anycast_wrapper.ports import Peer
from anycast_wrapper.reroute import rules

GOLDEN = Path(__file__).parent / "ruleset.json"

A, B, C = (ip_address(a) for a in ("192.0.2.53", "192.0.2.54", "192.0.2.55"))
SIX = ip_address("2001:db8::53")
TWO = Peer(ip_address("198.51.100.2"), "lan")
THREE = Peer(ip_address("198.51.100.3"), "lan")
LOCAL = Peer(ip_address("fe80::2"), "eth0.53")

PLAN = rules.Plan(
    services=((A, 53), (A, 5353), (B, 53), (C, 53)),
    peers={A: (TWO, THREE), B: (TWO,), C: ()},
)
PLAN6 = rules.Plan(services=((SIX, 53),), peers={SIX: (LOCAL,)})


def test_the_rules_are_what_the_golden_file_says():
    commands = [
        *(*rules.fresh_table(4), *rules.ruleset(4, PLAN, ["to_gone"]), *rules.diverted(4, [B, A])),
        *(*rules.fresh_table(6), *rules.ruleset(6, PLAN6), *rules.diverted(6, [A])),
    ]
    written = "".join(json.dumps(command, sort_keys=True) + "\n" for command in commands)
    if os.environ.get("REWRITE"):
        GOLDEN.write_text(written)
    assert written == GOLDEN.read_text()


def test_an_address_without_a_peer_is_in_no_group():
    assert PLAN.addresses == [A, B]
    assert PLAN.groups == [(TWO, THREE), (TWO,)]
    assert PLAN.everyone == [TWO, THREE]


def test_chains_are_named_in_letters_that_nft_takes():
    assert PLAN6.chains == {"group_0", "to_fe80__2_eth0_53"}


def test_nothing_but_our_own_tables_is_named():
    commands = [
        *(*rules.fresh_table(4), *rules.ruleset(4, PLAN), *rules.diverted(4, [A])),
        *(*rules.no_table(6), *rules.questions(6)),
    ]
    for command in commands:
        ((_, what),) = command.items()
        ((kind, value),) = what.items()
        assert value["name" if kind == "table" else "table"] == rules.TABLE


def test_a_table_without_peers_diverts_nothing():
    plan = rules.Plan(services=((A, 53),))
    chains = [
        command["add"]["rule"]["chain"]
        for command in rules.ruleset(4, plan)
        if "rule" in command.get("add", {})
    ]
    assert "divert" not in chains
    assert not any(chain.startswith(("group_", "to_")) for chain in chains)


@pytest.mark.parametrize("version", [4, 6])
def test_no_table_is_taken_out_before_it_is_there(version):
    first, second = rules.no_table(version)
    assert list(first) == ["add"]
    assert list(second) == ["delete"]
