"""Side by side: tools that check every five or ten seconds, or have nothing to do, mostly wait.

Each is a process of its own, with its own lab, that merges into the same results; the rest of a run
has the machine to itself.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from anycast_wrapper.lab.interrupt import InterruptedByError

from .contenders import ALL as CONTENDERS
from .parts import by_lab

SLOW = 5.0
"""Seconds from check to check from which on a contender is slow."""

HOME = Path(__file__).resolve().parent.parent


def apart(parts: Sequence[str]) -> tuple[list[list[str]], list[str]]:
    """The lanes, and what is to be run alone; no lanes where there would be but one.

    A lane is the faults of one slow contender, or everything that is watched while it is idle.
    """
    labs = by_lab(parts)
    idle = [part for part in parts if part.startswith("idle:")]
    lanes = [group for lab, group in labs if _slow(lab)] + ([idle] if idle else [])
    if len(lanes) < 2:
        return [], list(parts)
    taken = {part for lane in lanes for part in lane}
    return lanes, [part for part in parts if part not in taken]


def _slow(lab: str) -> bool:
    kind, _, name = lab.partition(":")
    return kind == "faults" and CONTENDERS[name].interval >= SLOW


def run(lanes: Sequence[Sequence[str]], options: Sequence[str]) -> bool:
    """Run them at the same time, each with these options; whether all went well.

    An interruption is handed on, and each removes what it has made before this returns.
    """
    children = []
    try:
        for lane in lanes:
            chosen = [word for part in lane for word in ("--only", part)]
            argv = [sys.executable, "-m", "bench", *options, *chosen]
            # An interrupt from the terminal is for us, who hand it on: once, not twice.
            children.append(subprocess.Popen(argv, cwd=HOME, start_new_session=True))
        ends = [child.wait() for child in children]
        return not any(ends)
    except InterruptedByError:
        for child in children:
            child.terminate()
        for child in children:
            child.wait()
        raise
