"""``python -m tests.vm [COMMAND...]``: run a command, or the tests, on a Debian kernel."""

import sys
import time
from pathlib import Path

from . import kit, machine

SECONDS = 1800.0
"""What a run may take."""

TESTS = (
    "tests/vm",
    "tests/contract/test_forwarding.py",
    "tests/kernel/test_linux.py::test_dummies_are_made_or_their_absence_is_said",
)
SUITE = (
    *("-m", "pytest", "-p", "no:cacheprovider", "-o", "timeout=600"),
    *("-m", "vm or root", "-k", "vm or ipvs or dummies", *TESTS),
)
"""What needs such a kernel; with more patience, as everything takes ten times as long."""


def main(command: list[str]) -> int:
    """Run it; its exit status is ours."""
    started = time.monotonic()
    try:
        parts = kit.prepare()
    except kit.KitError as error:
        tell(str(error))
        return 5
    argv = command or [sys.executable, *SUITE]
    outcome = machine.run(parts, argv, seconds=SECONDS, folder=Path.cwd(), hear=hear)
    tell(f"{time.monotonic() - started:.0f} s in all")
    if outcome.status is None:
        tell(f"ended without telling a status; it said:\n{outcome.console[-3000:]}")
        return machine.NOT_TOLD
    return outcome.status


def hear(said: bytes) -> None:
    """Print it at once."""
    sys.stdout.buffer.write(said)
    sys.stdout.buffer.flush()


def tell(words: str) -> None:
    """Something that is not the command's own."""
    sys.stderr.write(f"vm: {words}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
