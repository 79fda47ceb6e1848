"""``track status`` for people."""

from collections.abc import Iterator
from typing import Any

from .render import LAST, ago, event, not_running

Row = tuple[str, ...]

TITLES = ("server", "address", "state", "weight", "latency", "since", "")


def render(document: dict[str, Any]) -> str:
    """The status document as text."""
    return "\n".join(line.rstrip() for line in _lines(document))


def _lines(document: dict[str, Any]) -> Iterator[str]:
    state = document["state"]
    if "pools" not in document:
        advice = "`track` takes over, `track withdraw` removes"
        yield from not_running(document, "anycast-wrap track", advice)
        return
    yield f"anycast-wrap track: {state}, pid {document['pid']}"
    for pool in document["pools"]:
        yield from _pool(pool)
    if transitions := document["transitions"]:
        yield "last events"
        yield from (f"  {event(entry)}" for entry in transitions[-LAST:])


def _pool(pool: dict[str, Any]) -> Iterator[str]:
    below = "fails open" if pool["below_minimum"] == "keep" else "withdrawn"
    yield f"pool {pool['name']}: below {pool['minimum']} healthy servers {below}"
    for address in pool["addresses"]:
        yield from _address(address, pool)
    rows = [TITLES, *(row for server in pool["servers"] for row in _server(server))]
    widths = [max(len(row[n]) for row in rows) for n in range(len(TITLES))]
    for row in rows:
        yield "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))


def _address(address: dict[str, Any], pool: dict[str, Any]) -> Iterator[str]:
    version = ":" in address["address"]
    possible = sum(
        (":" in a["address"]) is version for s in pool["servers"] for a in s["addresses"]
    )
    serving = sum(1 for member in address["members"] if member["weight"])
    means = f" by {address['means']}" if address["means"] else ""
    yield (
        f"  {address['address']:<24} {address['how']}, leads to {serving} of {possible}{means}, "
        f"since {ago(address['since'])}"
    )
    if address["failure"]:
        again = "" if address["retry_in"] is None else f"; tried again in {address['retry_in']} s"
        yield f"    !! {address['failure']}{again}"
    for one in address["left_out"]:
        yield f"    !! {one['server']} left out: {one['detail']}"


def _server(server: dict[str, Any]) -> Iterator[Row]:
    """A row for each of its addresses."""
    drained = server["drained"]
    for place, site in enumerate(server["addresses"]):
        why = [] if site["state"] == "up" else [f"{site['reason']}: {site['detail']}".rstrip(": ")]
        why += [f"drained {drained}".rstrip()] if drained is not None and place == 0 else []
        via = f" via {server['interface']}" if server["interface"] else ""
        yield (
            server["name"] if place == 0 else "",
            f"{site['address']}{via}",
            site["state"],
            "0" if drained is not None else str(server["weight"]),
            "" if site["latency_ms"] is None else f"{site['latency_ms']:.1f} ms",
            ago(site["since"]),
            "; ".join(why),
        )
