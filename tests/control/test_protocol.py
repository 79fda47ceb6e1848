"""Lines: what is one, and what is said of what is none."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anycast_wrapper.control.protocol import ProtocolError, decode, encode

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


@settings(max_examples=20)
@given(st.dictionaries(st.text(), JSON))
def test_a_document_survives_its_line(document):
    line = encode(document)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line) == document


def test_a_word_that_is_no_utf8_survives_as_well():
    assert decode(encode({"detail": "\udcff"})) == {"detail": "\udcff"}


@given(st.binary())
def test_any_bytes_are_a_document_or_a_protocol_error(line):
    for one in (line, line + b"\n"):
        with contextlib.suppress(ProtocolError):
            assert isinstance(decode(one), dict)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "an empty message"),
        (b'{"command": "status"}', "half a message"),
        (b"\n", "not JSON"),
        (b"status\n", "not JSON"),
        (b"\xff\xfe\n", "not JSON"),
        (b'["status"]\n', "not an object"),
        (b"null\n", "not an object"),
        (b"[" * 60_000 + b"\n", "not JSON"),
        (b'{"a":' * 10_000 + b"\n", "not JSON"),
        (b'{"a":' + b"9" * 10_000 + b"}\n", "not JSON"),
    ],
)
def test_a_line_that_is_none_is_told_why(line, words):
    with pytest.raises(ProtocolError, match=f"^{words}$"):
        decode(line)
