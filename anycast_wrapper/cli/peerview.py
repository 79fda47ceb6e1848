"""``peers`` for people: a table on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import click

HEADINGS = ("router", "", "cost", "age", "area")


def show(document: dict[str, Any]) -> None:
    """Print the document."""
    if sys.stdout.isatty():
        try:
            _show_tables(document)
        except ModuleNotFoundError:
            pass  # rich is nice to have
        else:
            return
    for line in plain(document):
        click.echo(line)


def plain(document: dict[str, Any]) -> Iterator[str]:
    """The document as lines."""
    for one in document["addresses"]:
        yield f"{one['address']}: {headline(one)}"
        for announcer in one["announcers"]:
            router, who, cost, age, area = row(announcer)
            yield f"  {router:<15}  {who:<11}  cost {cost:<5}  age {age:<8}  {area}".rstrip()


def headline(one: dict[str, Any]) -> str:
    """How an address stands, in a few words."""
    if one["announced"] is None:
        return f"nobody knows: {one['why']}"
    there = sum(announcer["reachable"] for announcer in one["announcers"])
    gone = len(one["announcers"]) - there
    words = {0: "NOBODY announces it", 1: "one node announces it"}.get(
        there, f"{there} nodes announce it"
    )
    words += f", {gone} more cannot be reached" if gone else ""
    return words + (f"; there may be more: {why}" if (why := one.get("why")) else "")


def row(announcer: dict[str, Any]) -> tuple[str, str, str, str, str]:
    """An announcer as words, in the order of `HEADINGS`."""
    who = "this node" if announcer["here"] else "" if announcer["reachable"] else "unreachable"
    where = {
        "area": f"area {announcer['area']}",
        "other-area": f"beyond area {announcer['area']}",
        "external": "redistributed",
        "bgp": f"MED of BGP, local preference {announcer.get('preference', '-')}",
    }
    age = "-" if announcer["age"] is None else str(timedelta(seconds=announcer["age"]))
    return announcer["router"], who, str(announcer["cost"]), age, where[announcer["origin"]]


def _show_tables(document: dict[str, Any]) -> None:
    from rich.console import Console  # noqa: PLC0415 - for a terminal only
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console()
    for one in document["addresses"]:
        style = "bold" if one["announced"] else "bold red"
        console.print(Text(f"{one['address']}: {headline(one)}", style))
        if not one["announcers"]:
            continue
        table = Table(box=None, pad_edge=True, header_style="dim")
        for heading in HEADINGS:
            table.add_column(heading, justify="right" if heading in {"cost", "age"} else "left")
        for announcer in one["announcers"]:
            shade = "green" if announcer["here"] else "" if announcer["reachable"] else "red"
            table.add_row(*row(announcer), style=shade)
        console.print(table)
