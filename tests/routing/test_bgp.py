"""What bgpd says: recorded from FRR 8.4.4, and taken apart."""

import asyncio
import contextlib
import json
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anycast_wrapper.routing import BgpTable
from anycast_wrapper.routing.bgp import census
from anycast_wrapper.routing.departure import judge
from anycast_wrapper.routing.lsdb import FORM_ERRORS, documents
from anycast_wrapper.routing.rollcall import document

V4, V6 = ip_address("192.0.2.53"), ip_address("2001:db8:53::53")
ABSENT = ip_address("192.0.2.99")
ONE, TWO = "192.168.53.11", "192.168.53.12"
TEXT = (Path(__file__).parent / "recorded" / "bgp-two.txt").read_text()
*ENTRIES, NEIGHBOURS = documents(TEXT)


def vtysh(tmp_path, text):
    """A program that prints what vtysh would; it is given what it is asked."""
    (tmp_path / "said").write_text(text)
    script = "import sys; print(open(sys.argv[1]).read())"
    return [sys.executable, "-c", script, str(tmp_path / "said")]


def asked(tmp_path, text, addresses=(V4, V6, ABSENT)):
    return BgpTable(vtysh(tmp_path, text), addresses)


def originated(table, versions=(4, 6)):
    return asyncio.run(table.originated(list(versions)))


def changed(entry, **values):
    return {**entry, **values}


def without_neighbours(text=TEXT):
    """What the question for what is originated gets: the neighbours are not asked for."""
    return "\n".join(json.dumps(one) for one in list(documents(text))[:-1])


# --- what is originated ---


def test_what_bgpd_has_of_its_own_and_tells_somebody_is_originated(tmp_path):
    table = asked(tmp_path, without_neighbours())
    assert originated(table) == {4: frozenset({V4}), 6: frozenset({V6})}


@pytest.mark.parametrize("fault", ["nobody is told", "it is another's"])
def test_what_nobody_is_told_or_is_not_ours_is_not_originated(tmp_path, fault):
    entry = ENTRIES[0]
    if fault == "nobody is told":
        entry = {key: value for key, value in entry.items() if key != "advertisedTo"}
    else:
        theirs = [path for path in entry["paths"] if not path.get("sourced")]
        entry = changed(entry, paths=theirs)
    table = asked(tmp_path, json.dumps(entry), (V4,))
    assert originated(table, (4,)) == {4: frozenset()}


def test_why_nobody_knows_is_told(tmp_path):
    warning = '{\n  "warning":"Default BGP instance not found"\n}'
    assert originated(asked(tmp_path, warning, (V4,)), (4,)) == {
        4: "bgpd: Default BGP instance not found"
    }
    closed = "Exiting: failed to connect to any daemons."
    assert originated(asked(tmp_path, closed, (V4,)), (4,)) == {4: f"bgpd: {closed}"}
    few = json.dumps(ENTRIES[0])
    assert originated(asked(tmp_path, few), (4,)) == {
        4: "bgpd answers in a form that is not known here"
    }
    gone = BgpTable(["/nonexistent/vtysh"], (V4,))
    assert "No such file" in originated(gone, (4,))[4]


# --- who announces ---


def test_both_nodes_are_seen_each_with_its_preference():
    for version, address in ((4, V4), (6, V6)):
        known = census(version, ENTRIES, NEIGHBOURS)
        found = [
            (one.offer.router, one.here, one.reachable, one.offer.preference, one.offer.cost)
            for one in known.announcers(address)
        ]
        assert found == [(ONE, True, True, 200, 10), (TWO, False, True, 50, 1000)]
        assert known.others(address) == (TWO,)
        assert known.blind == ""
    assert known.announcers(ABSENT) == ()


def test_the_whole_is_asked_for_and_read(tmp_path):
    found = asyncio.run(asked(tmp_path, TEXT).census([4, 6]))
    assert found[4].others(V4) == found[6].others(V6) == (TWO,)


def test_a_path_that_leads_nowhere_is_none():
    paths = [changed(path, valid=bool(path.get("sourced"))) for path in ENTRIES[0]["paths"]]
    known = census(4, [changed(ENTRIES[0], paths=paths)], NEIGHBOURS)
    assert known.others(V4) == ()


def test_without_a_reflector_the_next_hop_names_the_node():
    def hidden(path):
        return {key: value for key, value in path.items() if key != "originatorId"}

    entry = changed(ENTRIES[1], paths=[hidden(path) for path in ENTRIES[1]["paths"]])
    assert census(6, [entry], NEIGHBOURS).others(V6) == ("fd00:53::12",)


def neighbours(**values):
    return {
        address: changed(one, **values) if isinstance(one, dict) else one
        for address, one in NEIGHBOURS.items()
    }


def hides():
    """What neighbours are like that do not tell all they know."""
    few = {"addPath": {"ipv4Unicast": {"rxAdvertisedAndReceived": True}}}
    return {
        "they send the best path only": neighbours(neighborCapabilities=few),
        "another AS": neighbours(nbrInternalLink=False),
    }


@pytest.mark.parametrize("how", hides())
def test_silence_is_no_proof_where_the_neighbours_hide_paths(how):
    alone = changed(ENTRIES[0], paths=[p for p in ENTRIES[0]["paths"] if p.get("sourced")])
    known = census(4, [alone], hides()[how])
    assert "addpath-tx-all-paths" in known.blind
    found = judge([V4], {4: known}, 1)
    assert found.refusal == ""
    assert f"nobody knows whether another node announces {V4}: bgpd hears" in found.warning
    told = document([V4, ABSENT], {4: known})["addresses"]
    assert (told[0]["announced"], told[0]["why"]) == (True, known.blind)
    assert (told[1]["announced"], told[1]["why"]) == (None, known.blind)


@pytest.mark.parametrize("how", hides())
def test_another_node_that_is_seen_counts_all_the_same(how):
    found = judge([V4], {4: census(4, ENTRIES, hides()[how])}, 1)
    assert (found.refusal, found.warning) == ("", "")


def test_where_all_is_told_silence_is_proof():
    alone = changed(ENTRIES[0], paths=[p for p in ENTRIES[0]["paths"] if p.get("sourced")])
    found = judge([V4], {4: census(4, [alone], NEIGHBOURS)}, 1)
    assert f"the last that announces {V4}" in found.refusal


def test_without_a_session_nobody_knows_anything():
    known = census(4, ENTRIES, neighbours(bgpState="Active"))
    assert known == "bgpd has no IPv4 session that stands"
    assert judge([V4], {4: known}, 1).warning


# --- whatever comes ---

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
)
KEYS = sorted({*ENTRIES[0], *ENTRIES[0]["paths"][0]})


@given(st.sampled_from(KEYS), JUNK)
def test_a_recording_with_a_hole_in_it_raises_nothing_unknown(key, junk):
    paths = [changed(path, **{key: junk}) for path in ENTRIES[0]["paths"]]
    for entry in (changed(ENTRIES[0], paths=paths), changed(ENTRIES[0], **{key: junk})):
        try:
            known = census(4, [entry], NEIGHBOURS)
            known.announcers(V4)
        except FORM_ERRORS:
            pass


@given(st.sampled_from(sorted(next(iter(NEIGHBOURS.values())))), JUNK)
def test_strange_neighbours_raise_nothing_unknown(key, junk):
    with contextlib.suppress(FORM_ERRORS):
        census(4, ENTRIES, neighbours(**{key: junk}))
