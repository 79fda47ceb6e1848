"""Runs parts and hands over their figures as soon as they are there."""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import psutil

from anycast_wrapper.lab.runner import TROUBLE

from . import faults
from .contenders import ALL as CONTENDERS
from .contenders import Contender
from .cost import checks, growth, hosts, idle, steps
from .parts import by_lab
from .peers import missing
from .stage import staged

Figures = Mapping[str, Any]
Say = Callable[[str], None]
Measured = Generator[tuple[str, Figures], None, None]
LONGEST = 200


def brief(error: BaseException) -> str:
    """What went wrong, on a line that fits a table; what was seen instead is left out."""
    words = " ".join((str(error) or repr(error)).split())
    return words.partition("; last seen")[0][:LONGEST]


class Measuring:
    """One run.

    Args:
        repeat: How often each fault is made.
        quick: Whether what takes long is cut short.
        say: Is told what is being done.
        contenders: Who is measured, by name.
    """

    def __init__(
        self,
        *,
        repeat: int,
        quick: bool,
        say: Say,
        contenders: Mapping[str, Contender] = CONTENDERS,
    ) -> None:
        self._contenders = contenders
        self._repeat = repeat
        self._quick = quick
        self._say = say

    def run(self, parts: Sequence[str]) -> Measured:
        """Run them; each with its figures, ``failed`` with a sentence, or ``missing``.

        Those after a part that failed have a fresh lab. Close it, should you not come to its end.
        """
        for lab, group in by_lab(parts):
            pending = list(group)
            while pending:
                try:
                    for part, figures in self._lab(lab, tuple(pending)):
                        pending.remove(part)
                        yield part, figures
                except (*TROUBLE, psutil.Error) as error:
                    yield pending.pop(0), {"failed": brief(error)}

    def _lab(self, lab: str, group: Sequence[str]) -> Measured:
        kind, _, name = lab.partition(":")
        if kind in {"faults", "idle"} and (lacks := missing(self._contenders[name].needs)):
            for part in group:
                yield part, {"missing": lacks}
            return
        if kind == "faults":
            yield from self._faults(name, group)
            return
        self._say(f"{lab} ...")
        began = time.monotonic()
        single: dict[str, Callable[[], dict[str, Any]]] = {
            "checks": lambda: checks.per_thousand(quick=self._quick),
            "fleet": lambda: checks.fleet(quick=self._quick),
            "steps": lambda: steps.steps(quick=self._quick),
            "idle": lambda: idle.idle(self._contenders[name], quick=self._quick),
            "growth": lambda: growth.growth(name, quick=self._quick),
            "hosts": lambda: hosts.hosts(int(name)),
        }
        figures = single[kind]()
        yield lab, {**figures, "took": round(time.monotonic() - began, 1)}

    def _faults(self, name: str, group: Sequence[str]) -> Measured:
        self._say(f"faults:{name}: making a lab and waiting for the routes")
        with staged(self._contenders[name]) as stage:
            for part in group:
                fault = faults.ALL[part.rpartition(":")[2]]
                self._say(f"{part} ...")
                began = time.monotonic()
                figures = stage.run(fault, self._repeat)
                yield part, {**figures, "took": round(time.monotonic() - began, 1)}
