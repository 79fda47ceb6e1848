"""The one thing that a command needs to reach a running wrapper, even if the file is broken.

``status``, ``stop`` and ``drain`` have to work while somebody edits the file, and are called often:
they do not wait for the whole configuration to be checked.
"""

import re
import tomllib
from pathlib import Path

from . import FREEBSD

RUN = "/var/run/anycast-wrap" if FREEBSD else "/run/anycast-wrap"
DEFAULT_SOCKET = Path(RUN) / "control.sock"
TRACK_SOCKET = Path("/run/anycast-track/control.sock")
"""The tracker's, which may run beside a wrapper."""


def control_socket(path: Path, default: Path = DEFAULT_SOCKET) -> Path:
    """The control socket that a configuration names, or the default one if it names none."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return default
    try:
        named = tomllib.loads(text).get("control", {}).get("socket")
    except (ValueError, AttributeError, RecursionError):
        # Half edited it is no TOML, but the line that is looked for may well be whole.
        found = re.search(r"""^[ \t]*socket[ \t]*=[ \t]*["'](/[^"'\n]+)["']""", text, re.MULTILINE)
        named = found[1] if found else None
    return Path(named) if isinstance(named, str) else default
