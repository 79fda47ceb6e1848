r"""named.conf, as ``named-checkconf -p`` prints it: statements, blocks, quoted strings.

The grammar (named.conf(5), BIND's lib/isccfg/parser.c), of which everything else is an
interpretation::

    block     = { statement }
    statement = { word | string | "{" block "}" } ";"

named-checkconf has resolved ``include``, comments and line ends by then; a ``"`` or ``\`` inside of
a string has a ``\`` before it. A negation is part of its word (``!192.0.2.1/32``), or a word of its
own before a block.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(r'\s*(?:([{};])|"((?:[^"\\]|\\.)*)"|(!)(?=\s*["{])|([^\s{};"]+))', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

MAX_DEPTH = 50
"""Blocks within blocks; named itself knows five."""


class MalformedError(ValueError):
    """The text does not follow the grammar."""


class Quoted(str):
    """A word that stood in quotes: ``"none"`` is a name, ``none`` means nothing at all."""

    __slots__ = ()


@dataclass(frozen=True)
class Statement:
    """What stands before a semicolon.

    Attributes:
        words: those before the first block; after it named has only options of no interest here.
        block: what is in braces, None without any.
    """

    words: tuple[str, ...] = ()
    block: "Block | None" = None

    @property
    def name(self) -> str:
        """The first word, or an empty string."""
        return self.words[0] if self.words else ""

    @property
    def value(self) -> str:
        """The second word, or an empty string."""
        return self.words[1] if len(self.words) > 1 else ""

    def after(self, word: str) -> str:
        """The word after this one, or an empty string: ``after("port")``."""
        pairs = zip(self.words, self.words[1:], strict=False)
        return next((value for key, value in pairs if key == word), "")


Block = tuple[Statement, ...]


def parse(text: str) -> Block:
    """Read a whole configuration.

    Raises:
        MalformedError: it does not follow the grammar.
    """
    open_blocks: list[list[Statement]] = [[]]
    pending: list[tuple[list[str], Block | None]] = [([], None)]
    for punctuation, word in _tokens(text):
        words, block = pending[-1]
        if punctuation == "{":
            if len(open_blocks) > MAX_DEPTH:
                raise MalformedError(f"blocks are nested more than {MAX_DEPTH} deep")
            open_blocks.append([])
            pending.append(([], None))
        elif punctuation == "}":
            if len(open_blocks) == 1 or words or block is not None:
                raise MalformedError("a brace is closed where none is open, or in a statement")
            inner = tuple(open_blocks.pop())
            pending.pop()
            outer, earlier = pending[-1]
            pending[-1] = (outer, (*(earlier or ()), *inner))
        elif punctuation == ";":
            if words or block is not None:
                open_blocks[-1].append(Statement(tuple(words), block))
            pending[-1] = ([], None)
        elif block is None:
            words.append(word)
    if len(open_blocks) > 1 or pending[-1] != ([], None):
        raise MalformedError("the text ends within a statement")
    return tuple(open_blocks[0])


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Each as punctuation or as a word."""
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise MalformedError(f"found {text[at : at + 20].strip()!r}, expected a statement")
        at = match.end()
        punctuation, string, negation, word = match.groups()
        if punctuation:
            yield punctuation, ""
        elif string is not None:
            yield "", Quoted(_ESCAPED.sub(r"\1", string))
        else:
            yield "", negation or word


def named(block: Block, *names: str) -> Iterator[Statement]:
    """The statements of a block that are called so."""
    return (statement for statement in block if statement.name in names)


def everywhere(block: Block, *names: str) -> Iterator[tuple[str, Statement]]:
    """The statements that are called so, in ``options``, views, zones and below, and where.

    Where is the way there in words, such as ``view int, zone example.com``; empty for ``options``.
    """
    pending: list[tuple[str, Statement]] = [("", statement) for statement in reversed(block)]
    while pending:
        where, statement = pending.pop()
        if statement.name in names:
            yield where, statement
        elif statement.block is not None and statement.name in _HOLDERS:
            title = "" if statement.name == "options" else " ".join(statement.words[:2])
            inside = ", ".join(filter(None, (where, title)))
            pending += [(inside, one) for one in reversed(statement.block)]


_HOLDERS = {"options", "view", "zone", "server"}


def option(block: Block, name: str) -> Statement | None:
    """A statement of ``options``, or None if it is not set."""
    for options in named(block, "options"):
        for statement in named(options.block or (), name):
            return statement
    return None


@dataclass(frozen=True)
class Zone:
    """A zone with its type, in today's word (``primary`` for ``master``)."""

    name: str
    type: str
    block: Block
    view: str = ""


_TYPES = {"master": "primary", "slave": "secondary"}


def zones(block: Block) -> Iterator[Zone]:
    """Every zone, in the order of the file, in views as well."""
    for where, statement in everywhere(block, "zone"):
        inside = statement.block or ()
        kind = next((one.value for one in named(inside, "type")), "")
        yield Zone(statement.value, _TYPES.get(kind, kind), inside, where.removeprefix("view "))
