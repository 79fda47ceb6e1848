"""The health of every probe, in pages: to write one line copies its page, and not the book.

A thousand servers are asked every second, and each answer is a new value of one `Health`. Where all
of them sat in one mapping, each answer would copy that and look through it for what is due next.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from anycast_wrapper.core.health import Health

PAGE = 32
"""Lines of a page: near the square root of a thousand, where a page costs what the book does."""

_NEVER = float("inf")


@dataclass(frozen=True)
class Ledger:
    """Healths by their numbers.

    Attributes:
        dues: of every page, when the first of its probes that are not running is due.
    """

    pages: tuple[tuple[Health, ...], ...] = ()
    dues: tuple[float, ...] = ()

    def __getitem__(self, number: int) -> Health:
        """The health with a number."""
        return self.pages[number // PAGE][number % PAGE]

    def __iter__(self) -> Iterator[Health]:
        """All of them, in the order of their numbers."""
        return (health for page in self.pages for health in page)

    @property
    def soonest(self) -> float:
        """When the first of those that are not running is due; infinity if all are."""
        return min(self.dues, default=_NEVER)

    def due(self, now: float) -> list[int]:
        """The numbers of those that are not running and are due."""
        return [
            place * PAGE + line
            for place, soonest in enumerate(self.dues)
            if soonest <= now
            for line, health in enumerate(self.pages[place])
            if health.ticket is None and health.due <= now
        ]

    def written(self, changes: Mapping[int, Health]) -> "Ledger":
        """The ledger with these healths in the place of those that had their numbers."""
        pages, dues = list(self.pages), list(self.dues)
        opened: dict[int, list[Health]] = {}
        for number, health in changes.items():
            place = number // PAGE
            if place not in opened:
                opened[place] = list(pages[place])
            opened[place][number % PAGE] = health
        for place, page in opened.items():
            pages[place] = tuple(page)
            dues[place] = _soonest(page)
        return Ledger(tuple(pages), tuple(dues))


def ledger(healths: Iterable[Health]) -> Ledger:
    """A ledger of these, numbered as they come."""
    lines = tuple(healths)
    pages = tuple(lines[first : first + PAGE] for first in range(0, len(lines), PAGE))
    return Ledger(pages, tuple(_soonest(page) for page in pages))


def _soonest(page: Iterable[Health]) -> float:
    return min((one.due for one in page if one.ticket is None), default=_NEVER)
