"""What we announce, held against what the routing daemons say."""

from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anycast_wrapper.core.model import Link, Policy, Service
from anycast_wrapper.core.state import initial
from anycast_wrapper.routing import Herald, Meant, Sighting, Truth
from anycast_wrapper.routing.truth import SETTLES, words

V4, V6 = ip_address("192.0.2.53"), ip_address("2001:db8:53::53")
STATE = initial(Policy(services=(Service("resolver", (V4, V6), ()),)))


class Node:
    """Announces, as its audience is told; the clock is a number."""

    def __init__(self):
        self.now = 1000.0
        self.meant = Meant(lambda: self.now)
        self.announce()

    def announce(self, *addresses, rank="anycast0"):
        links = {rank: Link(up=True, addresses=frozenset(addresses))}
        self.meant.hear(replace(STATE, links=links), ())

    def truth(self, *originated, after=0.0, silent=None):
        self.now += after
        if silent is not None:
            heard = {4: silent, 6: silent}
        else:
            heard = {v: frozenset(a for a in originated if a.version == v) for v in (4, 6)}
        return self.meant.truths(Sighting(heard, self.now))


def both(truth):
    return {V4: truth, V6: truth}


def test_what_is_meant_and_is_so_agrees_at_once():
    node = Node()
    assert node.truth() == both(Truth.AGREES)
    node.announce(V4, V6)
    assert node.truth(V4, V6) == both(Truth.AGREES)


def test_what_is_announced_has_time_to_be_originated_and_no_more():
    node = Node()
    node.announce(V4, V6)
    assert node.truth(V4) == {V4: Truth.AGREES, V6: Truth.SETTLING}
    assert node.truth(V4, after=SETTLES - 0.1)[V6] is Truth.SETTLING
    assert node.truth(V4, after=0.1) == {V4: Truth.AGREES, V6: Truth.NOT_ORIGINATED}


def test_what_is_withdrawn_and_stays_leaks():
    node = Node()
    node.announce(V4)
    node.announce(rank="anycast1")
    assert node.truth(V4, after=9.0)[V4] is Truth.SETTLING
    assert node.truth(V4, after=1.0) == {V4: Truth.LEAKING, V6: Truth.AGREES}


def test_a_step_that_changes_nothing_and_another_rank_do_not_begin_anew():
    node = Node()
    node.announce(V4, V6)
    node.now += 9.0
    node.announce(V4, V6)
    node.announce(V4, V6, rank="anycast1")
    assert node.truth(after=1.0) == both(Truth.NOT_ORIGINATED)


def test_an_answer_that_is_older_than_a_change_convicts_nobody():
    """The metrics read what was heard last, up to ten seconds ago."""
    node = Node()
    node.now += 100.0
    old = Sighting({4: frozenset(), 6: frozenset()}, node.now)
    node.announce(V4)
    node.now += 60.0
    assert node.meant.truths(old) == {V4: Truth.SETTLING, V6: Truth.AGREES}


def test_nobody_knows_what_nobody_says():
    node = Node()
    assert node.truth(silent="ospfd is not running", after=60) == both(Truth.UNKNOWN)
    assert node.meant.truths(None) == both(Truth.UNKNOWN)
    assert node.meant.truths(Sighting({4: frozenset()}, 0.0))[V6] is Truth.UNKNOWN
    assert node.meant.truth(ip_address("192.0.2.99"), None) is Truth.UNKNOWN


# --- notices ---


def test_a_lie_is_told_once_and_so_is_its_end():
    herald = Herald()

    def heard(truth):
        return [event for event, _ in herald.notices({V4: truth})]

    assert heard(Truth.AGREES) == []
    assert heard(Truth.SETTLING) == []
    assert heard(Truth.NOT_ORIGINATED) == ["announcement-missing"]
    assert heard(Truth.NOT_ORIGINATED) == []
    assert heard(Truth.UNKNOWN) == []
    assert heard(Truth.NOT_ORIGINATED) == []
    assert heard(Truth.LEAKING) == ["announcement-leaks"]
    assert heard(Truth.SETTLING) == []
    assert heard(Truth.AGREES) == ["announcement-true"]
    assert heard(Truth.AGREES) == []


def test_an_address_that_is_gone_from_the_configuration_is_forgotten():
    herald = Herald()
    assert len(list(herald.notices({V4: Truth.LEAKING}))) == 1
    assert list(herald.notices({})) == []
    assert list(herald.notices({V4: Truth.AGREES})) == []


@given(st.lists(st.sampled_from(list(Truth))))
def test_every_end_has_its_beginning(truths):
    herald, standing = Herald(), 0
    for truth in truths:
        for event, detail in herald.notices({V6: truth}):
            assert detail.startswith(f"{V6}: ")
            if event == "announcement-true":
                assert standing
                standing = 0
            else:
                standing += 1
        assert standing or truth not in {Truth.NOT_ORIGINATED, Truth.LEAKING}


@pytest.mark.parametrize("address", [V4, V6])
def test_a_lie_comes_with_what_to_do(address):
    daemon, command = ("ospfd", "ip ospf area") if address is V4 else ("ospf6d", "ipv6 ospf6 area")
    assert f"but {daemon} does not originate it" in words(Truth.NOT_ORIGINATED, address)
    assert command in words(Truth.NOT_ORIGINATED, address)
    assert f"but {daemon} originates it" in words(Truth.LEAKING, address)
    assert words(Truth.AGREES, address) == ""
