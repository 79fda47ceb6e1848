"""The man pages as a test reads them: their sections, and the items of their lists."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAN = ROOT / "docs" / "man"

_ESCAPES = {r"\(dq": '"', r"\e": "\\"}


def plain(text: str) -> str:
    """Without what roff needs to hear of a quote or a backslash."""
    return re.sub(r"\\\(dq|\\e", lambda found: _ESCAPES[found[0]], text)


def sections(page: str) -> dict[str, str]:
    """A page's text by heading; of a subsection by both headings."""
    found: dict[str, str] = {}
    heading = upper = ""
    for line in (MAN / page).read_text().splitlines():
        if line.startswith(".Sh "):
            heading = upper = line[4:]
        elif line.startswith(".Ss "):
            heading = f"{upper}/{plain(line[4:])}"
        else:
            found[heading] = found.get(heading, "") + line + "\n"
    return found


def below(page: str, upper: str) -> dict[str, str]:
    """The subsections of a section."""
    return {
        heading.removeprefix(f"{upper}/"): text
        for heading, text in sections(page).items()
        if heading.startswith(f"{upper}/")
    }


def items(text: str) -> Iterator[tuple[str, str]]:
    """The items of lists: the head, and what is said of it."""
    for part in text.split("\n.It ")[1:]:
        head, _, body = part.partition("\n")
        yield head, body
