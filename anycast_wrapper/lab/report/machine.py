"""What the figures were measured on."""

import os
import platform
import re
from pathlib import Path

from anycast_wrapper import __version__
from anycast_wrapper.lab.bind import program
from anycast_wrapper.lab.frrconfig import DAEMON_DIR
from anycast_wrapper.lab.namespace import run


def describe_machine() -> str:
    """One line: the versions and the processors."""
    frr = run([str(DAEMON_DIR / "zebra"), "--version"], check=False).stdout
    bind = run([program("named") or "named", "-v"], check=False).stdout
    processor = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    name = f" ({processor[1].strip()})" if processor else ""
    return (
        f"anycast-wrap {__version__}, FRR {_number(frr)}, BIND {_number(bind)}, "
        f"Linux {platform.release()}, {os.cpu_count()} processors{name}."
    )


def _number(said: str) -> str:
    found = re.search(r"\d+(\.\d+)+", said)
    return found[0] if found else "of unknown version"
