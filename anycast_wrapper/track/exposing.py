"""A tracker's metrics, and the listener at which they can be had, where one is wanted."""

import os
import platform
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from anycast_wrapper import __version__
from anycast_wrapper.config.track import TrackConfig
from anycast_wrapper.core.model import Address
from anycast_wrapper.gateway.listening import Audience
from anycast_wrapper.gateway.model import Pool
from anycast_wrapper.gateway.plan import plan
from anycast_wrapper.gateway.state import Known, Lead, State
from anycast_wrapper.telemetry.metrics import catalogue as common
from anycast_wrapper.telemetry.metrics.lag import LoopLag
from anycast_wrapper.telemetry.metrics.processes import ProcessReader
from anycast_wrapper.web import Answer, Asked

from . import catalogue as c
from .status import STATES, gateway_state
from .tally import TrackTally

if TYPE_CHECKING:
    from anycast_wrapper.telemetry.metrics.sheet import Sheet
    from anycast_wrapper.web.listener import Listener

Tell = Callable[[str, str], None]
"""Tells people of an event, by its stable name, in a few words."""


class Exposed:
    """What can be seen of one tracker over HTTP; nothing where nobody listens.

    Attributes:
        audiences: to be told after every turn, and of every notice.
    """

    def __init__(self, config: TrackConfig, tell: Tell) -> None:
        """Nothing happens before `open`. What needs the extra ``metrics`` is loaded if wanted."""
        self._tally, self._lag, self._process = TrackTally(), LoopLag(), ProcessReader()
        self._listener = self._make(config, tell) if config.metrics.listen else None
        self.audiences: tuple[Audience, ...] = () if self._listener is None else (self._tally,)

    def open(self) -> None:
        """Begin, in the running loop. Nothing of it is waited for."""
        if self._listener is not None:
            self._lag.open()
            self._listener.open()

    async def close(self) -> None:
        """End, without waiting for anybody who looks."""
        self._lag.close()
        if self._listener is not None:
            await self._listener.close()

    def _make(self, config: TrackConfig, tell: Tell) -> "Listener":
        from anycast_wrapper.telemetry.metrics.exposition import Exposition  # noqa: PLC0415
        from anycast_wrapper.telemetry.metrics.sheet import SheetCollector  # noqa: PLC0415
        from anycast_wrapper.web.listener import Listener  # noqa: PLC0415

        exposition = Exposition(SheetCollector(c.ALL, self._fill), time.monotonic)

        async def metrics(asked: Asked) -> Answer:
            text, kind = exposition.text(asked.accept)
            return Answer(text, kind)

        return Listener(config.metrics.listen, {"/metrics": metrics}, tell)

    def _fill(self, sheet: "Sheet") -> None:
        """All that there is to say at a scrape."""
        tally, lag = self._tally, self._lag.spread
        sheet.info(common.BUILD, (__version__, platform.python_version()))
        if tally.state is not None:
            _fill_state(sheet, tally.state)
        for (labels, reason), count in tally.results.items():
            sheet.add(c.PROBE_RESULTS, (*labels, str(reason)), count)
        for labels, took in tally.last.items():
            sheet.add(c.PROBE_LAST, labels, took)
        for pair, spread in tally.durations.items():
            sheet.histogram(c.PROBE_DURATION, pair, spread.cumulative(), spread.total)
        for event, count in tally.notices.items():
            sheet.add(common.NOTICES, (event,), count)
        sheet.histogram(common.LOOP_LAG, (), lag.cumulative(), lag.total)
        refused = 0 if self._listener is None else self._listener.refused
        sheet.add(common.REFUSED, (), refused)
        for metric, value in self._process.read(os.getpid()):
            sheet.add(metric, ("tracker",), value)


def _fill_state(sheet: "Sheet", state: State) -> None:
    now = gateway_state(state)
    for name in STATES:
        sheet.add(c.STATE, (name,), name == now)
    known = plan(state.policy)
    for site, standing in zip(known.sites, state.standings, strict=True):
        labels = site.pool, site.server.name, str(site.address)
        sheet.add(c.SERVER_UP, labels, standing.known is Known.UP)
    for pool in state.policy.pools:
        for server in pool.servers:
            key = pool.name, server.name
            sheet.add(c.SERVER_WEIGHT, key, 0 if key in state.drained else server.weight)
            sheet.add(c.SERVER_DRAINED, key, key in state.drained)
        for address in pool.addresses:
            possible = len(known.groups[known.group_of[address]].sites)
            _fill_address(sheet, pool, address, state.leads.get(address, Lead()), possible)


def _fill_address(
    sheet: "Sheet",
    pool: Pool,
    address: Address,
    lead: Lead,
    possible: int,
) -> None:
    labels = pool.name, str(address)
    sheet.add(c.ADDRESS_MEMBERS, labels, len(lead.serving))
    sheet.add(c.ADDRESS_POSSIBLE, labels, possible)
    sheet.add(c.ADDRESS_MINIMUM, labels, pool.minimum)
    sheet.add(c.ADDRESS_HOW, (*labels, lead.how.value), 1)
    sheet.add(c.ADDRESS_LEFT_OUT, labels, len(lead.left_out))
    sheet.add(c.APPLY_FAILED, labels, bool(lead.failure))
    sheet.add(c.APPLIES_REFUSED, labels, lead.refusals)
