"""How a run goes, while it goes: one line that moves on a terminal, plain lines elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from anycast_wrapper.lab.outcome import Outcome
from anycast_wrapper.lab.report.terminal import STYLES, figures
from anycast_wrapper.lab.scenarios.model import Scenario


class Progress:
    """A `Listener` for people.

    Args:
        console: Where they look.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._title = ""
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status = self._console.status("")
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status:
            self._status.stop()

    def begins(self, scenario: Scenario, number: int, of: int) -> None:
        """Say which scenario it is."""
        self._title = f"{number}/{of} {scenario.name}"
        self._line(f"[bold]{scenario.name}[/]  {escape(scenario.sentence)}")

    def says(self, words: str) -> None:
        """Say what is being done."""
        if self._status:
            self._status.update(f"[bold]{self._title}[/]  {escape(words)} ...")
        else:
            self._line(f"  {words}")

    def ends(self, outcome: Outcome) -> None:
        """Say how it went."""
        style = STYLES[outcome.verdict]
        self._line(f"  [{style}]{outcome.verdict}[/]  {escape(figures(outcome))}")
        for failure in outcome.failures:
            self._line(f"    [{style}]{escape(failure)}[/]")

    def _line(self, markup: str) -> None:
        seconds = time.monotonic() - self._began
        self._console.print(f"[dim]{seconds:6.1f} s[/] {markup}", highlight=False, soft_wrap=True)
