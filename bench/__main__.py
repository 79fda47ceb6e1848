"""``python -m bench``, in the top directory of the sources; ``./bench/run`` sets up everything."""

import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from anycast_wrapper.lab.interrupt import InterruptedByError, interruptible
from anycast_wrapper.lab.topology import missing as lab_lacks

from . import lanes, machine, page, parts, peers, results
from .measuring import Measuring

DOCS = Path(__file__).resolve().parent.parent / "docs"
REPEAT = 3


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--list", "listing", is_flag=True, help="List the parts, and do nothing.")
@click.option("--only", multiple=True, metavar="PART", help="Run this: faults:exabgp, checks, ...")
@click.option(
    "--repeat", type=click.IntRange(1, 50), help=f"Make each fault this often.  [default: {REPEAT}]"
)
@click.option("--quick", is_flag=True, help="A first picture, in some six minutes.")
@click.option(
    "--results",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The JSON file to merge into.  [default: docs/bench/results-TODAY.json]",
)
@click.option(
    "--page",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The page to write from it; plots go into a directory beside it, named as it is."
    "  [default: docs/bench.rst; with --quick or other results: none]",
)
@click.option("--page-only", is_flag=True, help="Measure nothing, write the page.")
def main(  # noqa: PLR0913 - one for each option
    *,
    listing: bool,
    only: tuple[str, ...],
    repeat: int | None,
    quick: bool,
    path: Path | None,
    target: Path | None,
    page_only: bool,
) -> None:
    """Measure what people use today and anycast-wrap, and write it down."""
    try:
        wanted = parts.chosen(only, parts.quick() if quick and not only else parts.every())
    except parts.UnknownPartError as error:
        raise click.UsageError(str(error)) from None
    if listing:
        click.echo("\n".join(wanted))
        return
    usual = path is None and not quick
    date = f"quick-{results.today()}" if quick else results.today()
    path = path or results.path_for(DOCS / "bench" if usual else Path(), date)
    target = target or (DOCS / "bench.rst" if usual else None)
    repeat = repeat or (1 if quick else REPEAT)
    good = page_only or measure(wanted, repeat=repeat, quick=quick, to=path)
    if target:
        page.write(results.read(path), path, target)
        click.echo(f"bench: {target} is written from {path}")
    sys.exit(0 if good else 1)


def measure(wanted: list[str], *, repeat: int, quick: bool, to: Path) -> bool:
    """Run the parts; whether all went well."""
    if lacks := lab_lacks():
        click.echo(f"bench: this machine lacks {', '.join(lacks)}", err=True)
        return False
    began = time.monotonic()

    def say(words: str) -> None:
        click.echo(f"{time.monotonic() - began:7.1f} s  {words}")
        sys.stdout.flush()

    if why := peers.install():
        say(f"the tools of others cannot be installed: {why}")
    here = machine.describe()
    good = True
    try:
        with interruptible():
            side_by_side, alone = lanes.apart(wanted)
            if side_by_side:
                say(f"side by side: {', '.join(lane[0] for lane in side_by_side)} and what follows")
                options = ["--results", str(to.resolve()), "--repeat", str(repeat)]
                good = lanes.run(side_by_side, [*options, *(["--quick"] if quick else [])])
            measuring = Measuring(repeat=repeat, quick=quick, say=say)
            with closing(measuring.run(alone)) as measured:
                for part, figures in measured:
                    results.merge(to, part, figures, here)
                    say(f"{part}: {told(figures)}")
                    good = good and "failed" not in figures
    except InterruptedByError as interruption:
        say(f"{interruption}: everything is removed; what was measured is in {to}")
        sys.exit(128 + interruption.number)
    say(f"{len(wanted)} parts are in {to}")
    return good


def told(figures: Mapping[str, Any]) -> str:
    """One line of a part's figures."""
    for trouble in ("failed", "missing"):
        if trouble in figures:
            return f"{trouble}: {figures[trouble]}"
    if "median" in figures:
        median = figures["median"]
        gone = median["gone"]
        when = "never" if gone is None else f"{gone:.3f} s"
        lost = f"{median['lost']} lost [{median['lost_least']}-{median['lost_most']}]"
        return f"{lost}, gone: {when}, {median['repeated']} times, {figures['took']} s"
    plain = {key: value for key, value in figures.items() if not isinstance(value, dict)}
    return ", ".join(f"{key} {value}" for key, value in plain.items())


if __name__ == "__main__":
    main()
