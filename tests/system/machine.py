"""A machine that is switched on: commands in it, its end, a power cut."""

import base64
import time
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass

from .furnishing import Load


@dataclass(frozen=True)
class Answers:
    """What became of the load's questions over some time: how many, by who answered."""

    by: Counter[str]

    @property
    def lost(self) -> int:
        return self.by["-"]

    def __str__(self) -> str:
        others = ", ".join(f"{n} by the {who}" for who, n in sorted(self.by.items()) if who != "-")
        return f"{self.lost} of {self.by.total()} lost ({others})"


class Machine(ABC):
    """One with files of its own, which outlive a power cut.

    Attributes:
        load: what is asked in it all the time.
    """

    load: Load

    @abstractmethod
    def switch_on(self) -> None:
        """Start it; returns once it takes commands, which is long before it has booted."""

    @abstractmethod
    def reboot(self) -> None:
        """In order; returns once it takes commands again."""

    @abstractmethod
    def cut_power(self) -> None:
        """It is off, now."""

    def remove(self) -> None:
        """For good."""
        self.cut_power()

    def run(self, command: str, *, check: bool = True, seconds: float = 240.0) -> str:
        """What a shell's command prints.

        Raises:
            AssertionError: it fails, and ``check`` says that it must not.
        """
        status, output = self.tried(command, seconds)
        assert status == 0 or not check, f"{command}: {status}: {output}"
        return output

    @abstractmethod
    def tried(self, command: str, seconds: float = 240.0) -> tuple[int | None, str]:
        """Its exit status, None if it was not done in time, and what it prints."""

    def write(self, path: str, text: str) -> None:
        """A file."""
        coded = base64.b64encode(text.encode()).decode()
        self.run(f"echo {coded} | base64 -d >{path}")

    def until(self, command: str, within: float = 120.0) -> float:
        """Run it until it succeeds; the seconds that took.

        Raises:
            AssertionError: it does not in time.
        """
        began = time.monotonic()
        while True:
            status, output = self.tried(command)
            took = time.monotonic() - began
            if status == 0:
                return took
            assert took < within, f"{command}: still {status} after {took:.0f} s: {output}"
            time.sleep(0.3)

    def now(self) -> float:
        """The machine's clock."""
        return float(self.run("date +%s.%N"))

    def answers(self, since: float, until: float | None = None) -> Answers:
        """What became of the questions that were asked in this time; the newest are waited for."""
        end = until or self.now()
        self.until(
            f"awk '$1 > {end:.3f} && $2 != \"-\" {{ f = 1 }} END {{ exit !f }}' /run/load.log"
        )
        # What is lost is known to be only then.
        time.sleep(self.load.patience + 0.5)
        text = self.run(
            f"awk '$1 >= {since:.3f} && $1 <= {end:.3f} {{ n[$2]++ }} "
            "END { for (w in n) print w, n[w] }' /run/load.log"
        )
        return Answers(Counter({who: int(n) for who, n in map(str.split, text.splitlines())}))
