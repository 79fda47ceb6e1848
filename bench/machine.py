"""What the figures were measured on, and with which versions."""

import os
import platform
import re
from pathlib import Path

import anycast_wrapper
from anycast_wrapper.lab.bind import program
from anycast_wrapper.lab.frrconfig import DAEMON_DIR
from anycast_wrapper.lab.namespace import CommandFailedError, run

from .peers import ENVIRONMENT


def describe() -> dict[str, str]:
    """Name and value of everything that matters."""
    return {
        "processor": _processor(),
        "processors": str(os.cpu_count()),
        "memory": f"{_memory_gigabytes():.0f} GB",
        "kernel": platform.release(),
        "Python": platform.python_version(),
        "anycast-wrap": anycast_wrapper.__version__,
        "FRR": _version([str(DAEMON_DIR / "zebra"), "--version"]),
        "BIND": _version([program("named") or "named", "-v"]),
        "BIRD": _version([program("bird") or "bird", "--version"]),
        "anycast-healthchecker": _version(
            [str(ENVIRONMENT / "bin" / "anycast-healthchecker"), "--version"]
        ),
        "ExaBGP": _version([str(ENVIRONMENT / "bin" / "exabgp"), "version"]),
    }


def _version(argv: list[str]) -> str:
    try:
        done = run(argv, check=False)
    except (OSError, CommandFailedError):
        return "not installed"
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found[0] if found else "unknown"


def _processor() -> str:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    found = re.search(r"model name\s*: (.+)", text)
    return found[1].strip() if found else platform.machine()


def _memory_gigabytes() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
