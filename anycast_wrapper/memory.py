"""What an operator said, as a file: that the node is drained, or which servers of a gateway."""

import json
import os
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from .core.model import Drain, Reason
from .ports import StateError

MAX_BYTES = 4096
MAX_LIST_BYTES = 1 << 22


class DrainFile:
    """A `Memory`: the file's presence is the drain, its content says who and why."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def recall(self) -> Drain | None:
        """The drain in force. A file that cannot be read drains as well: nobody can know better."""
        try:
            with self._path.open("rb") as file:
                content = file.read(MAX_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            return Drain(Reason.STATE_UNREADABLE, f"{self._path}: {error.strerror}")
        try:
            detail = str(json.loads(content)["detail"])
        except (ValueError, KeyError, TypeError, RecursionError):
            detail = content.decode("utf-8", "replace").strip()
        return Drain(Reason.DRAINED, detail.encode("utf-8", "replace").decode())

    def remember(self, detail: str) -> None:
        """Write the file so that a crash leaves the old or the new one, never half of one."""
        at = datetime.now(tz=UTC).isoformat(timespec="seconds")
        try:
            self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            write_atomically(self._path, json.dumps({"detail": detail, "since": at}) + "\n")
        except OSError as error:
            raise StateError(f"cannot write {self._path}: {error.strerror}") from None

    def forget(self) -> None:
        """Remove the file."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise StateError(f"cannot remove {self._path}: {error.strerror}") from None


class DrainList:
    """The drained servers of a gateway, each by its pool and its name, with who drained it and why.

    A file that cannot be read drains nobody: that would be everybody.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def recall(self) -> Mapping[tuple[str, str], str]:
        """The drains in force.

        Raises:
            StateError: there is a file, and it cannot be read or is not ours.
        """
        try:
            with self._path.open("rb") as file:
                content = file.read(MAX_LIST_BYTES)
            entries = json.loads(content)["drained"]
            return {(str(e["pool"]), str(e["server"])): str(e["detail"]) for e in entries}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StateError(f"cannot read {self._path}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, RecursionError):
            raise StateError(
                f"cannot read {self._path}: it is no list of drained servers"
            ) from None

    def remember(self, drained: Mapping[tuple[str, str], str]) -> None:
        """Write these and no others.

        Raises:
            StateError: that is not possible; the file is as it was.
        """
        entries = [
            {"pool": pool, "server": server, "detail": detail}
            for (pool, server), detail in drained.items()
        ]
        try:
            self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            write_atomically(self._path, json.dumps({"drained": entries}) + "\n")
        except OSError as error:
            raise StateError(f"cannot write {self._path}: {error.strerror}") from None


def write_atomically(path: Path, text: str) -> None:
    """Replace a file's content in one step that a power cut cannot halve.

    Raises:
        OSError: it could not be done, and the file is as it was.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
