"""The parts of the benchmark, by name: what ``--only`` chooses from."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from . import faults
from .contenders import ALL as CONTENDERS
from .cost import growth, hosts

QUICK_CONTENDERS = ("technote", "ahc-tight", "exabgp-tight", "watchdog-tight", "anycast-wrap")
QUICK_FAULTS = ("kill", "hang", "planned")
QUICK_IDLE = ("anycast-wrap", "exabgp-tight")


class UnknownPartError(ValueError):
    """No part has that name."""


def every() -> list[str]:
    """All parts, in the order in which they are run."""
    return [
        "checks",
        "fleet",
        "steps",
        *(f"idle:{name}" for name in CONTENDERS),
        *(
            f"faults:{contender.name}:{fault.name}"
            for contender in CONTENDERS.values()
            for fault in faults.ALL.values()
            if fault.concerns(contender)
        ),
        *(f"growth:{kind}" for kind in growth.KINDS),
        *(f"hosts:{count}" for count in hosts.STEPS),
    ]


def quick() -> list[str]:
    """Those that give a first picture in a few minutes."""
    return [
        "checks",
        "fleet",
        "steps",
        *(f"idle:{name}" for name in QUICK_IDLE),
        *(f"faults:{name}:{fault}" for name in QUICK_CONTENDERS for fault in QUICK_FAULTS),
        "growth:services",
        *(f"hosts:{count}" for count in hosts.QUICK_STEPS),
    ]


def chosen(patterns: Sequence[str], available: Iterable[str]) -> list[str]:
    """Those parts that a pattern names.

    Args:
        patterns: Parts, or beginnings of them: ``faults``, ``faults:exabgp``,
            ``faults:exabgp-tight:kill``, ``faults::kill``. None: all of them.
        available: The parts there are.

    Raises:
        UnknownPartError: A pattern names none.
    """
    parts = list(available)
    if not patterns:
        return parts
    wanted: set[str] = set()
    for pattern in patterns:
        found = [part for part in parts if _fits(pattern, part)]
        if not found:
            raise UnknownPartError(f"no part is called {pattern!r}: see --list")
        wanted.update(found)
    return [part for part in parts if part in wanted]


def _fits(pattern: str, part: str) -> bool:
    asked, has = pattern.split(":"), part.split(":")
    if len(asked) > len(has):
        return False
    # A contender may be named by its tool, for all its settings; where both are contenders the
    # exact name is meant.
    return all(
        word in {"", name}
        or (place == 1 and word not in CONTENDERS and name.startswith(f"{word}-"))
        for place, (word, name) in enumerate(zip(asked, has, strict=False))
    )


def by_lab(parts: Sequence[str]) -> list[tuple[str, list[str]]]:
    """The parts that share a lab, together: the faults of one contender."""

    def lab(part: str) -> str:
        kind, _, rest = part.partition(":")
        return f"{kind}:{rest.partition(':')[0]}" if kind == "faults" else part

    return [(name, list(group)) for name, group in groupby(parts, key=lab)]
