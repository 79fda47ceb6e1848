"""A wall clock that can be stepped for some processes only: libfaketime, with a control file."""

from pathlib import Path

LIBRARIES = (
    "/usr/lib/*/faketime/libfaketimeMT.so.1",
    "/usr/lib*/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
)


def library() -> Path | None:
    """Where libfaketime is, if it is installed."""
    found = (path for pattern in LIBRARIES for path in Path("/").glob(pattern.lstrip("/")))
    return next(found, None)


class FakeClock:
    """The clock of one host's wrapper and of what it starts.

    Args:
        directory: Where the control file is kept.
    """

    def __init__(self, directory: Path) -> None:
        self._control = directory / "clock"
        if not self._control.exists():
            self.step(0)

    @property
    def environment(self) -> dict[str, str]:
        """For the processes that are to see it."""
        return {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._control),
            # Without it a step is seen ten seconds late.
            "FAKETIME_NO_CACHE": "1",
            # What the kernel steps is the wall clock alone.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def step(self, seconds: int) -> None:
        """Set how far it is from the true time, from now on."""
        fresh = self._control.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n", encoding="ascii")
        fresh.chmod(0o644)
        fresh.replace(self._control)
