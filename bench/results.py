"""The results: one JSON file, into which every run merges the parts that it has measured.

``{"date": ..., "machine": {...}, "parts": {PART: {"measured": ..., ...}}}``; what a part holds is
said where it is measured.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Document = dict[str, Any]


def today() -> str:
    """The date, for people and for file names."""
    return datetime.now(UTC).date().isoformat()


def path_for(directory: Path, date: str) -> Path:
    """Where the results of a day are."""
    return directory / f"results-{date}.json"


def read(path: Path) -> Document:
    """What is there so far."""
    if not path.exists():
        return {"date": today(), "machine": {}, "parts": {}}
    document: Document = json.loads(path.read_text(encoding="utf-8"))
    return document


def merge(path: Path, part: str, figures: Mapping[str, Any], machine: Mapping[str, str]) -> None:
    """Put one part in, in place of what it said before; runs at the same time do not collide."""
    with _locked(path):
        document = read(path)
        document["machine"] = dict(machine)
        stamp = datetime.now(UTC).isoformat(timespec="seconds")
        document["parts"][part] = {"measured": stamp, **figures}
        document["parts"] = dict(sorted(document["parts"].items()))
        fresh = path.with_suffix(".new")
        fresh.write_text(text(document), encoding="utf-8")
        fresh.replace(path)


def text(document: Document) -> str:
    """As JSON that a diff can be read of: what is deep inside stays on a line."""
    lines = [f'{{\n "date": {json.dumps(document["date"])},']
    lines.append(f' "machine": {json.dumps(document["machine"], indent=2)},\n "parts": {{')
    parts = [
        f"  {json.dumps(name)}: {json.dumps(part)}" for name, part in document["parts"].items()
    ]
    return "\n".join([*lines, ",\n".join(parts), " }\n}\n"])


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
