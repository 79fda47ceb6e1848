"""Who may leave, and what is said to who may not."""

import asyncio
from ipaddress import ip_address

import pytest

from anycast_wrapper.routing import Vtysh, departure
from anycast_wrapper.routing.census import census
from anycast_wrapper.routing.departure import judge

from .test_census import ONE, THREE, TWO, recorded

V4, V6 = ip_address("192.0.2.53"), ip_address("2001:db8:53::53")
ELSEWHERE = ip_address("192.0.2.99")


def said(tag, *versions):
    return {version: census(recorded(tag, version)) for version in versions or (4, 6)}


def test_one_of_three_may_leave():
    found = judge([V4, V6], said("three"), 1)
    assert (found.refusal, found.warning) == ("", "")
    assert judge([V4, V6], said("three"), 2).refusal == ""


def test_the_last_one_may_not():
    found = judge([V4, V6], said("alone"), 1)
    assert found.lacking == {V4: (), V6: ()}
    assert found.refusal == (
        f"this node is the last that announces {V4} and {V6}: nobody else does; "
        f"{ONE} and {THREE} cannot be reached, so they do not count. Without it nobody would "
        "answer there; nothing was changed, and it goes on announcing. Start or undrain "
        "another node first (`anycast-wrap peers` shows them), or insist with --force"
    )


def test_the_last_one_for_one_address_may_not():
    found = judge([V4, ELSEWHERE], said("three"), 1)
    assert found.lacking == {ELSEWHERE: ()}
    assert f"the last that announces {ELSEWHERE}: nobody else" in found.refusal
    assert "Without it nobody would answer there; nothing was changed" in found.refusal


def test_more_may_be_wanted():
    found = judge([V4], said("cut"), 2)
    assert found.lacking == {V4: (THREE,)}
    assert (
        f"besides this node, only {THREE} announces {V4}, and drain.minimum is 2" in found.refusal
    )
    assert f"{TWO} cannot be reached, so it does not count" in found.refusal
    assert "Without it fewer would be left than wanted; nothing was changed" in found.refusal


def test_who_is_not_known_holds_nobody_back():
    answers = {4: "ospfd is not running", 6: census(recorded("three", 6))}
    found = judge([V4, V6], answers, 1)
    assert found.refusal == ""
    assert found.warning == (
        f"nobody knows whether another node announces {V4}: ospfd is not running"
    )


def test_what_is_known_counts_beside_what_is_not():
    answers = {4: "ospfd is not running", 6: census(recorded("alone", 6))}
    found = judge([V4, V6], answers, 1)
    assert f"the last that announces {V6}" in found.refusal


@pytest.mark.parametrize(("addresses", "minimum"), [([], 1), ([V4], 0)])
def test_nobody_is_asked_where_it_does_not_matter(tmp_path, addresses, minimum):
    asked = tmp_path / "asked"
    vtysh = Vtysh(("touch", str(asked)))
    found = asyncio.run(departure(vtysh, addresses, minimum))
    assert (found.refusal, found.warning) == ("", "")
    assert not asked.exists()


def test_a_vtysh_that_is_not_there_holds_nobody_back():
    found = asyncio.run(departure(Vtysh(("/nonexistent/vtysh",)), [V4, V6], 1))
    assert found.refusal == ""
    assert found.warning.endswith(": /nonexistent/vtysh: No such file or directory")
