"""What the log says of a tracker: one line an event, by the rules of `telemetry.logs`."""

import logging
from collections.abc import Sequence

from anycast_wrapper.gateway import effects
from anycast_wrapper.gateway.state import How, Known, State
from anycast_wrapper.telemetry.logs import ROOT, TROUBLE, line

BAD = frozenset({How.WITHDRAWN, How.FAIL_OPEN})
"""Ways of being led that somebody should know of."""


class TrackLog:
    """An `Audience` that writes down what happens."""

    def hear(self, state: State, told: Sequence[effects.Effect], answered: Sequence[int]) -> None:
        """One line an effect that people care about."""
        del state, answered
        for effect in told:
            match effect:
                case effects.ServerChanged():
                    _server(effect)
                case effects.AddressChanged():
                    _address(effect)
                case effects.Noticed(event, detail):
                    level = logging.WARNING if event in TROUBLE else logging.INFO
                    ROOT.log(level, "%s", line(event, detail=detail))
                case effects.Exit(code, detail):
                    level = logging.INFO if code == 0 else logging.ERROR
                    ROOT.log(level, "%s", line("exit", code=code, detail=detail))


def _server(told: effects.ServerChanged) -> None:
    level = logging.WARNING if told.known is Known.DOWN else logging.INFO
    words = line(
        "server-changed",
        pool=told.pool,
        server=told.server,
        address=told.address,
        from_=told.before,
        to=told.known,
        reason=told.reason,
        detail=told.detail,
    )
    ROOT.log(level, "%s", words)


def _address(told: effects.AddressChanged) -> None:
    level = logging.WARNING if told.how in BAD else logging.INFO
    words = line(
        "address-changed",
        pool=told.pool,
        address=told.address,
        from_=told.before,
        to=told.how,
        members=f"{len(told.members)}/{told.possible}",
    )
    ROOT.log(level, "%s", words)
