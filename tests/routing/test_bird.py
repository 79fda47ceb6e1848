"""BIRD's words, as they were recorded from 2.0.12, and everything else that a socket can say.

Recorded on host1 of three, of which host3 announces at last-resort, beside a gateway that is its
neighbour in BGP for IPv4 only: all is well (``three``), and host2 dead (``cut``).
"""

import asyncio
import contextlib
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anycast_wrapper.ports import Peer
from anycast_wrapper.routing.bird import SECONDS, Bird
from anycast_wrapper.routing.birdctl import MAX_LINE, BadReplyError, Reply, ReplyReader, quoted
from anycast_wrapper.routing.birdpeers import BirdPeers, neighbours, peers
from anycast_wrapper.routing.birdstate import Protocol, census, exported, protocols
from anycast_wrapper.routing.census import Census
from anycast_wrapper.routing.daemon import Unasked
from anycast_wrapper.routing.departure import judge
from tests.fakes.bird import SYNTAX, FakeBird

RECORDED = Path(__file__).parent / "recorded"
V4, OTHER4, V6 = map(ip_address, ("192.0.2.53", "192.0.2.54", "2001:db8:53::53"))
ONE, TWO, THREE, GATEWAY = (f"192.168.53.{n}" for n in (11, 12, 13, 1))


def recorded(tag, what):
    """What BIRD said, as it said it."""
    return (RECORDED / f"bird-{tag}-{what}.txt").read_text()


def read(text):
    """The one reply in a text."""
    reader = ReplyReader()
    replies = [reply for line in text.splitlines() if (reply := reader.take(line))]
    assert len(replies) == 1
    return replies[0]


def lines(tag, what):
    return read(recorded(tag, what)).lines


# --- replies ---


def test_a_reply_is_its_lines_without_their_codes():
    reply = read("1000-BIRD 2.0.12\n1011-Router ID is 10.0.0.1\n Hostname is vm\n0013 Running\n")
    assert reply == Reply(13, ("BIRD 2.0.12", "Router ID is 10.0.0.1", "Hostname is vm", "Running"))
    assert reply.error == ""


def test_a_message_of_the_log_belongs_to_no_reply():
    assert read("1016-\n+ a message\n area 0.0.0.0\n0000 \n").lines == ("", "area 0.0.0.0", "")


def test_an_error_is_told_in_bird_s_words():
    assert read(SYNTAX).error == "syntax error, unexpected CF_SYM_UNDEFINED"
    assert read("8007 Access denied\n").error == "Access denied"


@pytest.mark.parametrize("line", ["", "hello", " continued", "12 x", "1000", "1000+x", "\t"])
def test_what_is_no_reply_is_refused(line):
    with pytest.raises(BadReplyError):
        ReplyReader().take(line)


@given(st.text())
def test_any_line_is_read_or_refused(line):
    with contextlib.suppress(BadReplyError):
        ReplyReader().take(line)


@given(st.lists(st.text()))
def test_any_state_is_read_or_refused(said):
    with contextlib.suppress(BadReplyError, ValueError):
        census(said)
    with contextlib.suppress(BadReplyError):
        protocols(said)
    neighbours(said)


@pytest.mark.parametrize("name", ["a b", "a'b", "", "x;configure"])
def test_a_name_that_could_be_a_command_is_not_repeated(name):
    with pytest.raises(BadReplyError):
        quoted([name])


def test_names_are_quoted():
    assert quoted(["ospf2", "to-gw.4"]) == ["'ospf2'", "'to-gw.4'"]


# --- what they say ---


def test_protocols_are_told_apart():
    found = protocols(lines("three", "protocols"))
    assert Protocol("ospf2", "OSPF", True) in found
    assert [one.name for one in found if one.kind == "BGP" and one.up] == ["gateway4"]
    assert [one.name for one in found if one.kind == "BGP" and not one.up] == ["gateway6"]


@pytest.mark.parametrize(("version", "address"), [(4, V4), (6, V6)])
@pytest.mark.parametrize(
    ("tag", "seen"),
    [
        ("three", {ONE: (10, True), TWO: (10, True), THREE: (60000, True)}),
        ("cut", {ONE: (10, True), THREE: (60000, True), TWO: (10, False)}),
    ],
)
def test_the_database_is_understood(tag, version, address, seen):
    found = census(lines(tag, f"state{version}"))
    announcers = found.announcers(address)
    assert {one.offer.router: (one.offer.cost, one.reachable) for one in announcers} == seen
    assert [one.offer.router for one in announcers] == list(seen)  # and in this order
    assert [one.offer.router for one in announcers if one.here] == [ONE]
    assert {(one.offer.origin, one.offer.area, one.offer.age) for one in announcers} == {
        ("external", "", None)
    }
    assert set(found.others(address)) == {r for r, (_, there) in seen.items() if there} - {ONE}
    assert found.announcers(ip_address("192.0.2.99")) == ()
    assert GATEWAY in found.reachable


