"""``check``: one server asked once, for Nagios and for keepalived.

`__main__` calls `anycast_wrapper.check` without coming here, for the sake of a quick start. This is
for ``--help``, for completion, and for ``anycast-wrap -c FILE check``.
"""

from typing import Any

import click

from anycast_wrapper.check import options
from anycast_wrapper.check.program import run

HELP = """Ask a name server once: a Nagios plugin, and keepalived's MISC_CHECK.

Needs no wrapper, no configuration and no permission. TYPE is A if it is not given. SERVFAIL and
REFUSED are failures, like any code that is not in --rcode. A TIME is 500ms, 2s, or in seconds.

\b
Exit status, as Nagios has it:
  0  every answer is good
  1  good, but slower than --warning
  2  an answer is bad, too slow or missing
  3  nothing could be asked: usage, no such source address
With --style exit it is 0 or 1, and nothing is said unless it is 1.
"""


class _Check(click.Command):
    """Has its words read by `options.read`, not by click."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Leave them alone, unless help or a completion is wanted."""
        if ctx.resilient_parsing or {"-h", "--help"} & set(args):
            return super().parse_args(ctx, args)
        ctx.args = args
        return []

    def invoke(self, ctx: click.Context) -> Any:
        """Check."""
        return run(ctx.args)


def _option(one: options.Option) -> click.Option:
    return click.Option(
        one.flags,
        metavar=one.metavar or None,
        is_flag=not one.metavar,
        type=click.Choice(one.choices) if one.choices else None,
        default=one.default or None,
        show_default=bool(one.default),
        help=one.help,
    )


check = _Check(
    "check",
    params=[
        *(
            click.Argument([name], required=number < options.REQUIRED)
            for number, name in enumerate(options.ARGUMENTS)
        ),
        *map(_option, options.OPTIONS),
    ],
    help=HELP,
)
