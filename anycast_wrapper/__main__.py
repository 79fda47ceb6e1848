"""``anycast-wrap``, and ``python -m anycast_wrapper``: the same."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

CHECK = "check"
HELP = {"-h", "--help"}


def main() -> NoReturn:
    """Run the command line.

    ``check`` is started every few seconds for every server: it goes straight to where it is done,
    past click, whose import costs several times what the whole of it does.
    """
    words = sys.argv[1:]
    if words[:1] == [CHECK] and not HELP & set(words):
        from .check.program import run  # noqa: PLC0415 - here is where imports are chosen

        status = run(words[1:])
        # Python's own end frees what the kernel frees anyway, at a tenth of the whole cost.
        os._exit(status)
    from .cli import main as whole  # noqa: PLC0415

    whole()


if __name__ == "__main__":
    main()
