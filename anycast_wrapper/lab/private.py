"""A command that finds directories of its own where the machine has shared ones."""

from collections.abc import Iterable
from pathlib import Path

SCRIPT = 'while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit; shift 2; done; shift; exec "$@"'


def privately(places: Iterable[tuple[Path, Path]]) -> list[str]:
    """What goes before a command that ``ip netns exec`` runs, which gives it mounts of its own.

    The command keeps the pid, and the machine sees nothing of the mounts.

    Args:
        places: A directory, and where the command is to find it; left out if there is none to be
            covered.
    """
    pairs = [str(path) for own, shared in places if shared.is_dir() for path in (own, shared)]
    return ["sh", "-c", SCRIPT, "sh", *pairs, "--"]
