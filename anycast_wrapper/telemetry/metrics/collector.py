"""Everything that can be said at the moment of a scrape, as families of prometheus-client."""

import os
import platform
from collections.abc import Iterator, Mapping

from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from anycast_wrapper import __version__
from anycast_wrapper.core.judge import judge
from anycast_wrapper.core.ladder import announced
from anycast_wrapper.core.lifecycle import Phase
from anycast_wrapper.core.model import Address, Rank, Service
from anycast_wrapper.core.query import settled, standing_rank, told_reason
from anycast_wrapper.core.state import State
from anycast_wrapper.telemetry.status import node_state

from . import catalogue as c
from .lag import LoopLag
from .processes import ProcessReader
from .sheet import Sheet
from .sources import STATES, Sources, Truth
from .tally import Tally


class NodeCollector(Collector):
    """Gives every family of the catalogue that there is something to say of."""

    def __init__(self, tally: Tally, lag: LoopLag, sources: Sources) -> None:
        self._tally = tally
        self._lag = lag
        self._sources = sources
        self._ours, self._daemons = ProcessReader(), ProcessReader()

    def collect(self) -> Iterator[Family]:
        """See prometheus_client: called at every scrape."""
        sheet = Sheet(c.ALL)
        sheet.info(c.BUILD, (__version__, platform.python_version()))
        state = self._tally.state
        if state is not None:
            _node(sheet, state)
            have = announced(state.links, state.policy, state.known)
            truth = self._sources.truth()
            for service in state.policy.services:
                _service(sheet, state, service)
                _addresses(sheet, state, service, have)
                _originated(sheet, service, truth)
                _probes(sheet, state, service)
            _routing(sheet, truth)
        self._counted(sheet)
        self._processes(sheet, None if state is None else state.life.pid)
        return sheet.families()

    def _counted(self, sheet: Sheet) -> None:
        tally = self._tally
        for transition, count in tally.transitions.items():
            sheet.add(c.TRANSITIONS, transition, count)
        for (service, planned), count in tally.withdrawals.items():
            sheet.add(c.WITHDRAWALS, (service, str(planned).lower()), count)
        for (key, reason), count in tally.results.items():
            sheet.add(c.PROBE_RESULTS, (*key, str(reason)), count)
        for key, spread in tally.durations.items():
            sheet.histogram(c.PROBE_DURATION, key, spread.cumulative(), spread.total)
        for event, count in tally.notices.items():
            sheet.add(c.NOTICES, (event,), count)
        sheet.add(c.REFUSALS, (), tally.notices["interface-failed"])
        for address_and_transport, queries in (self._sources.queries() or {}).items():
            sheet.add(c.QUERIES, address_and_transport, queries)
        for address, packets in (self._sources.rerouted() or {}).items():
            sheet.add(c.REROUTED, (address,), packets)
        lag = self._lag.spread
        sheet.histogram(c.LOOP_LAG, (), lag.cumulative(), lag.total)
        sheet.add(c.REFUSED, (), self._sources.refused())

    def _processes(self, sheet: Sheet, daemon: int | None) -> None:
        readings = {"wrapper": self._ours.read(os.getpid()), "daemon": self._daemons.read(daemon)}
        for process, found in readings.items():
            for metric, value in found:
                sheet.add(metric, (process,), value)


def _node(sheet: Sheet, state: State) -> None:
    now = node_state(state)
    for name in STATES:
        sheet.add(c.STATE, (name,), name == now)
    sheet.add(c.SETTLED, (), settled(state))
    sheet.add(c.DRAINED, (), state.drained is not None)
    sheet.add(c.MISSING_ROUTES, (), len(state.policy.required_routes - state.routes))
    sheet.add(c.DAEMON_UP, (), state.life.phase is Phase.READY)
    sheet.add(c.DAEMON_RESTARTS, (), state.life.restarts)
    hold = state.policy.hold
    for interface in (*state.policy.ranks.values(), *(() if hold is None else (hold,))):
        sheet.add(c.INTERFACE_FAILED, (interface.name,), interface.name in state.troubles)


def _service(sheet: Sheet, state: State, service: Service) -> None:
    verdict = judge(state, service)
    rank = standing_rank(state, service.addresses)
    reason, _ = told_reason(verdict, rank)
    sheet.add(c.RANK, (service.name,), rank)
    sheet.add(c.WANTED, (service.name,), verdict.rank)
    sheet.add(c.CEILING, (service.name,), service.ceiling)
    sheet.add(c.REASON, (service.name, str(reason)), 1)


def _addresses(
    sheet: Sheet,
    state: State,
    service: Service,
    have: Mapping[Address, Rank],
) -> None:
    hold = state.policy.hold
    link = None if hold is None else state.links.get(hold.name)
    for address in service.addresses:
        labels = service.name, str(address)
        sheet.add(c.ADDRESS_RANK, labels, have.get(address, Rank.WITHDRAWN))
        held = link is not None and link.up and address in link.addresses
        sheet.add(c.HELD, labels, held)


def _originated(sheet: Sheet, service: Service, truth: Truth) -> None:
    for address in service.addresses:
        if truth.answering.get(address.version):
            labels = service.name, str(address)
            sheet.add(c.ORIGINATED, labels, address in truth.originated)


def _routing(sheet: Sheet, truth: Truth) -> None:
    for version, answers in truth.answering.items():
        sheet.add(c.ROUTING_UP, (str(version),), answers)
    if truth.age is not None:
        sheet.add(c.ROUTING_AGE, (), truth.age)


def _probes(sheet: Sheet, state: State, service: Service) -> None:
    for probe in service.probes:
        health = state.health.get((service.name, probe.name))
        vouches = health is not None and health.state.vouches
        sheet.add(c.PROBE_UP, (service.name, probe.name), vouches)
