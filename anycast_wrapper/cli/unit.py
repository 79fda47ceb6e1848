"""Whose the wrapper is where systemd runs: what it has started, it has to stop and start again.

A wrapper that is started beside its unit runs without its limits and its restarts, and the next
``systemctl start`` fails for it. Source: systemd.exec(5), sd_booted(3), cgroups(7).
"""

import re
import subprocess
from pathlib import Path

from anycast_wrapper.config import DEFAULT_FILE
from anycast_wrapper.errors import AnycastWrapError

BOOTED = Path("/run/systemd/system")
"""Is there where systemd is the first process."""

SECONDS = 5.0
"""What systemctl may take to answer."""

_TAKEN = {"enabled", "enabled-runtime", "linked", "linked-runtime"}


class UnitError(AnycastWrapError):
    """It is for systemctl."""


def unit_for(path: Path) -> str | None:
    """The unit that runs a wrapper by this configuration, if one of ours would."""
    if path == DEFAULT_FILE:
        return "anycast-wrap.service"
    if path.parent == DEFAULT_FILE.parent and re.fullmatch(r"[A-Za-z0-9_.-]+\.toml", path.name):
        return f"anycast-wrap@{path.stem}.service"
    return None


def unit_of(process: int, proc: Path = Path("/proc")) -> str | None:
    """The unit whose main process this is, if it is one that notifies; None if it is none."""
    try:
        environment = (proc / str(process) / "environ").read_bytes()
        groups = (proc / str(process) / "cgroup").read_text("utf-8", "replace")
    except OSError:
        return None
    if not re.search(rb"(?:^|\0)NOTIFY_SOCKET=", environment):
        return None
    found = re.search(r"/([^/\n]+\.service)$", groups, re.MULTILINE)
    return found[1] if found else None


def refuse_start(path: Path) -> None:
    """Raise where the unit is meant to be the one that starts it.

    Raises:
        UnitError: systemd is to start it at a boot, or is about to.
    """
    unit = unit_for(path)
    if unit is None or not BOOTED.is_dir():
        return
    state = _shown(unit)
    if state.get("UnitFileState") in _TAKEN or state.get("ActiveState") == "activating":
        raise UnitError(
            f"not started: {unit} is enabled on this host, and systemd is to start it: "
            f"`systemctl start {_short(unit)}`, or `systemctl disable {_short(unit)}` first"
        )


def refuse_restart(process: int | None) -> None:
    """Raise where the running wrapper is systemd's.

    Args:
        process: the wrapper's, if one runs.

    Raises:
        UnitError: the new one would not be.
    """
    unit = unit_of(process) if process else None
    if unit is not None:
        raise UnitError(
            f"not restarted: pid {process} belongs to {unit}, and the new one would not: "
            f"`systemctl restart {_short(unit)}`; nothing was changed"
        )


def _short(unit: str) -> str:
    return unit.removesuffix(".service")


def _shown(unit: str) -> dict[str, str]:
    """What systemctl says of a unit; nothing where it does not answer."""
    argv = ["systemctl", "show", "-p", "UnitFileState", "-p", "ActiveState", unit]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    pairs = (line.partition("=") for line in done.stdout.splitlines())
    return {key: value for key, _, value in pairs}
