"""Whatever a daemon prints, what reaches the log is lines of a bounded length."""

import asyncio
import logging
import os

import pytest

from anycast_wrapper.nameserver.output import MAX_LINE, Relay


def relayed(caplog, *chunks):
    caplog.set_level(logging.INFO, "anycast_wrapper.daemon")

    async def scenario():
        reader, writer = os.pipe()
        relay = Relay(reader)
        for chunk in chunks:
            os.write(writer, chunk)
            relay._read()
        os.close(writer)
        relay.close()
        relay.close()
        return relay.words()

    words = asyncio.run(scenario())
    return [record.getMessage() for record in caplog.records], words


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        ([b"one\ntwo\n"], ["one", "two"]),
        ([b"o", b"n", b"e\nt", b"wo"], ["one", "two"]),
        ([b"\n\n \n"], []),
        ([b"\x1b[31mred\x07\r\n"], [" [31mred"]),
        ([b"\xff\xfe\n"], ["\ufffd\ufffd"]),
        ([b"x" * 5000 + b"\nafter\n"], ["x" * MAX_LINE, "after"]),
        ([b"x" * 5000, b"y" * 5000, b"z\nafter\n"], ["x" * MAX_LINE, "after"]),
        ([b"x" * 5000], ["x" * MAX_LINE]),
    ],
)
def test_lines(caplog, chunks, lines):
    passed, words = relayed(caplog, *chunks)
    assert passed == lines
    assert words == lines


def test_only_the_last_lines_are_its_last_words(caplog):
    _, words = relayed(caplog, b"".join(b"%d\n" % n for n in range(50)))
    assert words == ["45", "46", "47", "48", "49"]
