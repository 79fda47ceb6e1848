"""What a scenario may need beyond the lab's own, and the package that has it."""

from collections.abc import Callable, Iterable

from anycast_wrapper.lab import fakeclock
from anycast_wrapper.lab.bind import program

_PRESENT: dict[str, tuple[Callable[[], object], str]] = {
    "bird": (lambda: program("bird"), "bird (package bird2)"),
    "nft": (lambda: program("nft"), "nft (package nftables)"),
    "tc": (lambda: program("tc"), "tc (package iproute2)"),
    "libfaketime": (fakeclock.library, "libfaketime (package faketime)"),
}


def lacks(needs: Iterable[str]) -> list[str]:
    """Those of the needs that this machine does not meet, with their package."""
    return [_PRESENT[need][1] for need in needs if not _PRESENT[need][0]()]