def test_a_host_inside_the_area_and_routers_of_another_one_are_known():
    said = """
area 0.0.0.0

\trouter 10.0.0.1
\t\tdistance 0
\t\trouter 10.0.0.2 metric 10
\t\tstubnet 192.0.2.53/32 metric 10
\t\tstubnet 192.168.1.0/24 metric 10

\trouter 10.0.0.2
\t\tdistance 10
\t\txnetwork 192.0.2.54/32 metric 30
\t\txnetwork 192.0.2.55/32 metric 16777215
\t\txrouter 10.0.0.9 metric 20

\trouter 10.0.0.3
\t\tunreachable
\t\txrouter 10.0.0.8 metric 20

other ASBRs

\trouter 10.0.0.9
\t\texternal 192.0.2.53/32 metric2 10000 via 10.1.1.1 tag 00000001
\trouter 10.0.0.8
\t\tnssa-ext 192.0.2.53/32 metric 5
""".splitlines()
    found = census(said)
    offers = {(o.router, str(o.address), o.cost, o.area, o.origin) for o in found.offers}
    assert offers == {
        ("10.0.0.1", "192.0.2.53", 10, "0.0.0.0", "area"),
        ("10.0.0.2", "192.0.2.54", 30, "0.0.0.0", "other-area"),
        ("10.0.0.9", "192.0.2.53", 10000, "", "external"),
        ("10.0.0.8", "192.0.2.53", 5, "", "external"),
    }
    assert found.reachable == {"10.0.0.1", "10.0.0.2", "10.0.0.9"}


def test_ospf_that_does_nothing_is_a_sentence():
    assert census(["ospf2: is not up", ""]) == "OSPF has no database yet"


def test_a_database_without_ourselves_is_not_believed():
    with pytest.raises(BadReplyError):
        census(["area 0.0.0.0", "\trouter 10.0.0.1", "\t\tunreachable"])


def test_what_is_exported_is_the_host_routes():
    assert exported(lines("three", "export4")) == {V4, OTHER4}
    assert (
        exported(["192.0.2.0/24   unicast [x 08:00:00.0] * (240)", "", "Table master6:"]) == set()
    )


# --- peers ---


@pytest.mark.parametrize("version", [4, 6])
def test_neighbours_that_hear_us_are_known_by_where_they_are(version):
    found = neighbours(lines("three", f"neighbors{version}"))
    assert set(found) == {TWO, THREE, GATEWAY}
    assert {peer.interface for peer in found.values()} == {"lan"}
    assert {peer.address.version for peer in found.values()} == {version}
    assert all(peer.address.is_link_local for peer in found.values()) == (version == 6)
    if version == 4:
        assert set(neighbours(lines("cut", "neighbors4"))) == {THREE, GATEWAY}


def test_one_that_does_not_hear_us_is_none():
    line = "10.0.0.2\t  1\tInit/Other\t 3.748\tlan        10.0.0.2"
    assert neighbours([line]) == {}
    assert set(neighbours([line.replace("Init", "Full")])) == {"10.0.0.2"}


def test_the_best_peers_are_asked():
    state, there = census(lines("three", "state4")), neighbours(lines("three", "neighbors4"))
    assert list(peers(V4, state, there)) == [Peer(ip_address(TWO), "lan")]
    state, there = census(lines("cut", "state4")), neighbours(lines("cut", "neighbors4"))
    assert list(peers(V4, state, there)) == [Peer(ip_address(THREE), "lan")]


# --- over a socket ---


HOST_ROUTES = "where net.len = 32 || net.len = 128"


def all_well(tag="three", **more):
    return {
        "show protocols": recorded(tag, "protocols"),
        "show ospf state all 'ospf2'": recorded(tag, "state4"),
        "show ospf state all 'ospf3'": recorded(tag, "state6"),
        "show ospf neighbors 'ospf2'": recorded(tag, "neighbors4"),
        "show ospf neighbors 'ospf3'": recorded(tag, "neighbors6"),
        f"show route export 'gateway4' {HOST_ROUTES}": recorded(tag, "export4"),
        **more,
    }


def ask(tmp_path, replies, question="originated", **options):
    async def body():
        async with FakeBird(tmp_path / "ctl", replies, **options) as fake:
            answer = await getattr(Bird(tmp_path / "ctl"), question)((4, 6))
        return answer, fake.asked

    return asyncio.run(body())


def test_it_promises_first_to_change_nothing(tmp_path):
    _, asked = ask(tmp_path, all_well())
    assert asked[0] == "restrict"


def test_what_ospf_originates_and_bgp_is_told_is_originated(tmp_path):
    answer, asked = ask(tmp_path, all_well())
    assert answer == {4: {V4, OTHER4}, 6: {V6}}
    assert not [line for line in asked if "gateway6" in line]  # its session does not stand


