"""The words of the command line, and what is made of them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anycast_wrapper.check.options import OPTIONS, UsageError, read
from anycast_wrapper.check.order import Order

PLAIN = ["192.0.2.1", "example.com"]


def order(*words):
    said = read([*PLAIN, *words])
    assert said.wrong is None
    return Order(said.values)


def test_the_defaults():
    made = order()
    assert (made.server, made.name, made.type, made.class_) == (
        "192.0.2.1",
        "example.com",
        "A",
        "IN",
    )
    assert (made.port, made.source, made.transports) == (53, None, ("udp", "tcp"))
    assert (made.timeout, made.tries, made.warning, made.critical) == (2.0, 1, None, None)
    assert (made.rcodes, made.codes, made.aa, made.answer) == (["NOERROR"], {0}, False, None)


@pytest.mark.parametrize(
    "words",
    [
        ["-p", "5353", "-t", "500ms", "--transport", "tcp"],
        ["-p5353", "-t500ms", "--transport=tcp"],
        ["--port=5353", "--timeout=0.5", "--transport", "tcp"],
        ["--port", "5353", "--timeout", "0.5s", "--transport=tcp"],
    ],
)
def test_an_option_may_be_written_in_every_usual_way(words):
    made = order(*words)
    assert (made.port, made.timeout, made.transports) == (5353, 0.5, ("tcp",))


def test_options_may_stand_anywhere_and_end_at_two_dashes():
    said = read(["--aa", "192.0.2.1", "-p", "1", "--", "--answer", "mx"])
    assert said.wrong is None
    assert said.values["name"] == "--answer"
    assert (said.values["type"], said.values["aa"]) == ("mx", "yes")


@pytest.mark.parametrize(
    ("written", "seconds"), [("1", 1), ("1.5", 1.5), ("20ms", 0.02), ("2m", 120), (".5s", 0.5)]
)
def test_times(written, seconds):
    assert order("--timeout", written).timeout == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "the server is missing"),
        (["192.0.2.1"], "the name is missing"),
        ([*PLAIN, "A", "x"], "one word too many: x"),
        ([*PLAIN, "--nonsense"], "no option --nonsense"),
        ([*PLAIN, "-x"], "no option -x"),
        ([*PLAIN, "--port"], "--port needs a value: PORT"),
        ([*PLAIN, "--aa=yes"], "--aa takes no value"),
        ([*PLAIN, "--transport", "sctp"], "one of udp, tcp, both, not 'sctp'"),
        ([*PLAIN, "--style=perl"], "one of nagios, exit, not 'perl'"),
        ([*PLAIN, "--class", "HS"], "one of IN, CH, not 'HS'"),
    ],
)
def test_words_that_make_no_sense(words, complaint):
    assert complaint in read(words).wrong


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["-p", "0"], "--port is a number from 1 to 65535, not '0'"),
        (["-p", "65536"], "--port is a number"),
        (["-p", "\u0665"], "--port is a number"),
        (["-p", "9" * 5000], "--port is a number"),
        (["--tries", "11"], "--tries is a number from 1 to 10"),
        (["-t", "0"], "--timeout is a time"),
        (["-t", "inf"], "--timeout is a time"),
        (["-t", "1e3"], "--timeout is a time"),
        (["-t", "-1"], "--timeout is a time"),
        (["-t", "61m"], "--timeout is a time"),
        (["-t", "1h"], "--timeout is a time"),
        (["-t", "s"], "--timeout is a time"),
        (["-t", "1.2.3"], "--timeout is a time"),
        (["-w", "x"], "--warning is a time"),
        (["-c", "x"], "--critical is a time"),
        (["-b", "host"], "--source is an address of this host, not 'host'"),
        (["-b", "::1"], "another IP version"),
        (["--rcode", "OK"], "--rcode: "),
        (["--answer", "("], "--answer is no regular expression"),
        (["SOAP"], "example.com SOAP cannot be asked for"),
    ],
)
def test_values_that_make_no_sense(words, complaint):
    with pytest.raises(UsageError) as caught:
        order(*words)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("name", ["a..b", "x" * 64, "", "\udc80"])
def test_a_name_that_is_none(name):
    with pytest.raises(UsageError, match="cannot be asked for"):
        Order(read(["192.0.2.1", "--", name]).values)


def test_what_is_rare_is_left_to_dnspython():
    made = order("type65280", "--rcode", "yxdomain,NOERROR")
    assert (made.message, made.codes) == (None, None)
    asked, expect = made.full()
    assert (int(asked.rdtype), expect.rcodes) == (65280, {0, 6})


WORD = st.sampled_from([*(flag for one in OPTIONS for flag in one.flags), "--", "-", "1", "x=y"])


@given(st.lists(WORD | st.text(max_size=8), max_size=8))
def test_no_words_break_it(words):
    said = read(words)
    if said.wrong is None:
        with contextlib.suppress(UsageError):  # and nothing else
            Order(said.values)
