"""Draw docs/states.rst from the core's tables: ``python docs/draw_states.py > docs/states.rst``."""

import sys

from anycast_wrapper.core.health import TRANSITIONS
from anycast_wrapper.core.judge import PHASE_REASON
from anycast_wrapper.core.lifecycle import AFTER_EXIT, TABLE, Cue, Phase


def table(head: list[str], rows: list[list[str]]) -> str:
    """A simple table of reStructuredText."""
    widths = [max(len(row[n]) for row in [head, *rows]) for n in range(len(head))]
    rule = "  ".join("=" * width for width in widths)

    def line(cells: list[str]) -> str:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return "  ".join(padded).rstrip()

    return "\n".join([rule, line(head), rule, *map(line, rows), rule])


def drawn() -> str:
    """The whole page."""
    life = [
        [phase.value, *(TABLE[phase, cue].__name__.replace("_", "-") for cue in Cue)]
        for phase in Phase
    ]
    health = [
        [state.value, "good" if ok else "bad", short.value, enough.value]
        for (state, ok), (short, enough) in TRANSITIONS.items()
    ]
    exits = [
        [str(policy), "clean" if clean else "bad", phase.value]
        for (policy, clean), phase in AFTER_EXIT.items()
    ]
    reasons = [[phase.value, str(reason or "\\-")] for phase, reason in PHASE_REASON.items()]
    return f"""States
======

Drawn from the tables in ``anycast_wrapper/core`` by ``docs/draw_states.py``; do not edit.

The daemon's life: what is done in a phase (rows) at a cue (columns)
--------------------------------------------------------------------

{table(["phase", *(cue.value for cue in Cue)], life)}

After an exit that nobody asked for
-----------------------------------

{table(["restart", "exit", "next"], exits)}

Why nothing is announced in a phase
-----------------------------------

{table(["phase", "reason"], reasons)}

A probe's health
----------------

The streak is the number of outcomes of the same kind in a row; it is long enough at ``rise`` (good)
or ``fall`` (bad). Unproven, rising and falling are asked again after ``recheck``.

{table(["state", "outcome", "while it is short", "once it is long enough"], health)}
"""


if __name__ == "__main__":
    sys.stdout.write(drawn())
