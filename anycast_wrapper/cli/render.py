"""``status`` for people."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

LAST = 5
"""Transitions that are shown."""

ADVICE = {
    "not-originated": "nobody is sent here: look for `ip ospf area` (`ipv6 ospf6 area`) on the "
    "interface, and for filters; `anycast-wrap doctor` does",
    "leaking": "queries come here and nobody vouches for the answers: look for `redistribute` and "
    "for another interface that has the address",
}
"""What to do about an announcement that is a lie, by the word for it."""

BIRD_ADVICE = {
    "not-originated": "nobody is sent here: look at `protocol direct`, at the export filter and at "
    "the BGP sessions",
    "leaking": "queries come here and nobody vouches for the answers: look for an interface "
    "pattern that is too wide, and for another interface that has the address",
}
"""The same where BIRD announces."""

BGP_ADVICE = {
    "not-originated": "nobody is sent here: look at `redistribute connected`, at its route-map and "
    "at the sessions; `anycast-wrap doctor` does",
    "leaking": "queries come here and nobody vouches for the answers: look for `network` and for a "
    "route-map that matches more than the rank interfaces",
}
"""The same where FRR's bgpd does."""


def render(document: dict[str, Any]) -> str:
    """The status document as text."""
    return "\n".join(_lines(document))


def _lines(document: dict[str, Any]) -> Iterator[str]:
    state = document["state"]
    if "services" not in document:
        who = "anycast-wrap"
        yield from not_running(document, who, f"`{who} start` takes over, `{who} withdraw` removes")
        return
    yield f"anycast-wrap: {state}, pid {document['pid']}"
    if drained := document["drained"]:
        yield f"  drained {drained['detail']}".rstrip()
    daemon = document["daemon"]
    restarts = f", {daemon['restarts']} restarts" if daemon["restarts"] else ""
    pid = f", pid {daemon['pid']}" if daemon["pid"] else ""
    yield f"  daemon {daemon['state']}{pid}{restarts}, since {ago(daemon['since'])}"
    if daemon["state"] != "ready" and daemon["detail"]:
        yield f"    {daemon['detail']}"
    for service in document["services"]:
        yield from _service(service, document)
    if reroute := document.get("reroute"):
        yield from _reroute(reroute)
    if transitions := document["transitions"]:
        yield "last events"
        yield from (f"  {event(entry)}" for entry in transitions[-LAST:])


def not_running(document: dict[str, Any], who: str, advice: str) -> Iterator[str]:
    """The same where nobody says how it stands.

    Args:
        document: which says so, and what is left behind.
        who: does not run.
        advice: what to do about what is left behind.
    """
    yield f"{who}: {document['state']}" + (f" ({d})" if (d := document.get("detail")) else "")
    if left := document.get("left_behind"):
        yield f"left behind ({advice}):"
        yield from (f"  {words}" for words in left)


def _service(service: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    yield f"service {service['name']}: {service['rank']}, since {ago(service['since'])}"
    if service["rank"] != "preferred":
        yield f"  {service['reason']}" + (f": {d}" if (d := service["detail"]) else "")
    for address in service["addresses"]:
        words = [address["rank"], *(["held"] if address["held"] else [])]
        words.append(_originated(address, document))
        yield f"  {address['address']:<24} {', '.join(words)}"
        advices = {"BIRD": BIRD_ADVICE, "BGP": BGP_ADVICE}.get(spoken(document), ADVICE)
        if advice := advices.get(address.get("truth", "")):
            yield f"    !! {advice}"
    for probe in service["probes"]:
        latency = "" if probe["latency_ms"] is None else f", {probe['latency_ms']:.1f} ms"
        detail = "" if probe["ok"] or not probe["detail"] else f": {probe['detail']}"
        yield f"  probe {probe['name']:<18} {probe['state']}{latency}{detail}"


def _reroute(reroute: dict[str, Any]) -> Iterator[str]:
    """Who would be asked instead of us, and how often that was done."""
    yield "reroute" + ("" if reroute["working"] else ": NOT IN FORCE")
    if reroute["detail"]:
        yield f"  {reroute['detail']}"
    for one in reroute["addresses"]:
        words = f"to {', '.join(one['peers'])}" if one["peers"] else "to nobody: no peer offers it"
        how = "all that comes in" if one["diverting"] else "what finds no socket"
        yield f"  {one['address']:<24} {how} {words}; {one['packets']} packets diverted"
    for one in reroute["peers"]:
        if one["packets"]:
            yield f"  {one['peer']:<24} was sent {one['packets']} packets"


def spoken(document: dict[str, Any]) -> str:
    """Who originates what the node announces, in a word."""
    if document.get("routing_daemon") == "bird":
        return "BIRD"
    return str(document.get("routing_protocol", "ospf")).upper()


def _originated(address: dict[str, Any], document: dict[str, Any]) -> str:
    """What the routing daemon makes of it, loud where that is not what we meant."""
    who = spoken(document)
    meant, is_so = address["rank"] != "withdrawn", address["originated"]
    if address.get("truth") == "settling":
        return f"{who} is about to {'originate' if meant else 'withdraw'} it"
    if is_so is None:
        version = "ipv6" if ":" in address["address"] else "ipv4"
        return f"origination unknown ({document['routing'][version]})"
    if meant is is_so:
        return f"originated by {who}" if is_so else "not originated"
    return f"BUT ORIGINATED BY {who}" if is_so else f"BUT NOT ORIGINATED BY {who}"


def event(entry: dict[str, Any]) -> str:
    """An event, by the time here."""
    at = datetime.fromisoformat(entry["at"]).astimezone().strftime("%F %T")
    if entry["event"] == "service-changed":
        before, after = entry["from"], entry["to"]
        move = after if before == after else f"{before} -> {after}"
        words = f"{entry['service']} {move} ({entry['reason']})"
    else:
        words = entry["event"]
    return f"{at} {words}" + (f": {entry['detail']}" if entry["detail"] else "")


def ago(at: str | None) -> str:
    """How long ago a time is, in ISO's form."""
    if at is None:
        return "never"
    age = datetime.now(tz=UTC) - datetime.fromisoformat(at)
    return f"{timedelta(seconds=max(0, round(age.total_seconds())))} ago"
