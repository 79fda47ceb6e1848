"""The gateway's file to a `TrackConfig`, or every mistake in it at once."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .load import Kind, checked, made, read
from .schema import Problem
from .track import Pool, TrackConfig, conflicts


def load(path: Path) -> TrackConfig:
    """Read and check a file.

    Raises:
        ConfigError: it cannot be read, is not TOML, or means nothing; with every reason.
    """
    return parse(read(path), str(path))


def parse(text: str, name: str) -> TrackConfig:
    """Check the text of a file; ``name`` is what its errors call it.

    Raises:
        ConfigError: with every reason.
    """
    return checked(text, name, _KIND)


def _conflicts(document: Mapping[str, Any]) -> Sequence[Problem]:
    pools = document.get("pool")
    return conflicts([made(Pool, one) for one in pools] if isinstance(pools, list) else [])


_KIND = Kind(TrackConfig, _conflicts)
