"""``doctor``: what is wrong with this host, or about to be."""

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from anycast_wrapper.doctor.check import Check, Result
from anycast_wrapper.doctor.checks import ALL
from anycast_wrapper.doctor.examination import DoctorExit, examined, verdict
from anycast_wrapper.doctor.fixing import NotMendedError, mend
from anycast_wrapper.doctor.gather import gather
from anycast_wrapper.doctor.report import document, lines

from . import doctorview


class _MistypedError(click.UsageError):
    """What is no call of ours."""

    exit_code = DoctorExit.UNKNOWN


class _Plugin(click.Command):
    """To monitoring, 2 is an error that was found: a command that is mistyped is unknown, 3."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """As click does, with another exit status for what it refuses."""
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as error:
            raise _MistypedError(error.format_message(), error.ctx) from None


@click.command(cls=_Plugin)
@click.option("--json", "as_json", is_flag=True, help="A document for programs.")
@click.option("--verbose", "-v", is_flag=True, help="What is good as well.")
@click.option(
    "--check",
    "names",
    type=click.Choice(list(ALL)),
    metavar="NAME",
    multiple=True,
    help="This check alone; may be given several times.",
)
@click.option("--list", "as_list", is_flag=True, help="List the checks; look at nothing.")
@click.option("--fix", is_flag=True, help="Mend what is ours to mend: the kernel's settings.")
@click.pass_obj
def doctor(  # noqa: PLR0913 - one for each option
    path: Path, *, as_json: bool, verbose: bool, names: tuple[str, ...], as_list: bool, fix: bool
) -> None:
    """Look for what is wrong with this host, or about to be.

    With and without a wrapper that runs; nothing is started, nothing is sent to anybody, and
    without --fix nothing is changed.

    \b
    Exit status, as of a Nagios plugin:
      0  nothing was found
      1  warnings
      2  errors
      3  nothing was found, but not everything could be determined
    """  # noqa: D301 - \b is for click
    checks = [ALL[name] for name in dict.fromkeys(names)] or list(ALL.values())
    if as_list:
        _list(checks)
        return
    results = _examine(checks, path)
    mended: list[str] = []
    if fix:
        mended, results = _mend(checks, results, path)
    if as_json:
        click.echo(json.dumps(document(results, mended), indent=2))
    else:
        for sentence in mended:
            click.echo(f"mended: {sentence}")
        _tell(results, verbose=verbose)
    sys.exit(verdict(results))


def _examine(checks: Sequence[Check], path: Path) -> tuple[Result, ...]:
    return examined(checks, asyncio.run(gather(path)))


def _mend(
    checks: Sequence[Check], results: Sequence[Result], path: Path
) -> tuple[list[str], tuple[Result, ...]]:
    """Mend, and look again."""
    try:
        done = mend(results)
    except NotMendedError as error:
        click.echo(f"anycast-wrap: doctor: {error}", err=True)
        return [], tuple(results)
    if not done:
        click.echo("anycast-wrap: doctor: found nothing that is ours to mend", err=True)
        return [], tuple(results)
    return done, _examine(checks, path)


def _list(checks: Sequence[Check]) -> None:
    width = max(len(one.name) for one in checks)
    for one in checks:
        click.echo(f"{one.name:<{width}}  {one.severity:<7}  {one.looks}")


def _tell(results: Sequence[Result], *, verbose: bool) -> None:
    told = list(lines(results, verbose=verbose))
    if sys.stdout.isatty() and doctorview.show(told):
        return
    for line, _ in told:
        click.echo(line)
