"""Every check there is, in the order in which they are told."""

from collections.abc import Iterable

from anycast_wrapper.doctor.check import Check

from . import bgp, host, identity, routing, sources, transfers, units, wrapper, zebra
from . import named as named_


def _of(module: object) -> Iterable[Check]:
    return (value for value in vars(module).values() if isinstance(value, Check))


_MODULES = (wrapper, named_, sources, transfers, identity, zebra, routing, bgp, host, units)

ALL: dict[str, Check] = {one.name: one for module in _MODULES for one in _of(module)}
"""By their names."""
