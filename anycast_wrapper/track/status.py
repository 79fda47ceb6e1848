"""What a tracker says of itself: a document for programs, one line for people and for systemd."""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from anycast_wrapper.core.model import Address
from anycast_wrapper.core.remembered import remembered
from anycast_wrapper.gateway import effects
from anycast_wrapper.gateway.membership import appraise
from anycast_wrapper.gateway.model import Member, Pool, Server
from anycast_wrapper.gateway.plan import Plan, plan
from anycast_wrapper.gateway.state import How, Lead, State
from anycast_wrapper.telemetry.status import iso
from anycast_wrapper.telemetry.systemd import Notifier, Unit

Document = dict[str, Any]

KEPT = 50
"""Events that are remembered."""

STATES = ("served", "degraded", "partly-served", "withdrawn", "stopping")
"""What `gateway_state` can say."""


class Journal:
    """An `Audience` that remembers the last events, with the time on the wall."""

    def __init__(self) -> None:
        self._entries: deque[Document] = deque(maxlen=KEPT)

    def hear(self, state: State, told: Sequence[effects.Effect], answered: Sequence[int]) -> None:
        """Keep every change and every notice."""
        del state, answered
        at = iso(time.time())
        for effect in told:
            match effect:
                case effects.ServerChanged(_, server, address, before, known, reason, detail):
                    words = f"{server} {address}: {before} -> {known} ({reason})"
                    words += f": {detail}" if detail else ""
                    self._entries.append({"at": at, "event": "server-changed", "detail": words})
                case effects.AddressChanged(_, address, before, how, members, possible):
                    moved = how if before is how else f"{before} -> {how}"
                    words = f"{address}: {moved}, {len(members)} of {possible} servers"
                    self._entries.append({"at": at, "event": "address-changed", "detail": words})
                case effects.Noticed(event, detail):
                    self._entries.append({"at": at, "event": event, "detail": detail})

    @property
    def entries(self) -> list[Document]:
        """The oldest first."""
        return list(self._entries)


class SystemdAudience:
    """An `Audience` that tells systemd: the tracker is ready once it is known who answers."""

    def __init__(self, notifier: Notifier) -> None:
        self._unit = Unit(notifier)

    def hear(self, state: State, told: Sequence[effects.Effect], answered: Sequence[int]) -> None:
        """Tell systemd what is new."""
        del told, answered
        stopping = state.stopping is not None or state.exited
        self._unit.tell(settled=settled(state), stopping=stopping, headline=headline(state))


def settled(state: State) -> bool:
    """Whether it is known of every service address where it is to lead, and it leads there."""
    return bool(state.leads) and _settled(state.leads)


@remembered
def _settled(leads: Mapping[Address, Lead]) -> bool:
    return all(
        lead.how is not How.PENDING and lead.applied == lead.asked for lead in leads.values()
    )


def gateway_state(state: State) -> str:
    """One word for all of it, of `STATES`."""
    if state.stopping is not None or state.exited:
        return "stopping"
    return _gateway_state(state.leads)


@remembered
def _gateway_state(leads: Mapping[Address, Lead]) -> str:
    led = [bool(lead.serving) for lead in leads.values()]
    if not any(led):
        return "withdrawn"
    if not all(led):
        return "partly-served"
    well = all(one.how is How.SERVED and not one.failure for one in leads.values())
    return "served" if well else "degraded"


def headline(state: State) -> str:
    """One line: every service address with how many servers it leads to."""
    return _headline(state.leads)


@remembered
def _headline(leads: Mapping[Address, Lead]) -> str:
    words = []
    for address, lead in leads.items():
        how = "" if lead.how is How.SERVED else f" ({lead.how})"
        words.append(f"{address} to {len(lead.serving)}{how}{' REFUSED' if lead.failure else ''}")
    return "; ".join(words)


# --- the document ---


def snapshot(
    state: State,
    now: float,
    pid: int,
    journal: Journal,
    means: Callable[[Address], str | None],
) -> Document:
    """The document behind ``track status --json``. Its keys are a contract."""
    teller = _Teller(state, now, means)
    return {
        "pid": pid,
        "state": gateway_state(state),
        "settled": settled(state),
        "headline": headline(state),
        "pools": [teller.pool(pool) for pool in state.policy.pools],
        "transitions": journal.entries,
    }


class _Teller:
    """Puts one state into words."""

    def __init__(self, state: State, now: float, means: Callable[[Address], str | None]) -> None:
        self._state, self._plan = state, plan(state.policy)
        self._means = means
        self._now, self._offset = now, time.time() - now
        self._numbers = _numbers(self._plan)

    def pool(self, pool: Pool) -> Document:
        return {
            "name": pool.name,
            "minimum": pool.minimum,
            "below_minimum": pool.below.value,
            "addresses": [self._address(address) for address in pool.addresses],
            "servers": [self._server(pool, server) for server in pool.servers],
        }

    def _address(self, address: Address) -> Document:
        lead = self._state.leads.get(address, Lead())
        return {
            "address": str(address),
            "how": lead.how.value,
            "since": self._iso(lead.since),
            "means": self._means(address),
            "members": [_member(member) for member in lead.members],
            "left_out": [{"server": o.server, "detail": o.detail} for o in lead.left_out],
            "failure": lead.failure,
            "retry_in": self._until(lead.until),
        }

    def _server(self, pool: Pool, server: Server) -> Document:
        drained = self._state.drained.get((pool.name, server.name))
        versions = {address.version for address in pool.addresses}
        return {
            "name": server.name,
            "weight": server.weight,
            "interface": server.interface,
            "drained": None if drained is None else drained.detail,
            "addresses": [
                self._site(self._numbers[pool.name, server.name, address])
                for address in server.addresses
                if address.version in versions
            ],
        }

    def _site(self, number: int) -> Document:
        site, standing = self._plan.sites[number], self._state.standings[number]
        healths = [self._state.ledger[n] for n in site.watches]
        _, reason, detail = appraise(healths)
        latencies = [h.last.latency for h in healths if h.last and h.last.latency is not None]
        answered = [h.answered for h in healths if h.answered is not None]
        return {
            "address": str(site.address),
            "state": standing.known.value,
            "reason": str(reason),
            "detail": detail,
            "latency_ms": round(max(latencies) * 1000, 3) if latencies else None,
            "since": self._iso(standing.since),
            "last": self._iso(max(answered, default=None)),
        }

    def _iso(self, at: float | None) -> str | None:
        return None if at is None or at == float("-inf") else iso(at + self._offset)

    def _until(self, at: float) -> float | None:
        return None if at == float("inf") else round(max(0.0, at - self._now), 1)


@remembered
def _numbers(known: Plan) -> Mapping[tuple[str, str, Address], int]:
    return {site.key: number for number, site in enumerate(known.sites)}


def _member(member: Member) -> Document:
    return {"server": member.server, "address": str(member.address), "weight": member.weight}
