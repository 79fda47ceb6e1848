"""A lab that stays up to be played with: a keeper in the background owns it until it is told to go.

The keeper holds a lock for as long as the lab stands, and its file says what there is. There is one
such lab at a time; labs of scenarios are not in its way.
"""

import fcntl
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from anycast_wrapper.errors import AnycastWrapError
from anycast_wrapper.lab.bind import program
from anycast_wrapper.lab.claim import ROOT, remove_leftovers
from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.host import Host
from anycast_wrapper.lab.load import PACKAGE_ROOT
from anycast_wrapper.lab.topology import Lab

FILE = ROOT / "standing"
LOG = ROOT / "standing.log"
COMMAND = (sys.executable, "-m", "anycast_wrapper.lab.keeper")


class StandingError(AnycastWrapError):
    """There is no lab that stands, or one already, or it did not come up."""


@dataclass(frozen=True)
class Machine:
    """One machine of the lab.

    Attributes:
        namespace: Its network namespace.
        tools: A directory of programs that know their way there: ``anycast-wrap``, ``vtysh``.
    """

    namespace: str
    tools: str


@dataclass(frozen=True)
class Standing:
    """A lab that stands.

    Attributes:
        pid: Of its keeper.
        name: What its namespaces are called.
        addresses: The service addresses.
        machines: By name: ``host1``, ``gateway``, ``client``.
    """

    pid: int
    name: str
    addresses: tuple[str, ...]
    machines: dict[str, Machine]


def standing() -> Standing | None:
    """The lab that stands, if one does."""
    with _held_by_other() as held:
        return _read() if held else None


def up(hosts: int) -> Standing:
    """Make a lab that stays, in the background.

    Raises:
        StandingError: One stands already, or this one did not come up; the message has why.
    """
    ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
    with _held_by_other() as held:
        if held:
            raise StandingError("a lab is up already: `anycast-wrap lab down` removes it")
    FILE.unlink(missing_ok=True)
    with LOG.open("w", encoding="utf-8") as log:
        keeper = subprocess.Popen(
            [*COMMAND, str(hosts)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)},
            start_new_session=True,
        )
    try:
        eventually(
            lambda: FILE.exists() or keeper.poll() is not None, awaiting="the lab", within=90.0
        )
    except BaseException:
        keeper.send_signal(signal.SIGTERM)
        keeper.wait()
        raise
    found = standing()
    if found is None:
        words = LOG.read_text(encoding="utf-8").strip().splitlines()
        raise StandingError(f"the lab did not come up: {words[-1] if words else 'no reason given'}")
    return found


def down() -> str:
    """Remove the lab that stands, or what is left of it; what was removed.

    Raises:
        StandingError: There is nothing to remove.
    """
    found = standing()
    if found is None:
        removed = remove_leftovers() if ROOT.exists() else []
        FILE.unlink(missing_ok=True)
        if not removed:
            raise StandingError("no lab is up")
        return f"removed what a killed lab had left: {', '.join(removed)}"
    os.kill(found.pid, signal.SIGTERM)
    eventually(lambda: standing() is None, awaiting=f"the end of {found.name}", within=60.0)
    return f"the lab {found.name} is removed"


def machine(name: str) -> tuple[Standing, Machine]:
    """A machine of the lab that stands.

    Raises:
        StandingError: There is none of that name; the message says which there are.
    """
    found = standing()
    if found is None:
        raise StandingError("no lab is up: `anycast-wrap lab up` makes one")
    if name not in found.machines:
        there = ", ".join(found.machines)
        raise StandingError(f"the lab has no {name}; it has {there}")
    return found, found.machines[name]


def write(lab: Lab) -> None:
    """Say that a lab stands: its keeper does."""
    machines = {}
    for node in (*lab.hosts, lab.gateway, lab.client):
        tools = node.directory / "bin"
        tools.mkdir()
        config = node.directory / "wrapper" / "anycast-wrap.toml"
        wrapper = f"env PYTHONPATH={PACKAGE_ROOT} {sys.executable} -m anycast_wrapper -c {config}"
        _tool(tools / "anycast-wrap", wrapper)
        _tool(tools / "vtysh", f"{shutil.which('vtysh')} --vty_socket {node.directory / 'frr'}")
        if isinstance(node, Host) and node.bird is not None:
            _tool(tools / "birdc", f"{program('birdc')} -s {node.bird.socket}")
        machines[node.name] = Machine(node.namespace.name, str(tools))
    told = Standing(os.getpid(), lab.directory.name, lab.services, machines)
    fresh = FILE.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(told)), encoding="utf-8")
    fresh.replace(FILE)


@contextmanager
def keeping() -> Iterator[bool]:
    """Hold the lock of the one lab that stands; False if somebody else has it."""
    with (ROOT / "standing.lock").open("a", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        try:
            yield True
        finally:
            FILE.unlink(missing_ok=True)


def _tool(path: Path, command: str) -> None:
    path.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@contextmanager
def _held_by_other() -> Iterator[bool]:
    path = ROOT / "standing.lock"
    if not path.exists():
        yield False
        return
    with path.open("r", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            yield True
        else:
            yield False


def _read() -> Standing | None:
    try:
        told: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    except FileNotFoundError:  # it is just coming up, or going
        return None
    machines = {name: Machine(**one) for name, one in told.pop("machines").items()}
    return Standing(**{**told, "addresses": tuple(told["addresses"])}, machines=machines)
