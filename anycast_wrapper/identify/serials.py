"""SOA serials: which is newer, which are stale."""

from collections.abc import Iterable

HALF = 2**31
SPACE = 2**32


def newer(one: int, other: int) -> bool:
    """Whether one serial comes after the other (RFC 1982, 3.2).

    Of two that are 2^31 apart neither does: the order of those is undefined.
    """
    return 0 < (one - other) % SPACE < HALF


def newest(serials: Iterable[int]) -> int | None:
    """The serial that comes after all others, or None where there is none such.

    Serial arithmetic can go round in a circle, as 0, 2^31 - 1 and 2^32 - 2 do.
    """
    different = set(serials)
    for one in different:
        if all(newer(one, other) for other in different - {one}):
            return one
    return None


class Seen:
    """The serials that one node showed, in the order of time.

    A zone may be updated meanwhile: then the last one counts. A node that comes back to an older
    serial is two servers under one name; then all of them count.
    """

    LIMIT = 16

    def __init__(self) -> None:
        self._serials: list[int] = []
        self._mixed = False

    def add(self, serial: int) -> None:
        """The node showed this serial now."""
        if self._serials and serial == self._serials[-1]:
            return
        if serial in self._serials:
            self._mixed = True
        elif len(self._serials) < self.LIMIT:
            self._mixed = self._mixed or bool(
                self._serials and not newer(serial, self._serials[-1])
            )
            self._serials.append(serial)

    @property
    def current(self) -> tuple[int, ...]:
        """The serials that it has: one, unless it mixes several; none if it showed none."""
        return tuple(self._serials) if self._mixed else tuple(self._serials[-1:])
