"""The tools of others: an environment of their own for what comes from PyPI."""

import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENVIRONMENT = HERE / ".venv"
REQUIREMENTS = HERE / "requirements.txt"
STAMP = ENVIRONMENT / "bench.stamp"
SBIN = ("/usr/sbin", "/usr/local/sbin", "/sbin")


def install() -> str:
    """Install the pinned tools, unless they are there.

    Returns:
        Why that failed, in a line; "" if it did not. What is missing is then told in the results.
    """
    wanted = f"{sys.version}\n{HERE}\n{REQUIREMENTS.read_text(encoding='utf-8')}"
    if STAMP.exists() and STAMP.read_text(encoding="utf-8") == wanted:
        return ""
    pip = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    commands = (
        [sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)],
        [*pip, "--disable-pip-version-check", "-r", str(REQUIREMENTS)],
    )
    for argv in commands:
        done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            said = (done.stderr + done.stdout).strip().splitlines() or ["it did not say why"]
            return f"{' '.join(argv[:3])} ended with {done.returncode}: {said[-1]}"
    STAMP.write_text(wanted, encoding="utf-8")
    return ""


def missing(needs: Iterable[str | Path]) -> list[str]:
    """Those programs, by name or path, that are not there."""
    return [str(need) for need in needs if not _there(need)]


def _there(need: str | Path) -> bool:
    if "/" in str(need):
        return Path(need).exists()
    return bool(shutil.which(str(need)) or any((Path(d) / need).exists() for d in SBIN))