def test_what_others_originate_is_not_ours(tmp_path):
    mine = "\t\texternal 192.0.2.53/32 metric 10\n"
    state = recorded("three", "state4")
    assert state.count(mine) == 2
    silent = state.replace(f" {mine}", "", 1)  # ours is the first of them
    told = all_well() | {
        "show ospf state all 'ospf2'": silent,
        f"show route export 'gateway4' {HOST_ROUTES}": "0000 \n",
    }
    assert ask(tmp_path, told)[0] == {4: {OTHER4}, 6: {V6}}


def test_bgp_alone_is_enough(tmp_path):
    only = "\n".join(
        line for line in recorded("three", "protocols").splitlines() if "OSPF" not in line
    )
    told = all_well() | {"show protocols": only + "\n"}
    assert ask(tmp_path, told)[0] == {4: {V4, OTHER4}, 6: frozenset()}
    census, _ = ask(tmp_path, told, "census")
    assert set(census.values()) == {
        "BIRD: no OSPF runs, and only OSPF tells a host who else announces an address"
    }


def test_the_census_is_by_version(tmp_path):
    answer, _ = ask(tmp_path, all_well("cut"), "census")
    assert isinstance(answer[4], Census)
    assert [str(o.address.version) for o in answer[6].offers] == ["6"] * 3
    assert judge([V4, V6], answer, 1).refusal == ""
    assert judge([V4, V6], answer, 2).refusal != ""


def test_a_version_without_ospf_is_unknown(tmp_path):
    without = recorded("three", "protocols").replace(
        "ospf3      OSPF       master6    up", "x y z up"
    )
    answer, _ = ask(tmp_path, all_well() | {"show protocols": without}, "census")
    assert answer[6] == "BIRD has no database of OSPF for IPv6"


def test_a_bird_that_announces_nothing_at_all_says_so(tmp_path):
    idle = "2002-Name       Proto      Table      State  Since         Info\n0000 \n"
    answer, _ = ask(tmp_path, {"show protocols": idle})
    assert set(answer.values()) == {"BIRD: runs neither OSPF nor BGP"}


STRANGE = "BIRD answers in a form that is not known here"


@pytest.mark.parametrize(
    ("replies", "words"),
    [
        ({"show protocols": SYNTAX}, "BIRD: syntax error, unexpected CF_SYM_UNDEFINED"),
        ({"show protocols": "Hello!\n"}, STRANGE),
        ({"show protocols": "0000 \n"}, STRANGE),
        ({"show protocols": "x" * (MAX_LINE + 2) + "\n"}, STRANGE),
        ({"show protocols": None}, "ctl: ends in the middle of a reply"),
        ({"show ospf state all 'ospf2'": "1016-area 0\n \trouter x\n0000 \n"}, STRANGE),
        ({"show ospf state all 'ospf2'": "1016-area 0\n \trouter 10.0.0.1\n0000 \n"}, STRANGE),
        (
            {"show protocols": "1002-" + "a" * 9000 + "\n" + (" " + "b" * 9000 + "\n") * 500},
            "says more",
        ),
    ],
    ids=["error", "garbage", "empty", "long line", "gone", "no id", "nobody", "endless"],
)
def test_what_is_no_answer_is_a_sentence(tmp_path, replies, words):
    answer, _ = ask(tmp_path, all_well() | replies)
    assert answer[4] == answer[6]
    assert words in answer[4]


def test_whoever_is_not_bird_is_not_believed(tmp_path):
    assert ask(tmp_path, {}, greeting="SSH-2.0-OpenSSH\r\n")[0][4] == STRANGE


def test_nobody_there_is_a_sentence(tmp_path):
    answer = asyncio.run(Bird(tmp_path / "ctl").originated((4,)))
    assert answer == {4: f"BIRD: {tmp_path}/ctl: No such file or directory"}


def test_one_that_hangs_is_given_up(tmp_path):
    began = asyncio.run(elapsed(tmp_path))
    assert SECONDS <= began < SECONDS + 3


async def elapsed(tmp_path):
    loop = asyncio.get_running_loop()
    async with FakeBird(tmp_path / "ctl", {"show protocols": ""}):
        began = loop.time()
        answer = await Bird(tmp_path / "ctl").originated((4,))
        assert answer == {4: f"BIRD does not answer within {SECONDS:g} s"}
        return loop.time() - began


def test_peers_that_were_found_are_remembered_while_bird_is_silent(tmp_path):
    async def body():
        source = BirdPeers(tmp_path / "ctl")
        async with FakeBird(tmp_path / "ctl", all_well()):
            first = await source.find([V4, V6])
        return first, await source.find([V4, V6])

    first, second = asyncio.run(body())
    assert first[V4] == (Peer(ip_address(TWO), "lan"),)
    assert [peer.address.is_link_local for peer in first[V6]] == [True]
    assert second == first
    silent = asyncio.run(BirdPeers(tmp_path / "nothing").find([V4]))
    assert silent == {V4: ()}


def test_a_daemon_that_is_not_asked_says_so():
    for question in ("originated", "census"):
        answer = asyncio.run(getattr(Unasked(), question)((4, 6)))
        assert set(answer.values()) == {Unasked.WHY}
