"""Messages: what is asked, what is made of what comes back, and that nothing of it raises."""

import random

import dns.edns
import dns.flags
import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anycast_wrapper.identify.answers import Answer, Topic, Trouble
from anycast_wrapper.identify.wire import LONGEST, NotAnAnswerError, clean, query, read, zone_name

from .anycast import Node

NAMED = {"id.server": "i", "hostname.bind": "h", "version.bind": "9.18"}


def asked(topic=Topic.SOA, ident=77):
    return query(topic, "example.com", ident)


def test_every_question_asks_for_the_name_of_the_server():
    for topic in Topic:
        message = dns.message.from_wire(asked(topic).wire)
        assert message.id == 77
        assert (message.edns, message.payload) == (0, 1232)
        assert [option.otype for option in message.options] == [dns.edns.OptionType.NSID]
    assert str(asked(Topic.ROOT).asked.question[0]) == ". IN SOA"
    assert str(asked(Topic.SOA).asked.question[0]) == "example.com. IN SOA"
    assert str(asked(Topic.ID).asked.question[0]) == "id.server. CH TXT"


def test_an_answer_is_read():
    node = Node(nsid=b"host1", names=NAMED, serial=2**32 - 1)
    found = read(node.answer(asked().wire, "UDP"), asked())
    assert (found.rcode, found.nsid, found.serial) == ("NOERROR", "host1", 2**32 - 1)
    assert found.text == "ns.example.com. h.example.com. authoritative"
    for topic in (Topic.ID, Topic.HOSTNAME, Topic.VERSION):
        found = read(node.answer(asked(topic).wire, "UDP"), asked(topic))
        assert (found.text, found.serial) == (NAMED[topic.value], None)


@pytest.mark.parametrize(
    ("nsid", "shown"),
    [
        (b"host1.example", "host1.example"),
        ("Zürich".encode(), "Zürich"),
        (b"\x00\x01\xff", "0x0001ff"),
        (b"\x1b[31mred", "0x1b5b33316d726564"),
        (b"", ""),
        (None, ""),
        (b"x" * 300, "x" * 60 + "..."),
    ],
)
def test_a_name_is_fit_to_be_shown(nsid, shown):
    assert read(Node(nsid=nsid).answer(asked().wire, "UDP"), asked()).nsid == shown


def change(wire, **fields):
    message = dns.message.from_wire(wire)
    for name, value in fields.items():
        setattr(message, name, value)
    return message.to_wire()


@pytest.mark.parametrize(
    ("damage", "trouble", "final"),
    [
        (lambda _: b"\xff" * 40, Trouble.MISMATCHED, False),
        (lambda _: b"abc", Trouble.MALFORMED, False),
        (lambda _: b"", Trouble.MALFORMED, False),
        (lambda wire: wire[:2], Trouble.MALFORMED, True),
        (lambda wire: wire[:30], Trouble.MALFORMED, True),
        (lambda wire: change(wire, id=78), Trouble.MISMATCHED, False),
        (lambda wire: change(wire, flags=0), Trouble.MISMATCHED, True),
        (lambda wire: change(wire, question=[]), Trouble.MISMATCHED, True),
    ],
)
def test_what_is_no_answer_is_told(damage, trouble, final):
    wire = Node(nsid=b"host1").answer(asked().wire, "UDP")
    with pytest.raises(NotAnAnswerError) as caught:
        read(damage(wire), asked())
    assert (caught.value.trouble, caught.value.final) == (trouble, final)


def test_a_message_that_breaks_off_and_says_so_is_truncated():
    wire = Node(nsid=b"host1").answer(asked().wire, "UDP")
    cut = wire[:2] + bytes([wire[2] | 0x02]) + wire[3:40]
    assert read(cut, asked()) == Answer(Topic.SOA, truncated=True)


@given(st.binary(max_size=600), st.sampled_from(Topic), st.booleans())
def test_nothing_that_comes_back_raises(data, topic, ours):
    if ours:
        data = asked(topic).wire[:2] + data
    try:
        found = read(data, asked(topic))
    except NotAnAnswerError:
        return
    assert found.topic is topic


def test_no_damage_to_an_answer_raises():
    dice = random.Random(53)
    for topic in (Topic.SOA, Topic.ID):
        good = Node(nsid=b"host1", names=NAMED).answer(asked(topic).wire, "UDP")
        for _ in range(3000):
            wire = bytearray(good)
            for _ in range(dice.randint(1, 6)):
                wire[dice.randrange(2, len(wire))] = dice.randrange(256)
            try:
                found = read(bytes(wire[: dice.randint(0, len(wire))]), asked(topic))
            except NotAnAnswerError:
                continue
            assert found.text.isprintable()
            assert found.nsid.isprintable()


@given(st.text() | st.binary())
def test_whatever_is_said_prints_and_is_short(words):
    shown = clean(words)
    assert shown.isprintable()
    assert len(shown) <= LONGEST


def test_zones():
    assert zone_name("example.com.") == "example.com"
    assert zone_name(".") == "."
    for bad in ("a..b", "x" * 64, "\ud800.example"):
        with pytest.raises(ValueError, match="no domain name"):
            zone_name(bad)
