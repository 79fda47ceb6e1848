"""BIRD's control socket: questions as lines, replies as numbered lines. What birdc speaks.

A reply is lines of ``NNNN-text``, each with a code of four digits, and ends with one of
``NNNN text``; a line that begins with a blank has the code of the one before it; one that begins
with ``+`` is a log message that is nobody's reply (BIRD's ``doc/reply_codes`` and ``nest/cli.c``).
The codes 8000 to 8999 are run-time errors, 9000 to 9999 syntax errors. After ``restrict`` nothing
but questions is obeyed on a connection.
"""

import asyncio
import contextlib
import errno
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MAX_LINE = 1 << 14
"""Bytes of a line."""

MAX_REPLIES = 1 << 22
"""Bytes of everything that is said on one connection."""

_NUMBERED = re.compile(r"(\d{4})([- ])(.*)")
_FIRST_ERROR = 8000


class BadReplyError(ValueError):
    """What the socket says is no reply of BIRD's."""


@dataclass(frozen=True)
class Reply:
    """What BIRD said to one question.

    Attributes:
        code: of its last line.
        lines: the texts of all of them.
    """

    code: int
    lines: tuple[str, ...]

    @property
    def error(self) -> str:
        """Why there is no answer, in BIRD's words; "" if there is one."""
        return self.lines[-1][:120] if self.code >= _FIRST_ERROR else ""


class ReplyReader:
    """Makes a reply out of lines, one after the other."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def take(self, line: str) -> Reply | None:
        """The reply, with its last line.

        Raises:
            BadReplyError: this is no line of a reply.
        """
        if line.startswith("+"):
            return None
        if line.startswith(" ") and self._lines:
            self._lines.append(line[1:])
            return None
        match = _NUMBERED.fullmatch(line)
        if match is None:
            raise BadReplyError(line[:80])
        self._lines.append(match[3])
        if match[2] == "-":
            return None
        done, self._lines = tuple(self._lines), []
        return Reply(int(match[1]), done)


class Conversation:
    """One connection, on which questions are asked one after the other.

    Args:
        reader: what BIRD says.
        writer: what it is told.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._replies = ReplyReader()
        self._heard = 0

    async def greet(self) -> None:
        """Hear who it is, and promise to ask only.

        Raises:
            BadReplyError: it is not BIRD.
            OSError: it says no more.
        """
        await self._hear()
        await self.ask("restrict")

    async def ask(self, question: str) -> Reply:
        """The reply to a question.

        Raises:
            BadReplyError: it is none.
            OSError: BIRD says no more, or far too much.
        """
        self._writer.write(f"{question}\n".encode("ascii"))
        await self._writer.drain()
        return await self._hear()

    async def _hear(self) -> Reply:
        while True:
            try:
                line = await self._reader.readline()
            except ValueError:
                raise BadReplyError(f"a line of more than {MAX_LINE} bytes") from None
            if not line.endswith(b"\n"):
                raise ConnectionResetError(errno.ECONNRESET, "ends in the middle of a reply")
            self._heard += len(line)
            if self._heard > MAX_REPLIES:
                raise OSError(errno.EFBIG, f"says more than {MAX_REPLIES} bytes")
            reply = self._replies.take(line[:-1].decode("utf-8", "replace"))
            if reply is not None:
                return reply

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


async def connect(path: Path) -> Conversation:
    """Begin a conversation.

    Raises:
        OSError: nobody listens there, or we may not speak with them.
        BadReplyError: it is not BIRD.
    """
    reader, writer = await asyncio.open_unix_connection(path, limit=MAX_LINE)
    conversation = Conversation(reader, writer)
    try:
        await conversation.greet()
    except BaseException:
        await conversation.close()
        raise
    return conversation


def quoted(names: Sequence[str]) -> list[str]:
    """Names of protocols as BIRD takes them in a command, whatever is in them.

    Raises:
        BadReplyError: no protocol can have such a name.
    """
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9_.:-]+", name):
            raise BadReplyError(f"a protocol named {name[:80]!r}")
    return [f"'{name}'" for name in names]
