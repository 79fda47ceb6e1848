"""What visits come to: for any visits, and for each thing that is worth a sentence."""

import json
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from anycast_wrapper.identify.answers import SILENT, Answer, Identity, KnownBy, Topic, Trouble
from anycast_wrapper.identify.counting import KINDS, NODES, Count, quantiles
from anycast_wrapper.identify.document import document
from anycast_wrapper.identify.evenness import Verdict
from anycast_wrapper.identify.text import summary, time_of_day

from .values import A4, A6, TCP, UDP, VISITS, lost, soa, visit

CLOCK = time_of_day(datetime(2026, 11, 21, 4, 33))  # noqa: DTZ001


def findings(*visits, zone="example.com"):
    count = Count(zone)
    for one in visits:
        count.add(one)
    return count.findings()


def slugs(found):
    return [problem.slug for problem in found.problems]


# --- any visits ---


@given(st.lists(VISITS, max_size=40))
def test_nothing_is_counted_twice_or_forgotten(visits):
    found = findings(*visits)
    answers = [answer for one in visits for answer in one.answers]
    given_ = [answer for answer in answers if answer.trouble is None]
    assert (found.asked, found.answered) == (len(answers), len(given_))
    assert sum(balance.asked for balance in found.balances) == len(visits)
    assert sum(balance.lost for balance in found.balances) == sum(not one.given for one in visits)
    assert sum(node.answers for node in found.nodes) == len(given_)
    assert sum(node.visits for node in found.nodes) == sum(bool(one.given) for one in visits)
    for balance in found.balances:
        assert all(count > 0 for _, count in balance.shares)


@given(st.lists(VISITS, max_size=40), st.sampled_from(["", "example.com"]))
def test_all_of_it_can_be_shown(visits, zone):
    found = findings(*visits, zone=zone)
    assert found.verdict in summary(found, CLOCK)
    assert json.loads(json.dumps(document(found)))["ok"] == (not found.problems)


@given(st.lists(VISITS, max_size=40))
def test_what_was_lost_is_a_problem_or_a_note(visits):
    found = findings(*visits)
    assert found.lost == 0 or found.problems or found.notes


@given(st.lists(VISITS, max_size=30))
def test_the_order_of_the_answers_does_not_matter_for_who_answered_how_often(visits):
    there, back = findings(*visits), findings(*visits[::-1])
    assert {(b.address, b.transport, b.shares, b.lost) for b in there.balances} == {
        (b.address, b.transport, b.shares, b.lost) for b in back.balances
    }


def test_whoever_makes_up_a_name_each_time_does_not_fill_the_memory():
    count = Count("example.com")
    for n in range(5 * NODES):
        count.add(visit(soa(f"made-up-{n}", serial=n, rcode=f"BAD{n}"), at=n / 50))
    found = count.findings()
    assert len(found.nodes) <= NODES + 1
    assert len(found.problems) <= KINDS + 10
    assert found.answered == 5 * NODES


# --- who it was ---


def test_nsid_comes_before_id_server_before_hostname_bind():
    host = Answer(Topic.HOSTNAME, rcode="NOERROR", text="h")
    ident = Answer(Topic.ID, rcode="NOERROR", text="i")
    assert visit(soa("n"), ident, host).node == Identity("n", KnownBy.NSID)
    assert visit(soa(), host, ident).node == Identity("i", KnownBy.ID)
    assert visit(soa(), host).node == Identity("h", KnownBy.HOSTNAME)
    assert visit(soa()).node == SILENT
    assert visit(lost()).node is None


def test_an_answer_counts_for_the_node_whose_name_came_from_the_same_port():
    ident = Answer(Topic.ID, rcode="NOERROR", text="host2")
    found = findings(visit(soa(serial=6), ident), visit(soa("host1", serial=7)))
    assert {node.identity.name: node.serials for node in found.nodes} == {
        "host1": (7,),
        "host2": (6,),
    }


def test_who_says_nothing_is_told_apart_by_nothing_and_it_is_said():
    found = findings(*[visit(soa()) for _ in range(50)], visit(soa("host1")))
    assert found.balances[0].evenness.verdict is Verdict.UNKNOWN
    assert "server-id" in found.notes[0]
    assert found.verdict.startswith("all fine: at least 2 nodes answered")
    alone = findings(visit(soa()))
    assert (
        alone.verdict == "all fine: nodes that say nothing of themselves answered 1 of 1 questions"
    )


def test_answers_of_two_nodes_to_one_port_are_a_note_and_count_for_each():
    found = findings(visit(soa("host1"), soa("host2")))
    assert [(node.identity.name, node.answers) for node in found.nodes] == [
        ("host1", 1),
        ("host2", 1),
    ]
    assert "packet by packet" in found.notes[0]
    assert not found.problems


# --- what is wrong ---


def test_all_is_fine():
    visits = [visit(soa(f"host{n % 2}"), transport=how) for n in range(40) for how in (UDP, TCP)]
    found = findings(*visits)
    assert not found.problems
    assert not found.notes
    assert found.verdict == "all fine: 2 nodes answered 80 of 80 questions"
    assert found.balances[0].evenness.verdict is Verdict.EVEN


