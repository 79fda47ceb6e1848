"""The plots of docs/bench.rst, out of the results."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from anycast_wrapper.lab.outcome import Timeline
from anycast_wrapper.lab.report.plot import plot

from . import faults
from .chart import STYLE, Bar, Line, bars, lines
from .contenders import ALL as CONTENDERS
from .cost import growth, hosts

Parts = Mapping[str, Mapping[str, Any]]
OURS = "anycast-wrap"


def draw(known: Parts) -> Iterator[tuple[str, str]]:
    """The plots: file name and SVG."""
    for fault in faults.ALL.values():
        if rows := list(_lost_bars(known, fault)):
            yield f"lost-{fault.name}.svg", bars(f"Queries lost: {fault.sentence}", rows, "lost")
    for contender in CONTENDERS.values():
        part = known.get(f"faults:{contender.name}:kill", {})
        if picture := part.get("picture"):
            yield f"kill-{contender.name}.svg", _timeline(picture)
    if "rows" in (part := known.get("checks", {})):
        yield "checks.svg", bars("CPU for 1,000 checks", list(_check_bars(part["rows"])), "ms")
    drawn = [
        Line(kind, [(row["count"], row["share"] * 100) for row in part["rows"] if "share" in row])
        for kind in growth.KINDS
        if "rows" in (part := known.get(f"growth:{kind}", {}))
    ]
    if drawn:
        yield "growth.svg", lines("What anycast-wrap takes", drawn, "how many", "% of a core")
    points = [
        (float(count), part["gone"] * 1000)
        for count in hosts.STEPS
        if "gone" in (part := known.get(f"hosts:{count}", {}))
    ]
    if points:
        line = [Line("route gone", points)]
        yield "hosts.svg", lines("named is killed on one host of many", line, "hosts", "ms")


def _lost_bars(known: Parts, fault: faults.Fault) -> Iterator[Bar]:
    for contender in CONTENDERS.values():
        median = known.get(f"faults:{contender.name}:{fault.name}", {}).get("median")
        if median is None:
            continue
        never = fault.withdraws and median["gone"] is None
        kind = 2 if never else _kind(contender.name)
        note = f"{median['lost']:,.0f}" + (", never ends" if never else "")
        yield Bar(
            contender.title, median["lost"], median["lost_least"], median["lost_most"], note, kind
        )


def _check_bars(rows: Sequence[Mapping[str, Any]]) -> Iterator[Bar]:
    for row in rows:
        if "cpu" in row:
            note = f"{row['cpu']:.3f} s"
            yield Bar(row["name"], row["cpu"] * 1000, note=note, kind=_kind(row["name"]))


def _kind(name: str) -> int:
    return 1 if name.startswith(OURS) else 0


def _timeline(picture: Mapping[str, Any]) -> str:
    """The lab's own plot, with its style inside."""
    line = Timeline(0.0, picture["bucket"], picture["answered"], picture["lost"])
    drawn = plot(line, picture["rate"], picture["moments"])
    opening, rest = drawn.split(">", 1)
    return f'{opening} width="960">{STYLE}<rect class="back" width="100%" height="100%"/>{rest}\n'
