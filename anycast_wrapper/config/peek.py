"""The one thing that a command needs to reach a running wrapper, even if the file is broken.

``status``, ``stop`` and ``drain`` have to work while somebody edits the file, and are called often:
they do not wait for the whole configuration to be checked.
"""

import tomllib
from pathlib import Path

from . import FREEBSD

RUN = "/var/run/anycast-wrap" if FREEBSD else "/run/anycast-wrap"
DEFAULT_SOCKET = Path(RUN) / "control.sock"


def control_socket(path: Path) -> Path:
    """The control socket that a configuration names, or the default one if it names none."""
    try:
        with path.open("rb") as file:
            named = tomllib.load(file).get("control", {}).get("socket")
    except (OSError, ValueError, AttributeError, RecursionError):
        return DEFAULT_SOCKET
    return Path(named) if isinstance(named, str) else DEFAULT_SOCKET