def test_uneven_is_not_wrong():
    found = findings(*[visit(soa("host1" if n % 10 else "host2")) for n in range(100)])
    assert found.balances[0].evenness.verdict is Verdict.UNEVEN
    assert not found.problems


def test_a_stale_secondary_is_named():
    found = findings(visit(soa("host1", serial=2**32 - 1)), visit(soa("host2", serial=3)))
    assert slugs(found) == ["serials-differ"]
    sentence = "host2 has 3 (the newest); host1 has 4294967295 (stale)"
    assert sentence in found.problems[0].sentence
    assert [node.stale for node in found.nodes] == [True, False]


def test_serials_without_an_order_are_told_as_such():
    found = findings(visit(soa("host1", serial=0)), visit(soa("host2", serial=2**31)))
    assert "none is newer than all others" in found.problems[0].sentence


def test_a_zone_that_is_updated_meanwhile_is_no_problem():
    visits = [visit(soa(f"host{n % 2}", serial=7 + n // 50), at=n) for n in range(100)]
    assert not findings(*visits).problems


def test_two_servers_under_one_name_are_found_by_their_serials():
    found = findings(*[visit(soa("host", serial=7 + n % 2), at=n) for n in range(10)])
    assert "host has 8 (the newest); host has 7 (stale)" in found.problems[0].sentence


def test_another_soa_under_the_same_serial_is_wrong():
    found = findings(visit(soa("host1")), visit(soa("host2", text="ns. h. not authoritative")))
    assert slugs(found) == ["different-data"]
    assert "host2 has 'ns. h. not authoritative'" in found.problems[0].sentence


def test_a_node_that_answers_wrongly_is_named():
    found = findings(
        visit(soa("host1")),
        visit(soa("host2", rcode="SERVFAIL", serial=None)),
        visit(soa("host2", rcode="SERVFAIL", serial=None)),
        visit(soa("host3", serial=None)),
    )
    assert [(problem.slug, problem.node, problem.count) for problem in found.problems] == [
        ("rcode", "host2", 2),
        ("no-soa", "host3", 1),
    ]
    sentence = "host2 answers SERVFAIL to the SOA of example.com (192.0.2.53, UDP, 2 times)"
    assert found.problems[0].sentence == sentence


def test_who_does_not_serve_the_root_or_tell_its_name_is_not_wrong():
    root = Answer(Topic.ROOT, rcode="REFUSED", nsid="host1")
    ident = Answer(Topic.ID, rcode="REFUSED")
    assert not findings(visit(root, ident), zone="").problems
    bad = Answer(Topic.ROOT, rcode="SERVFAIL", nsid="host1")
    assert slugs(findings(visit(bad), zone="")) == ["rcode"]


def test_the_serial_of_the_root_is_nobody_s_business():
    visits = [visit(Answer(Topic.ROOT, rcode="NOERROR", nsid=f"h{n}", serial=n)) for n in range(3)]
    assert not findings(*visits, zone="").problems


def test_a_truncated_answer_is_not_judged():
    found = findings(visit(soa("host1", serial=None, truncated=True)))
    assert not found.problems
    assert "truncated" in found.notes[0]


def test_losses_are_told_by_address_transport_and_kind():
    found = findings(
        visit(soa("host1")),
        visit(lost()),
        visit(lost(trouble=Trouble.REFUSED), address=A6, transport=TCP),
    )
    assert [(p.slug, p.address, p.transport, p.count) for p in found.problems] == [
        ("timeout", A4, UDP, 1),
        ("connection-refused", A6, TCP, 1),
    ]
    assert "1 of 2 questions lost" in found.problems[0].sentence
    assert "nothing answers" in found.problems[1].sentence
    assert found.verdict == "2 things are wrong: 1 node answered 1 of 3 questions"


def test_losses_over_udp_only_may_be_a_rate_limit():
    found = findings(visit(soa("a")), visit(lost()), visit(soa("a"), transport=TCP))
    assert "rate-limit" in found.notes[-1]


def test_names_that_named_keeps_back_over_udp_are_no_loss():
    named = Answer(Topic.ID, rcode="NOERROR", text="host1")
    found = findings(visit(soa(), lost(Topic.ID)), visit(soa(), named))
    assert not found.problems
    assert any("three of a kind a second" in note for note in found.notes)


def test_a_question_that_nobody_ever_answers_is_a_filter():
    visits = [visit(soa("a"), lost(Topic.VERSION), transport=TCP) for _ in range(3)]
    found = findings(*visits)
    assert not found.problems
    assert "nobody answers version.bind (3 questions)" in found.notes[0]


def test_nothing_at_all_is_said():
    assert findings().verdict == "nothing was asked"
    found = findings(visit(lost()), visit(lost()))
    assert found.verdict == "nothing answers at all: 2 questions, no answer"
    assert slugs(found) == ["timeout"]


# --- figures ---


@given(st.lists(st.floats(0, 10)))
def test_quantiles_lie_within(values):
    median, p95 = quantiles(values)
    if values:
        assert min(values) <= median <= max(values)
        assert p95 in values
        assert sum(one <= p95 for one in values) >= 0.95 * len(values)
    else:
        assert (median, p95) == (0.0, 0.0)
