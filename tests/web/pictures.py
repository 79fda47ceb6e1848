"""What a node might have to show, in states that reality gives no test on demand."""

import math
from datetime import UTC, datetime, timedelta

NASTY = "<script>document.title='taken'</script><img src=x onerror=document.title='taken'>"
V4, V6 = "192.0.2.53", "2001:db8:53::53"


def iso(ago):
    return (datetime.now(tz=UTC) - timedelta(seconds=ago)).isoformat(timespec="milliseconds")


RANKS = {
    "announced": ("preferred", "healthy", ""),
    "degraded": ("last-resort", "probe-timeout", f"upstream-A: {V4} udp: no answer in 500 ms"),
    "withdrawn": ("withdrawn", "probe-servfail", f"example.test-SOA: {V4} udp: SERVFAIL {NASTY}"),
    "drained": ("withdrawn", "drained", f"by ann (as root): new disk {NASTY}"),
}


def status(state="announced", truth="agrees", *, counted=True):
    """The status document, as the page gets it but for its ``node``, ``version`` and ``at``."""
    rank, reason, detail = RANKS[state]
    bad = state == "withdrawn"
    changed = 1500 if state == "announced" else 125
    transitions = [
        change(3500, "withdrawn", "preferred", "healthy"),
        {"at": iso(3000), "event": "daemon-restart", "detail": "exited with status 1"},
    ]
    if state != "announced":
        transitions.append(change(changed, "preferred", rank, reason, detail))
    service = {
        "name": "resolver",
        "rank": rank,
        "wanted": rank,
        "reason": reason,
        "detail": detail,
        "since": iso(changed),
        "addresses": [
            {"address": one, "held": True, "rank": rank, "originated": None, "truth": truth}
            for one in (V4, V6)
        ],
        "probes": [
            probe("example.test-SOA", None if bad else 1.234, reason, detail),
            probe("upstream-A", None if state == "degraded" else 23.5, reason, detail),
        ],
    }
    return {
        "pid": 24683,
        "state": state,
        "drained": {"reason": "drained", "detail": detail} if state == "drained" else None,
        "settled": True,
        "quiet": state == "drained",
        "headline": f"resolver {rank}",
        "daemon": {
            "state": "ready",
            "pid": 24684,
            "restarts": 1,
            "since": iso(2999),
            "detail": "",
        },
        "services": [service],
        "transitions": transitions,
        "queries": queries() if counted else None,
        "peers": peers(here=rank != "withdrawn"),
    }


def change(ago, before, after, reason, detail=""):
    return {
        "at": iso(ago),
        "event": "service-changed",
        "service": "resolver",
        "from": before,
        "to": after,
        "reason": reason,
        "detail": detail,
    }


def probe(name, latency, reason, detail):
    fine = latency is not None
    return {
        "name": name,
        "ok": fine,
        "state": "up" if fine else "down",
        "latency_ms": latency,
        "reason": "healthy" if fine else reason,
        "detail": "" if fine else detail,
        "last": iso(0.4),
        "recent": [1.0 + n % 7 / 5 for n in range(50)] + [latency] * 10,
    }


def queries():
    counts = {"udp": 99_999, "tcp": 30, "udp_per_second": 1834.2, "tcp_per_second": 3.1}
    addresses = [{"address": one, **counts} for one in (V4, V6)]
    return {"working": True, "detail": "", "addresses": addresses}


def peers(*, here):
    announcers = [
        announcer("198.51.100.102", age=844),
        announcer("198.51.100.103", age=2844, reachable=False),
    ]
    if here:
        announcers.insert(0, announcer("198.51.100.101", age=44, here=True))
    why = "ospf6d does not answer within 2 s"
    return {
        "age": 2.4,
        "routers": {"ipv4": "198.51.100.101", "ipv6": None},
        "addresses": [
            {"address": V4, "announced": True, "announcers": announcers},
            {"address": V6, "announced": None, "why": why, "announcers": []},
        ],
    }


def announcer(router, *, age, here=False, reachable=True):
    return {
        "router": router,
        "here": here,
        "reachable": reachable,
        "cost": 10,
        "age": age,
        "area": "0.0.0.0",
        "origin": "area",
    }


def hour(state="announced"):
    """The document of the last hour."""
    rank, reason, detail = RANKS[state]
    ranks = [
        {"ago": 3550.0, "rank": "withdrawn", "reason": "daemon-starting", "detail": ""},
        {"ago": 3500.0, "rank": "preferred", "reason": "healthy", "detail": ""},
        {"ago": 1800.0, "rank": "last-resort", "reason": "probe-timeout", "detail": NASTY},
        {"ago": 1500.0, "rank": "preferred", "reason": "healthy", "detail": ""},
    ]
    if state != "announced":
        ranks.append({"ago": 125.0, "rank": rank, "reason": reason, "detail": detail})
    return {
        "seconds": 3600.0,
        "step": 10.0,
        "services": [{"name": "resolver", "ranks": ranks}],
        "probes": [
            {"service": "resolver", "name": "example.test-SOA", "points": points(1.1, state)},
            {"service": "resolver", "name": "upstream-A", "points": points(22.0, state)},
        ],
    }


def points(base, state):
    found = []
    for number in range(355):
        ago = 3550.0 - number * 10
        middle = base * (1 + 0.2 * math.sin(number / 30) + 0.1 * math.sin(number * 7.3))
        most = middle * (9 if number % 53 == 0 else 1.5)
        failed = number % 4 + 1 if 1800 < ago < 1860 else 0
        if state == "withdrawn" and ago < 130:
            found.append([ago, None, None, None, 0, 10])
        else:
            figures = [round(one, 3) for one in (middle * 0.7, middle, most)]
            found.append([ago, *figures, 10 - failed, failed])
    return found
