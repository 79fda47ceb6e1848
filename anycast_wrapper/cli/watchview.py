"""How ``status --watch`` looks: lines that fit the terminal, whatever its size."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.text import Text

from .render import spoken
from .watching import plain, reason, truth

Document = dict[str, Any]

BARS = "▁▂▃▄▅▆▇█"
PLAIN_BARS = "_.-:=+*#"
FAILED, PLAIN_FAILED = "\N{MULTIPLICATION SIGN}", "x"

STYLES = {
    "announced": "bold green",
    "preferred": "green",
    "up": "green",
    "degraded": "bold yellow",
    "partly-announced": "bold yellow",
    "last-resort": "yellow",
    "falling": "yellow",
    "rising": "yellow",
    "unproven": "yellow",
    "drained": "bold cyan",
    "stopping": "bold cyan",
    "withdrawn": "bold red",
    "down": "bold red",
    "not-running": "bold red",
    "dead": "bold red",
    "unknown": "bold magenta",
}
"""Of states and ranks. What they say is said in words; colour only makes it quicker to find."""

LABEL, SHORT_LABEL = 18, 12
"""Columns of a name or an address; a longer address takes what it needs."""

NARROW = 70
"""Columns below which names are shortened."""

LEAST_EVENTS = 3
"""Events for which other lines make room."""


def view(document: Document, console: Console, interval: float) -> RenderableType:
    """The document as lines, none wider and all together not taller than the terminal."""
    width, height = console.size
    unicode = console.encoding.lower().startswith("utf")
    lines = [_head(document, interval), *_body(document, width, unicode=unicode)]
    events = [_event(entry) for entry in reversed(document.get("transitions", ()))]
    # The last line of a terminal stays free: where the cursor is, nothing has to scroll.
    room = max(1, height - 1)
    if events:
        most = max(min(len(events), LEAST_EVENTS), room - len(lines) - 1)
        lines = [*lines[: max(1, room - most - 1)], Text("last events", style="dim")]
        lines += events[:most]
    lines = lines[:room]
    for line in lines:
        line.no_wrap = True
        line.overflow = "ellipsis" if unicode else "crop"
    return Group(*lines)


def sparkline(recent: Sequence[float | None], width: int, *, unicode: bool = True) -> Text:
    """The last results of a probe, the newest to the right: latency from 0 to the greatest.

    Args:
        recent: milliseconds, the oldest first; None is a failure.
        width: columns there are.
        unicode: whether the terminal knows more than ASCII.
    """
    shown = list(recent)[-width:] if width > 0 else []
    most = max((one for one in shown if one is not None), default=0.0)
    bars = BARS if unicode else PLAIN_BARS
    line = Text()
    for one in shown:
        if one is None:
            line.append(FAILED if unicode else PLAIN_FAILED, style="bold red")
        else:
            step = round(one / most * (len(bars) - 1)) if most > 0 else 0
            line.append(bars[step], style="green")
    return line


def _head(document: Document, interval: float) -> Text:
    state = document["state"]
    now = datetime.now(tz=UTC).astimezone()
    line = Text.assemble(("anycast-wrap ", "bold"), (state, STYLES.get(state, "bold")))
    if detail := document.get("detail"):
        line.append(f" ({plain(detail)})")
    if pid := document.get("pid"):
        line.append(f"  pid {pid}", style="dim")
    line.append(f"  {now:%H:%M:%S}, every {interval:g} s", style="dim")
    return line


def _body(document: Document, width: int, *, unicode: bool) -> Iterator[Text]:
    if "services" not in document:
        yield from (Text(f"left behind: {plain(one)}") for one in document.get("left_behind", ()))
        if document["state"] != "unknown":
            yield Text("waiting for it to be started", style="dim")
        return
    if drained := document["drained"]:
        yield Text.assemble(("drained ", STYLES["drained"]), plain(drained["detail"]))
    yield from _daemon(document["daemon"])
    for service in document["services"]:
        yield from _service(service, document, width, unicode=unicode)
    yield from _queries(document.get("queries"))


def _daemon(daemon: Document) -> Iterator[Text]:
    words = f"daemon {daemon['state']} for {_since(daemon['since'])}"
    words += f", pid {daemon['pid']}" if daemon["pid"] else ""
    words += f", {daemon['restarts']} restarts" if daemon["restarts"] else ""
    yield Text(words)
    if daemon["state"] != "ready" and daemon["detail"]:
        yield Text(f"  {plain(daemon['detail'])}")


def _service(service: Document, document: Document, width: int, *, unicode: bool) -> Iterator[Text]:
    rank = service["rank"]
    yield Text.assemble(
        (f"{service['name']} ", "bold"),
        (rank, STYLES.get(rank, "")),
        f" for {_since(service['since'])}",
        "" if rank == "preferred" else f": {reason(service)}",
    )
    for address in service["addresses"]:
        yield _address(address, document.get("queries"), spoken(document))
    for probe in service["probes"]:
        yield _probe(probe, width, unicode=unicode)
        if not probe["ok"] and probe["detail"] and probe["detail"] not in service["detail"]:
            yield Text(f"    {plain(probe['detail'])}")


def _address(address: Document, queries: Document | None, who: str) -> Text:
    words, lie = truth(address, who)
    line = Text.assemble(
        f"  {address['address']:<{LABEL}} ",
        (f"{address['rank']:<11} ", STYLES.get(address["rank"], "")),
        "held  " if address["held"] else "",
        (words, "bold red" if lie else ""),
    )
    for one in (queries or {}).get("addresses", ()):
        if one["address"] == address["address"] and one["udp_per_second"] is not None:
            line.append(f"  {one['udp_per_second']:,.0f} q/s UDP")
            line.append(f", {one['tcp_per_second']:,.0f} conn/s TCP", style="dim")
    return line


def _probe(probe: Document, width: int, *, unicode: bool) -> Text:
    latency = "" if probe["latency_ms"] is None else f"{probe['latency_ms']:.1f} ms"
    name = plain(probe["name"])
    label = LABEL if width >= NARROW else SHORT_LABEL
    line = Text.assemble(
        f"  {name if width >= NARROW else name[:label]:<{label}} ",
        (f"{probe['state']:<8} ", STYLES.get(probe["state"], "")),
        f"{latency:>9}  ",
    )
    line.append_text(sparkline(probe.get("recent", ()), width - line.cell_len, unicode=unicode))
    return line


def _queries(queries: Document | None) -> Iterator[Text]:
    if queries is None:
        yield Text("queries: not counted; [metrics] count-queries = true does", style="dim")
    elif not queries["working"]:
        yield Text(plain(queries["detail"]), style="yellow")


def _event(entry: Document) -> Text:
    at = datetime.fromisoformat(entry["at"]).astimezone()
    line = Text.assemble((f"  {at:%H:%M:%S} ", "dim"))
    if entry["event"] == "service-changed":
        before, after = entry["from"], entry["to"]
        line.append(f"{entry['service']} ")
        line.append(after if before == after else f"{before} -> {after}", STYLES.get(after, ""))
        line.append(f" ({entry['reason']})")
    else:
        line.append(entry["event"])
    return line.append(f": {plain(entry['detail'])}" if entry["detail"] else "")


def _since(at: str | None) -> str:
    if at is None:
        return "ever"
    seconds = max(0, round((datetime.now(tz=UTC) - datetime.fromisoformat(at)).total_seconds()))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"
