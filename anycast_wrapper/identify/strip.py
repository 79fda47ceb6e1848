"""A strip in time: in each slice of it, how often each node answered, and how much was lost."""

from collections import Counter

from .answers import Visit

LOST = None
"""Stands for nobody, where a node's name could."""

Slice = Counter[str | None]


class Strip:
    """The last while, by address.

    Args:
        seconds: how long a slice is.
        limit: how many slices are kept.
    """

    def __init__(self, seconds: float, limit: int = 1000) -> None:
        self.seconds = seconds
        self._limit = limit
        self._slices: dict[str, dict[int, Slice]] = {}

    def add(self, visit: Visit) -> None:
        """Count a visit in the slice in which it began."""
        slices = self._slices.setdefault(visit.address, {})
        number = int(visit.at / self.seconds)
        node = visit.node
        slices.setdefault(number, Counter())[LOST if node is None else node.name] += 1
        while len(slices) > self._limit:
            del slices[min(slices)]

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses that were asked, in the order in which they were first."""
        return tuple(self._slices)

    def slice(self, address: str, number: int) -> Slice:
        """What was counted in a slice, the first being number 0."""
        return self._slices.get(address, {}).get(number, Counter())

    def names(self, address: str) -> tuple[str, ...]:
        """Everybody who answered there in what is kept, by name."""
        found = {name for one in self._slices.get(address, {}).values() for name in one}
        return tuple(sorted(name for name in found if name is not LOST))
