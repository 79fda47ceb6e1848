"""What a wrapper's log says that it did, on the lab's own clock."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from anycast_wrapper.lab.play import Step
from anycast_wrapper.lab.wrapper import Wrapper

CHANGED = "service-changed"
QUIET = frozenset({"daemon-output", "daemon-says", "kernel"})
"""Events that would fill a timeline and say little."""

LINE = re.compile(r"(?P<at>\S+) (?P<level>\w+) (?P<event>[\w-]+)(?P<fields>.*)")
FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)')


@dataclass(frozen=True)
class Logged:
    """A line of the log.

    Attributes:
        time: By ``time.monotonic()``.
        event: Its stable name.
        fields: Key and value.
    """

    time: float
    event: str
    fields: dict[str, str]

    @property
    def leaves(self) -> bool:
        """Whether a service leaves the preferred rank."""
        return self.event == CHANGED and self.fields.get("from") == "preferred"

    def __str__(self) -> str:
        if self.event == CHANGED:
            told = self.fields
            words = f"{told.get('service')}: {told.get('from')} -> {told.get('to')}"
            return f"{words} ({told.get('reason')})"
        return " ".join([self.event, self.fields.get("detail", "")]).strip()


class LogReader:
    """Reads what a wrapper writes from now on."""

    def __init__(self, wrapper: Wrapper) -> None:
        self.host = wrapper.host.name
        self._wrapper = wrapper
        self._read = len(wrapper.log())

    def read(self, steps: Sequence[Step] = ()) -> list[Logged]:
        """All of it so far.

        Args:
            steps: How the wrapper's clock was stepped meanwhile.
        """
        offset = time.time() - time.monotonic()
        found = []
        for line in self._wrapper.log()[self._read :].splitlines():
            match = LINE.fullmatch(line)
            if match is None:
                continue
            try:
                at = datetime.fromisoformat(match["at"]).timestamp() - offset
            except ValueError:  # a line that a full disk has cut in two
                continue
            fields = {key: value.strip('"') for key, value in FIELD.findall(match["fields"])}
            found.append(Logged(_unstepped(at, steps), match["event"], fields))
        return found

    def telling(self, steps: Sequence[Step] = ()) -> list[Logged]:
        """What belongs on a timeline."""
        return [entry for entry in self.read(steps) if entry.event not in QUIET]


def _unstepped(at: float, steps: Sequence[Step]) -> float:
    """When it really was: before the first step, or within what one of them accounts for."""
    ends = [*(moment for moment, _ in steps[1:]), float("inf")]
    for (begin, ahead), end in zip(steps, ends, strict=False):
        # The log's times are whole milliseconds.
        if begin - 0.001 <= at - ahead < end:
            return at - ahead
    return at
