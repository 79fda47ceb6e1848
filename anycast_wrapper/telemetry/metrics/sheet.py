"""Families of prometheus-client in the making, and a collector that makes them at every scrape."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from .catalogue import Kind, Metric


class Sheet:
    """Families in the making, by metric.

    Args:
        order: in which they are shown.
    """

    def __init__(self, order: Sequence[Metric]) -> None:
        self._order = order
        self._families: dict[Metric, Family] = {}

    def families(self) -> Iterator[Family]:
        """Those that something was put into, in their order."""
        return (self._families[metric] for metric in self._order if metric in self._families)

    def add(self, metric: Metric, labels: tuple[str, ...], value: float) -> None:
        """A sample of a gauge or a counter."""
        kinds = {Kind.GAUGE: GaugeMetricFamily, Kind.COUNTER: CounterMetricFamily}
        self._family(metric, kinds[metric.kind]).add_metric(labels, value)

    def histogram(
        self,
        metric: Metric,
        labels: tuple[str, ...],
        buckets: list[tuple[str, float]],
        total: float,
    ) -> None:
        """All samples of a histogram."""
        self._family(metric, HistogramMetricFamily).add_metric(labels, buckets, total)

    def info(self, metric: Metric, labels: tuple[str, ...]) -> None:
        """A sample whose labels say everything."""
        pairs = dict(zip(metric.labels, labels, strict=True))
        family = InfoMetricFamily(metric.family, metric.help)
        family.add_metric((), pairs)
        self._families[metric] = family

    def _family(self, metric: Metric, kind: type) -> Any:
        if metric not in self._families:
            self._families[metric] = kind(metric.family, metric.help, labels=metric.labels)
        return self._families[metric]


class SheetCollector(Collector):
    """A collector that is a function.

    Args:
        order: in which the metrics are shown.
        fill: puts what there is to say into a sheet.
    """

    def __init__(self, order: Sequence[Metric], fill: Callable[[Sheet], None]) -> None:
        self._order, self._fill = order, fill

    def collect(self) -> Iterator[Family]:
        """See prometheus_client: called at every scrape."""
        sheet = Sheet(self._order)
        self._fill(sheet)
        return sheet.families()
