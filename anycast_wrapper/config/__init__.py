"""The configuration: TOML to validated, frozen values.

`schema` says what may be written, `load` reads a file and reports every mistake in it at once,
`show` writes one out with everything that was left to its default. `track` and `trackfile` are the
same for the gateway's file.
"""

import sys
from pathlib import Path

FREEBSD = sys.platform.startswith("freebsd")

DEFAULT_FILE = Path(
    "/usr/local/etc/anycast-wrap/anycast-wrap.toml"
    if FREEBSD
    else "/etc/anycast-wrap/anycast-wrap.toml",
)
"""Where the configuration is if nobody says otherwise."""

DEFAULT_TRACK_FILE = DEFAULT_FILE.with_name("track.toml")
"""The same for ``anycast-wrap track``, which runs on a gateway."""
