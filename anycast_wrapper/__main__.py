"""``python -m anycast_wrapper``: the same as ``anycast-wrap``."""

from .cli import main

main()
