"""docs/bench.rst, generated: every figure in it comes out of the results."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import faults, parts, sections
from .contenders import ALL as CONTENDERS
from .pictures import Parts, draw
from .sections import Image, absent
from .stage import HOSTS, RATE
from .table import seconds, table

INTRODUCTION = f"""\
The same faults, the same load, the same lab for what people use today and for anycast-wrap. {HOSTS}
hosts run BIND behind one router (FRR, ECMP, flows spread by their ports), all in network namespaces
of one machine. A client asks {RATE:,.0f} times a second over UDP, from 256 ports; about half of it
reaches the host that is hurt. *Lost* is a query without a good answer within a second.

Written by ``./bench/run``, which sets up the other tools, runs everything, and writes this page
from ``{{results}}``. Nothing here is written by hand.
"""

HOW = """\
* Each fault is made several times, spread evenly over the interval of the tool's checks, counted
  from the moment that it last announced. Tables have the median; least and most stand in brackets.
* "never (> n s)": the route was still there when we gave up, n seconds after the fault. It is
  made once then, and what was lost is what was lost until then.
* A killed named stays dead, except where anycast-wrap, which is its parent, starts it again. What a
  supervisor such as systemd changes for the other tools is a fault of its own.
* *Default* is the tool's own default, with a check as one writes it (``dig``, its exit status).
  *Tight* is a check every second, one failure withdraws, and the check wants NOERROR.
* The planned stop is what each tool's users do: the wrapper's named is stopped; for
  anycast-healthchecker the check is disabled and the checker restarted; for exabgp's healthcheck
  the file of ``--disable`` is made; ExaBGP with the watchdog is stopped; ``anycast-wrap stop``. The
  middle three then wait until the route is gone before they stop named, as a careful operator
  does.
* Tools that check every five or ten seconds, and those that are watched while nothing happens, are
  measured at the same time, each in a lab of its own, since they wait most of the time. Everything
  else has the machine to itself.
* *Gone* is when the router ceases to send anything to the host. exabgp's healthcheck does not
  withdraw by default, it raises the route's MED: then the router prefers the other host.
* BIRD and ExaBGP speak BGP to the router, the wrappers go with ospfd; every timer that is not
  named here is at its default.
"""


def write(document: Mapping[str, Any], source: Path, target: Path) -> None:
    """Write the page, and its plots into the directory of the same name beside it."""
    plots = target.with_suffix("")
    plots.mkdir(parents=True, exist_ok=True)
    pictures = dict(draw(document["parts"]))
    for name, picture in pictures.items():
        (plots / name).write_text(picture, encoding="utf-8")
    text = "\n".join(page(document, source.name, plots.name, pictures))
    target.write_text(text.rstrip() + "\n", encoding="utf-8")


def page(
    document: Mapping[str, Any], source: str, plots: str, pictures: Mapping[str, str]
) -> Iterator[str]:
    """Its lines."""
    known: Parts = document["parts"]

    def image(name: str, words: str) -> list[str]:
        if name not in pictures:
            return []
        return [f".. image:: {plots}/{name}", f"   :alt: {words}", ""]

    yield from ["Measured beside what people use today", "=" * 37, ""]
    yield INTRODUCTION.format(results=f"{plots}/{source}")
    yield from _headed("On what", _machine(document))
    yield from _headed("Who", _contenders())
    yield from _headed("How", [HOW])
    yield from _headed("Faults", [])
    for fault in faults.ALL.values():
        rows = list(_fault_rows(known, fault.name))
        if rows:
            head = ["tool", "lost", "gap", "route gone after"]
            body = [*image(f"lost-{fault.name}.svg", f"Lost: {fault.sentence}"), *table(head, rows)]
            yield from _headed(f"{fault.sentence[0].upper()}{fault.sentence[1:]}", body, "~")
    rest = {
        "One run each, as the client saw it": _timelines(image),
        "What checking costs": sections.checks_section(known, image),
        "What is there while nothing happens": sections.idle_section(known),
        "How anycast-wrap grows": sections.growth_section(known, image),
        "What an answer costs among many": sections.steps_section(known),
        "How a cluster grows": sections.hosts_section(known, image),
        "What is not here": list(_lacking(known)),
    }
    for words, body in rest.items():
        if body:
            yield from _headed(words, body)


def _headed(words: str, body: Sequence[str], mark: str = "-") -> list[str]:
    return [words, mark * len(words), "", *body, *([""] if body else [])]


def _machine(document: Mapping[str, Any]) -> list[str]:
    rows = [[name, value] for name, value in document["machine"].items()]
    return [f"{document['date']}.", "", *table(["", ""], rows)]


def _contenders() -> list[str]:
    rows = [[one.tool, one.setting, one.words] for one in CONTENDERS.values()]
    return table(["tool", "setting", "checks"], rows)


def _fault_rows(known: Parts, fault: str) -> Iterator[list[str]]:
    for contender in CONTENDERS.values():
        part = known.get(f"faults:{contender.name}:{fault}")
        if part is None:
            continue
        if "median" not in part:
            yield [contender.title, absent(part), "", ""]
            continue
        median = part["median"]
        spread = ""
        if median["repeated"] > 1:
            spread = f" [{median['lost_least']:,}-{median['lost_most']:,}]"
        yield [
            contender.title,
            f"{median['lost']:,.0f}{spread}",
            seconds(median["gap"]),
            _gone(median, faults.ALL[fault]),
        ]


def _gone(median: Mapping[str, Any], fault: faults.Fault) -> str:
    if not fault.withdraws and median["stayed"]:
        left = median["repeated"] - median["stayed"]
        return f"gone {left} of {median['repeated']} times" if left else "stays"
    if median["gone"] is None:
        return f"never (> {median['waited']:.0f} s)"
    if fault.name == "checker" and median["gone"] == 0:
        return "gone before"
    return seconds(median["gone"])


def _timelines(image: Image) -> list[str]:
    body = ["named is killed; the scales of time differ.", ""]
    for contender in CONTENDERS.values():
        name = f"kill-{contender.name}.svg"
        if drawn := image(name, f"Who answered when: {contender.title}"):
            body += [f"{contender.title}:", "", *drawn]
    return body if len(body) > 2 else []


def _lacking(known: Parts) -> Iterator[str]:
    for part in parts.every():
        if part not in known:
            yield f"* ``{part}`` was not run."
        elif "missing" in known[part] or "failed" in known[part]:
            yield f"* ``{part}``: {absent(known[part])}."
