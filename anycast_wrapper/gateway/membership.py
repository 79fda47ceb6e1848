"""Who is sent queries for a service address, and why: the rules, in one place.

* A server that is up is a member. One that a predecessor, or the configuration before, had as a
  member is trusted until its probes have settled. Any other has to be proven first.
* A drained one gets nothing new, and keeps the flows that it has until the linger is over or it
  fails.
* With fewer members than the minimum, the address is withdrawn, or everybody who is not drained
  gets queries, as the pool wants it. Nobody is sent queries blindly while probes are still to
  settle.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from anycast_wrapper.core.health import Health, HealthState
from anycast_wrapper.core.model import Address, Reason

from .model import Below, Member
from .plan import Group, Plan, Site
from .state import How, Known, Lead, State

PATIENCE = 5.0
"""Seconds after which probes that do not settle are no longer waited for before an address fails
open: alternating answers may never settle."""


@dataclass(frozen=True)
class Judgement:
    """Where a service address should lead.

    Attributes:
        again: when it has to be judged anew even if nothing happens; infinity if never.
    """

    how: How
    members: tuple[Member, ...]
    again: float


def appraise(healths: Sequence[Health]) -> tuple[Known, Reason, str]:
    """What the probes of a site add up to: whether it is up, why or why not, and a few words."""
    for health in healths:
        if not health.state.vouches and health.state is not HealthState.UNPROVEN:
            return Known.DOWN, *_words(health)
    for health in healths:
        if health.state is HealthState.UNPROVEN:
            _, detail = _words(health)
            return Known.UNPROVEN, Reason.PROBE_PENDING, detail
    return Known.UP, Reason.HEALTHY, ""


def _words(health: Health) -> tuple[Reason, str]:
    if health.last is None:
        return Reason.PROBE_PENDING, ""
    if health.last.ok:  # down, and on its way up
        return Reason.PROBE_PENDING, health.last.detail
    return health.last.reason, health.last.detail


def judge(state: State, plan: Plan, address: Address, now: float) -> Judgement:
    """Where a service address should lead now."""
    if state.stopping is not None:
        return Judgement(How.STOPPING, (), float("inf"))
    number = plan.group_of.get(address)
    if number is None:
        return Judgement(How.ABANDONED, (), float("inf"))
    return _Case(state, plan, plan.groups[number], address, now).judgement()


class _Case:
    """One service address at one moment."""

    def __init__(
        self,
        state: State,
        plan: Plan,
        group: Group,
        address: Address,
        now: float,
    ) -> None:
        self._state, self._plan, self._group = state, plan, group
        self._address, self._now = address, now
        self._trusted = state.adopted.get(address, frozenset())
        lead = state.leads.get(address, Lead())
        self._absent = {one.server for one in lead.left_out}
        self._had = (
            self._trusted if lead.asked is None else {member.address for member in lead.asked}
        )

    def judgement(self) -> Judgement:
        good = [n for n in self._candidates() if self._is_good(n)]
        leaving = {n for n in self._group.sites if self._leaves(n)}
        ends = [self._linger_end(self._plan.sites[n]) for n in leaving]
        serving = sum(self._plan.sites[n].server.name not in self._absent for n in good)
        pool, patience = self._group.pool, self._state.began + PATIENCE
        pending = self._now < patience and any(self._is_pending(n) for n in self._candidates())
        if serving >= pool.minimum:
            how = How.SERVED
        elif pool.below is Below.WITHDRAW:
            how, good = (How.PENDING if pending else How.WITHDRAWN), []
        elif pending:
            how = How.PENDING
        else:
            good = list(self._candidates())
            how = How.FAIL_OPEN if good else How.WITHDRAWN
        if pending:
            ends.append(patience)
        return Judgement(how, self._members({*good, *leaving}), min(ends, default=float("inf")))

    def _candidates(self) -> Iterator[int]:
        """Those that are not drained."""
        drained = self._state.drained
        if not drained:
            yield from self._group.sites
            return
        for number in self._group.sites:
            if _name(self._plan.sites[number]) not in drained:
                yield number

    def _is_good(self, number: int) -> bool:
        known = self._state.standings[number].known
        if known is Known.UNPROVEN:
            return self._plan.sites[number].address in self._trusted
        return known is Known.UP

    def _is_pending(self, number: int) -> bool:
        return self._state.standings[number].known is Known.UNPROVEN

    def _leaves(self, number: int) -> bool:
        """Whether it is drained and may keep the flows that it has for a moment."""
        site = self._plan.sites[number]
        return (
            _name(site) in self._state.drained
            and self._now < self._linger_end(site)
            and self._state.standings[number].known is not Known.DOWN
            and site.address in self._had
        )

    def _linger_end(self, site: Site) -> float:
        return self._state.drained[_name(site)].since + self._state.policy.linger

    def _members(self, numbers: set[int]) -> tuple[Member, ...]:
        drained, sites = self._state.drained, self._plan.sites
        return tuple(
            Member(
                site.server.name,
                site.address,
                0 if drained and _name(site) in drained else site.server.weight,
                site.server.interface,
            )
            for number in self._group.sites
            if number in numbers
            for site in (sites[number],)
        )


def _name(site: Site) -> tuple[str, str]:
    return site.pool, site.server.name
