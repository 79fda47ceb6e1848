"""Findings for programs: the shape is documented in ``docs/identify.rst``, and only grows."""

from typing import Any

from .findings import Balance, Findings, NodeFindings
from .strip import LOST, Slice


def document(findings: Findings) -> dict[str, Any]:
    """All of it, fit for JSON. Who says nothing is null where a name would be."""
    return {
        "ok": not findings.problems,
        "verdict": findings.verdict,
        "zone": findings.zone or None,
        "seconds": round(findings.seconds, 3),
        "questions": findings.asked,
        "answers": findings.answered,
        "balances": [_balance(one) for one in findings.balances],
        "nodes": [_node(one) for one in findings.nodes],
        "problems": [
            {
                "slug": one.slug,
                "sentence": one.sentence,
                "count": one.count,
                "node": one.node or None,
                "address": one.address,
                "transport": one.transport.lower() if one.transport else None,
            }
            for one in findings.problems
        ],
        "notes": list(findings.notes),
        "events": [
            {
                "seconds": round(one.at, 3),
                "address": one.address,
                "node": one.node or None,
                "event": one.change.value,
            }
            for one in findings.events
        ],
    }


def slice_document(seconds: float, address: str, counts: Slice) -> dict[str, Any]:
    """One slice of time, while it is watched."""
    nodes = [(name, n) for name, n in counts.items() if name is not LOST]
    return {
        "seconds": round(seconds, 3),
        "address": address,
        "nodes": [{"node": name or None, "visits": n} for name, n in sorted(nodes)],
        "lost": counts[LOST],
    }


def _balance(one: Balance) -> dict[str, Any]:
    return {
        "address": one.address,
        "transport": one.transport.lower(),
        "asked": one.asked,
        "lost": one.lost,
        "nodes": [
            {"node": name or None, "visits": count, "share": round(count / one.answered, 4)}
            for name, count in one.shares
        ],
        "evenness": {
            "verdict": one.evenness.verdict.value,
            "sentence": one.evenness.sentence,
            "chi_square": one.evenness.statistic,
            "degrees_of_freedom": one.evenness.freedom,
            "p": one.evenness.p,
        },
    }


def _node(one: NodeFindings) -> dict[str, Any]:
    return {
        "node": one.identity.name or None,
        "known_by": one.identity.by.value,
        "visits": one.visits,
        "answers": one.answers,
        "latency_ms": {"median": round(one.median * 1e3, 3), "p95": round(one.p95 * 1e3, 3)},
        "serials": list(one.serials),
        "stale": one.stale,
        "versions": list(one.versions),
    }
