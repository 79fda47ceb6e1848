"""Who owns a lab: a directory whose lock the owner holds. What dead owners left is removed."""

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from anycast_wrapper.lab.namespace import NETNS_DIR, Namespace, run

ROOT = Path("/run/anycast-lab")
PREFIX = "acl"
SCRATCH_DIR = Path("/var/tmp/frr")


class Claim:
    """A lab's name and directory, ours for as long as this process lives.

    The lock says whether the owner lives. The pid in the file is for people: pids come back.

    Attributes:
        name: What its namespaces and its directory are called.
        directory: Its files.
        removed: The names of the dead owners' labs that were removed before.
    """

    def __init__(self) -> None:
        ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._namespaces: list[Namespace] = []
        with _registry():
            self.removed = remove_leftovers()
            self.name = f"{PREFIX}{secrets.token_hex(3)}"
            self.directory = ROOT / self.name
            self.directory.mkdir(mode=0o755)
            self._lock = (self.directory / "owner").open("w", encoding="ascii")
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            self._lock.write(f"{os.getpid()}\n")
            self._lock.flush()

    def namespace(self, role: str) -> Namespace:
        """The namespace of one machine of this lab; not made yet."""
        namespace = Namespace(f"{self.name}-{role}")
        self._namespaces.append(namespace)
        return namespace

    def release(self) -> None:
        """Remove the namespaces with everything in them, then the directory."""
        with _registry():
            try:
                _remove(self.directory, self._namespaces)
            finally:
                self._lock.close()


def remove_leftovers() -> list[str]:
    """Remove the labs whose owners are dead; their names."""
    removed = []
    for directory in ROOT.glob(f"{PREFIX}*"):
        with contextlib.suppress(BlockingIOError), _lock_of(directory):
            paths = NETNS_DIR.glob(f"{directory.name}-*")
            _remove(directory, [Namespace(path.name) for path in paths])
            removed.append(directory.name)
    return removed


def _remove(directory: Path, namespaces: Iterable[Namespace]) -> None:
    for namespace in namespaces:
        pids = namespace.pids() if namespace.exists else []
        namespace.destroy()
        # FRR keeps scratch files per process and leaves them behind when it is killed.
        for pid in pids:
            for scratch in SCRATCH_DIR.glob(f"*.{pid}"):
                shutil.rmtree(scratch, ignore_errors=True)
    _unmount_below(directory)
    shutil.rmtree(directory)


def _unmount_below(directory: Path) -> None:
    """Take off what a scenario has mounted in its lab's directory."""
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    for line in reversed(mounts):
        target = line.split(" ")[1]
        if Path(target).is_relative_to(directory):
            run(["umount", "--lazy", target])


@contextlib.contextmanager
def _registry() -> Iterator[None]:
    # Nobody may mistake a lab that is just being made, and not locked yet, for a dead one.
    with (ROOT / ".lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _lock_of(directory: Path) -> Iterator[IO[str]]:
    with (directory / "owner").open("a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield lock
