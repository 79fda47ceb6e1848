"""FRR's running configuration, as far as its form goes: stanzas and the lines in them.

vtysh indents what belongs to a stanza by a blank (lib/command.c and every daemon's config_write);
``!`` and ``exit`` end one.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Stanza:
    """A line at the margin, and the lines that belong to it, without their indentation."""

    head: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class FrrConfig:
    """The running configuration of all daemons that run."""

    stanzas: tuple[Stanza, ...] = ()

    def under(self, head: str) -> tuple[str, ...] | None:
        """The lines below a head, such as ``interface eth0``; None if it is not there."""
        found = [stanza.lines for stanza in self.stanzas if stanza.head == head]
        return tuple(line for lines in found for line in lines) if found else None

    def starting(self, words: str) -> Iterator[str]:
        """The heads that begin with these words."""
        return (s.head for s in self.stanzas if f"{s.head} ".startswith(f"{words} "))


def parse(text: str) -> FrrConfig:
    """Read what ``show running-config`` prints. Any text at all gives something."""
    stanzas: list[Stanza] = []
    head, lines = "", list[str]()

    def close() -> None:
        if head:
            stanzas.append(Stanza(head, tuple(lines)))

    for line in text.splitlines():
        words = " ".join(line.split())
        if not words or words.startswith("!") or words in ("exit", "end", "exit-vrf"):
            continue
        if line[0].isspace():
            lines.append(words)
        else:
            close()
            head, lines = words, []
    close()
    return FrrConfig(tuple(stanzas))
