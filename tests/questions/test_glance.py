"""The glance against dnspython: what it vouches for, dnspython has to find good as well."""

import re

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anycast_wrapper.core.model import Reason
from anycast_wrapper.questions import glance
from anycast_wrapper.questions.reply import _read, expectation, question
from tests.fakes.nameserver import Lie, LyingNameserver

IDENT = b"\x12\x34"
ASKED = question("example.com", "SOA", "IN")
NOERROR = expectation({"NOERROR"})
GOOD = LyingNameserver().reply(IDENT + ASKED.message, Lie.NONE)

RECORD = 12 + len(ASKED.message) - 10 - 11
"""Where the answer's only record begins."""

LABELS = st.text("abcXYZ019-_.\\é ", max_size=70)


def looks(wire, *, aa=False):
    return glance.code(wire, IDENT, ASKED.message, aa=aa)


@given(
    st.lists(LABELS, max_size=6).map(".".join) | LABELS,
    st.sampled_from(["A", "SOA", "ANY", "PTR", "NONSENSE"]),
    st.sampled_from(["IN", "CH", "HS"]),
)
def test_a_question_made_by_hand_is_the_one_that_dnspython_makes(name, qtype, qclass):
    made = glance.message(name, qtype, qclass)
    if made is not None:
        assert made == question(name, qtype, qclass).message


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        (".", True),
        ("example.com", True),
        ("example.com.", True),
        ("_x._tcp.A-b.example", True),
        ("a" * 63, True),
        ("a" * 64, False),
        (".".join(["a" * 63] * 3 + ["a" * 61]), True),
        (".".join(["a" * 63] * 3 + ["a" * 62]), False),
        ("a..b", False),
        ("", False),
        ("bücher.example", False),
        (r"a\.b", False),
    ],
)
def test_only_a_plain_name_is_put_together_by_hand(name, plain):
    assert (glance.message(name, "A", "IN") is not None) is plain


def test_codes_by_name():
    assert glance.codes(["NOERROR", "REFUSED", "REFUSED"]) == {0, 5}
    assert glance.codes(["NOERROR", "NOTAUTH"]) is None
    for number, name in enumerate(glance.CODES):
        assert dns.rcode.to_text(dns.rcode.Rcode(number)) == name


def test_the_truth_is_seen_at_a_glance():
    assert looks(GOOD) == 0
    assert looks(GOOD, aa=True) == 0


@pytest.mark.parametrize("code", ["NXDOMAIN", "REFUSED", "SERVFAIL"])
def test_the_code_is_seen_at_a_glance(code):
    wire = LyingNameserver().reply(IDENT + ASKED.message, Lie[code])
    assert looks(wire) == dns.rcode.from_text(code)


@pytest.mark.parametrize(
    "lie",
    [
        Lie.WRONG_ID,
        Lie.WRONG_QUESTION,
        Lie.QUERY,
        Lie.NO_QUESTION,
        Lie.GARBAGE,
        Lie.SHORT,
        Lie.TRUNCATED,
    ],
)
def test_no_lie_passes(lie):
    assert looks(LyingNameserver().reply(IDENT + ASKED.message, lie)) == -1


def test_authority_is_looked_for_where_it_is_wanted():
    wire = LyingNameserver().reply(IDENT + ASKED.message, Lie.NO_AA)
    assert (looks(wire), looks(wire, aa=True)) == (0, -1)


def test_the_code_in_the_opt_record_counts():
    query = dns.message.from_wire(IDENT + ASKED.message)
    reply = dns.message.make_response(query)
    reply.set_rcode(dns.rcode.BADVERS)
    assert looks(reply.to_wire()) == -1


def test_no_answer_that_is_cut_or_too_long_passes():
    assert [looks(GOOD[:length]) for length in range(len(GOOD))] == [-1] * len(GOOD)
    assert looks(GOOD + b"\x00") == -1


def test_a_big_answer_with_names_of_every_kind_passes():
    query = dns.message.from_wire(IDENT + ASKED.message)
    reply = dns.message.make_response(query)
    reply.answer = [
        dns.rrset.from_text(
            "example.com.", 1, "IN", "MX", *(f"{n} m{n}.example.com." for n in range(40))
        )
    ]
    reply.authority = [dns.rrset.from_text("com.", 1, "IN", "NS", "a.example.", "b.example.")]
    assert looks(reply.to_wire()) == 0


@pytest.mark.parametrize(
    "change",
    [
        {5: 0},  # no question
        {5: 2},  # two of them
        {7: 2},  # an answer more than there is
        {RECORD: 0xC0, RECORD + 1: 0xFF},  # an owner that points ahead
        {RECORD: 0x40},  # a kind of label that there is not
        {13: ord("E")},  # another case than ours: right, but not beyond doubt
    ],
)
def test_what_is_odd_is_left_to_dnspython(change):
    wire = bytearray(GOOD)
    for at, byte in change.items():
        wire[at] = byte
    assert looks(bytes(wire)) == -1


DAMAGE = st.lists(
    st.tuples(st.integers(2, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=4
)
RDATA = range(len(ASKED.message) + 2 - 11 + 12, len(GOOD) - 11)
"""Where the content of the answer's only record stands: no glance is cast there."""


@given(DAMAGE, st.integers(0, 12))
def test_whatever_is_vouched_for_dnspython_finds_good(damage, cut):
    wire = bytearray(GOOD)
    for at, byte in damage:
        wire[at] = byte
    wire = bytes(wire[: len(wire) - cut])
    if looks(wire) != 0:
        return
    finding = _read(wire, ASKED, IDENT, NOERROR)
    inside = all(at in RDATA or wire[at] == GOOD[at] for at, _ in damage)
    # What only dnspython sees is inside of a record, its type (which says what to read) included.
    opaque = inside or "type" in described(damage)
    assert finding.reason is Reason.HEALTHY or opaque, finding


def described(damage):
    """Which fields were changed that tell how the content of a record is to be read."""
    types = {*range(RDATA.start - 10, RDATA.start - 6), *range(len(GOOD) - 11, len(GOOD))}
    return {"type"} if any(at in types or at in RDATA for at, _ in damage) else set()


@given(st.binary(max_size=120))
def test_noise_does_not_pass(noise):
    assert looks(noise) == -1
    assert looks(IDENT + noise) == -1


def test_the_same_answer_is_read_by_dnspython_once():
    from anycast_wrapper.questions import reply  # noqa: PLC0415

    expect = expectation({"NOERROR"}, answer=re.compile("hostmaster"))
    before = reply._remembered.cache_info().hits
    for number in range(5):
        ident = bytes((0, number))
        assert reply.examine(ident + GOOD[2:], ASKED, ident, expect).reason is Reason.HEALTHY
    assert reply._remembered.cache_info().hits == before + 4
    assert reply.examine(GOOD, ASKED, b"\x00\x01", expect).reason is Reason.PROBE_MISMATCHED
