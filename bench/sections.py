"""The tables of docs/bench.rst about what things cost."""

from collections.abc import Callable, Mapping
from typing import Any

from .contenders import ALL as CONTENDERS
from .cost import growth, hosts
from .pictures import OURS, Parts
from .table import seconds, table

Image = Callable[[str, str], list[str]]


def absent(part: Mapping[str, Any]) -> str:
    """Why there are no figures."""
    if "missing" in part:
        return f"not installed: {', '.join(part['missing'])}"
    return f"failed: {part['failed']}"


def checks_section(known: Parts, image: Image) -> list[str]:
    """CPU per 1,000 checks, and 44 servers."""
    body: list[str] = []
    if "rows" in (part := known.get("checks", {})):
        rows = [
            [row["name"], f"{row['cpu']:.3f}", f"{row['own']:.3f}", f"{row['children']:.3f}"]
            if "cpu" in row
            else [row["name"], absent(row), "", ""]
            for row in part["rows"]
        ]
        words = "CPU seconds per 1,000 checks, each by the tool's own code; named's not included."
        body += [words, ""]
        body += image("checks.svg", "CPU seconds per 1,000 checks")
        body += table(["check", "CPU s", "its own", "its children's"], rows)
    if "rows" in (part := known.get("fleet", {})):
        rows = [[row["name"], f"{row['share']:.2%}"] for row in part["rows"]]
        words = (
            f"{part['servers']} servers, each asked every {part['interval']:g} s by one machine, "
            "as an LVS director once did it with dig on a Pentium III:"
        )
        body += ["", words, "", *table(["check", "of a core"], rows)]
    return body


def idle_section(known: Parts) -> list[str]:
    """What the processes take."""
    rows, status = [], ""
    for contender in CONTENDERS.values():
        part = known.get(f"idle:{contender.name}", {})
        if "rows" not in part:
            continue
        for row in part["rows"]:
            share = f"{row['share']:.2%}"
            memory = [f"{row['rss']:.1f}", f"{row['pss']:.1f}"]
            rows.append([contender.title, row["name"], share, *memory])
        if contender.name == OURS and "status" in part:
            status = (
                f"``anycast-wrap status`` takes {seconds(part['status'])} (median), from the start "
                "of its interpreter to its end."
            )
    if not rows:
        return []
    head = ["tool", "process", "of a core", "RSS, MB", "PSS, MB"]
    words = "No load, no fault. The checks that it forks are counted as its own CPU, not as memory."
    return [words, "", *table(head, rows), "", status]


def growth_section(known: Parts, image: Image) -> list[str]:
    """What grows with what."""
    rows = []
    for kind in growth.KINDS:
        for row in known.get(f"growth:{kind}", {}).get("rows", []):
            name = f"{row['count']:,} {kind if row['count'] > 1 else _singular(kind)}"
            if "ended" in row:
                rows.append([name, row["ended"], "", "", ""])
                continue
            state = f"{row['preferred']:,} announced"
            if row["failing"]:
                state += f", {row['failing']:,} probes failing"
            rows.append(
                [
                    name,
                    f"{row['share']:.2%}",
                    f"{row['rss']:.0f}",
                    seconds(row["status"]),
                    state,
                ]
            )
    if not rows:
        return []
    head = ["with", "of a core", "RSS, MB", "``status``", "services"]
    words = (
        "Each probe asks every address of its service once a second, over UDP and TCP. Several "
        "addresses are announced 1.1 s apart (MinLSArrival); these are the figures "
        f"{growth.PATIENCE:.0f} s after the start at the latest."
    )
    return [words, "", *image("growth.svg", "CPU by number"), *table(head, rows)]


def steps_section(known: Parts) -> list[str]:
    """What one answer costs among many."""
    rows = [
        [
            f"{row['count']:,}",
            f"{row['core']:,.0f}",
            f"{row['audiences']:,.0f}",
            f"{row['share']:.2%}",
        ]
        for row in known.get("steps", {}).get("rows", [])
    ]
    if not rows:
        return []
    head = ["services", "core, us", "audiences, us", "of a core"]
    words = (
        "What it takes to make something of a good answer, without the asking: medians of CPU "
        "time in the core, and of those who hear of every step; and the share of a core if every "
        "service is asked once a second."
    )
    return [words, "", *table(head, rows)]


def _singular(kind: str) -> str:
    return kind.removesuffix("es") if kind == "addresses" else kind.removesuffix("s")


def hosts_section(known: Parts, image: Image) -> list[str]:
    """What many hosts take."""
    rows = []
    for count in hosts.STEPS:
        part = known.get(f"hosts:{count}")
        if part is None:
            continue
        if "gone" not in part:
            rows.append([str(count), absent(part), "", "", "", ""])
            continue
        rows.append(
            [
                str(count),
                seconds(part["routing"]),
                seconds(part["start"]),
                seconds(part["gone"]),
                f"{part['lost']:,} of {part['sent']:,}",
                f"{part['share']:.1%}",
            ]
        )
    if not rows:
        return []
    head = ["hosts", "routing stands", "all announced", "route gone", "lost", "share of the host"]
    words = (
        "All hosts on the one machine: starting them is bound by its processors. Then named is "
        "killed on one of them, under the same load."
    )
    return [words, "", *image("hosts.svg", "Route gone by number of hosts"), *table(head, rows)]
