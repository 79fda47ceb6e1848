"""What ``status`` says: the state as a document for programs, and as one line for people."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from anycast_wrapper.core import effects
from anycast_wrapper.core.health import Health
from anycast_wrapper.core.judge import judge, verdicts
from anycast_wrapper.core.model import Address, Rank, Service, Verdict
from anycast_wrapper.core.query import (
    have,
    quiet,
    settled,
    standing_rank,
    standing_ranks,
    told_reason,
)
from anycast_wrapper.core.remembered import remembered
from anycast_wrapper.core.state import State

KEPT = 50
"""Transitions that are remembered."""


class Journal:
    """An `Audience` that remembers the last transitions, with the time on the wall."""

    def __init__(self) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def hear(self, state: State, told: Sequence[effects.Effect]) -> None:
        """Keep every change of a service and every notice."""
        del state
        at = iso(time.time())
        for effect in told:
            match effect:
                case effects.Changed(service, before, rank, reason, detail):
                    self._entries.append(
                        {
                            "at": at,
                            "event": "service-changed",
                            "service": service,
                            "from": before.slug,
                            "to": rank.slug,
                            "reason": str(reason),
                            "detail": detail,
                        },
                    )
                case effects.Noticed(event, detail):
                    self._entries.append({"at": at, "event": event, "detail": detail})

    @property
    def transitions(self) -> list[dict[str, Any]]:
        """The oldest first."""
        return list(self._entries)


def snapshot(state: State, now: float, pid: int, journal: Journal) -> dict[str, Any]:
    """The document behind ``status --json``. Its keys are a contract."""
    clock = _Clock(now)
    life = state.life
    return {
        "pid": pid,
        "state": node_state(state),
        "drained": None
        if state.drained is None
        else {"reason": str(state.drained.reason), "detail": state.drained.detail},
        "settled": settled(state),
        "quiet": quiet(state, now),
        "headline": headline(state),
        "daemon": {
            "state": life.phase.value,
            "pid": life.pid,
            "restarts": life.restarts,
            "since": clock.iso(life.since),
            "detail": life.words,
        },
        "services": [_service(state, service, clock) for service in state.policy.services],
        "transitions": journal.transitions,
    }


def node_state(state: State) -> str:
    """One word for the whole node: stopping, drained, announced, degraded, partly, withdrawn."""
    if state.stopping is not None or state.exited:
        return "stopping"
    if state.drained is not None:
        return "drained"
    standing = standing_ranks(state)
    ranks = set(standing.values())
    if all(standing[service.name] >= service.ceiling for service in state.policy.services):
        return "announced"
    if Rank.WITHDRAWN not in ranks:
        return "degraded"
    return "withdrawn" if ranks == {Rank.WITHDRAWN} else "partly-announced"


def headline(state: State) -> str:
    """One line for people: every service with its rank, and why if it is not preferred."""
    return _headline(verdicts(state), standing_ranks(state))


@remembered
def _headline(found: Mapping[str, Verdict], ranks: Mapping[str, Rank]) -> str:
    words = []
    for name, verdict in found.items():
        rank = ranks[name]
        reason, detail = told_reason(verdict, rank)
        why = f"{reason}: {detail}" if detail else str(reason)
        words.append(f"{name} {rank.slug}" + ("" if rank is Rank.PREFERRED else f" ({why})"))
    return "; ".join(words)


class _Clock:
    """Turns the monotonic times of the core into times on the wall."""

    def __init__(self, now: float) -> None:
        self._offset = time.time() - now

    def iso(self, at: float | None) -> str | None:
        return None if at is None else iso(at + self._offset)


def iso(at: float) -> str:
    """A time of the wall clock (seconds since 1970) as ISO 8601 has it."""
    return datetime.fromtimestamp(at, tz=UTC).isoformat(timespec="milliseconds")


def _service(state: State, service: Service, clock: _Clock) -> dict[str, Any]:
    verdict = judge(state, service)
    rank = standing_rank(state, service.addresses)
    reason, detail = told_reason(verdict, rank)
    standing = state.standings.get(service.name)  # none before the start is through
    return {
        "name": service.name,
        "rank": rank.slug,
        "wanted": verdict.rank.slug,
        "ceiling": service.ceiling.slug,
        "reason": str(reason),
        "detail": detail,
        "since": None if standing is None else clock.iso(standing.since),
        "addresses": [_address(state, address, have(state)) for address in service.addresses],
        "probes": [
            _probe(probe.name, state.health.get((service.name, probe.name), Health()), clock)
            for probe in service.probes
        ],
    }


def _address(state: State, address: Address, ranks: Mapping[Address, Rank]) -> dict[str, Any]:
    hold = state.policy.hold
    link = None if hold is None else state.links.get(hold.name)
    return {
        "address": str(address),
        "held": link is not None and link.up and address in link.addresses,
        "rank": ranks.get(address, Rank.WITHDRAWN).slug,
    }


def _probe(name: str, health: Health, clock: _Clock) -> dict[str, Any]:
    last = health.last
    latency = None if last is None or last.latency is None else round(last.latency * 1000, 3)
    return {
        "name": name,
        "ok": health.state.vouches,
        "state": health.state.value,
        "latency_ms": latency,
        "reason": None if last is None else str(last.reason),
        "detail": "" if last is None else last.detail,
        "last": clock.iso(health.answered),
    }
