"""Write contrib/completions: ``python docs/write_completions.py contrib/completions``.

The scripts are click's own. They ask the program, so they know every command of the one that is
installed, and change only with click.
"""

import sys
from pathlib import Path

from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from anycast_wrapper.cli.main import cli

PROGRAM = "anycast-wrap"
VARIABLE = "_ANYCAST_WRAP_COMPLETE"

FILES: dict[str, type[ShellComplete]] = {
    "anycast-wrap": BashComplete,
    "_anycast-wrap": ZshComplete,
    "anycast-wrap.fish": FishComplete,
}
"""By the name that each shell looks for."""


def written(kind: type[ShellComplete]) -> str:
    """The script for a shell."""
    # What `source` of BashComplete adds is a look at the version of the bash that is here.
    shell = kind(cli, {}, PROGRAM, VARIABLE)
    return (shell.source_template % shell.source_vars()).strip() + "\n"


if __name__ == "__main__":
    directory = Path(sys.argv[1])
    for name, kind in FILES.items():
        (directory / name).write_text(written(kind))
