"""Write docs/metrics.rst from the catalogue: ``docs/write_metrics.py > docs/metrics.rst``."""

import sys

from anycast_wrapper.core.model import Reason
from anycast_wrapper.telemetry.metrics.catalogue import ALL, Kind, Metric
from anycast_wrapper.telemetry.metrics.lag import BOUNDS, EVERY
from anycast_wrapper.telemetry.metrics.sources import STATES
from anycast_wrapper.telemetry.metrics.tally import DURATIONS
from anycast_wrapper.track.catalogue import OURS
from anycast_wrapper.track.status import STATES as TRACK_STATES

VALUES = {
    "service": "``service.name``",
    "address": "a service address",
    "probe": "``service.probe.name``, or what it is called without one",
    "interface": "the names in ``[interfaces]``",
    "state": ", ".join(STATES),
    "reason": "one of the reasons below",
    "from": "a rank: withdrawn, last-resort, preferred",
    "to": "the same",
    "planned": "true, false",
    "event": "the name of an event in the log",
    "ip_version": "4, 6",
    "process": "wrapper, daemon; of ``track``, tracker",
    "version": "ours",
    "python": "Python's",
    "transport": "udp, tcp",
    "pool": "``pool.name`` of ``track``",
    "server": "``pool.server.name`` of ``track``",
    "server_address": "one of ``pool.server.addresses`` of ``track``",
    "track_state": ", ".join(TRACK_STATES),
    "how": "pending, served, fail-open, withdrawn, stopping",
}


def section(metric: Metric) -> str:
    """One metric as a definition."""
    labels = f", by {', '.join(f'``{label}``' for label in metric.labels)}" if metric.labels else ""
    return f"``{metric.shown}`` ({metric.kind}{labels})\n    {metric.help}\n"


def seconds(bounds: tuple[float, ...]) -> str:
    """Bounds of buckets, in words."""
    return ", ".join(f"{bound:g}" for bound in bounds) + " s"


def written() -> str:
    """The whole page."""
    metrics = "\n".join(section(metric) for metric in ALL)
    tracked = "\n".join(section(metric) for metric in OURS)
    both = sorted(labels_of((*ALL, *OURS)))
    labels = "\n".join(f"``{label}``\n    {VALUES[label]}\n" for label in both)
    reasons = "\n".join(f"* ``{reason}``" for reason in Reason)
    histograms = sum(metric.kind is Kind.HISTOGRAM for metric in ALL)
    return f"""Metrics
=======

Written from ``anycast_wrapper/telemetry/metrics/catalogue.py`` by ``docs/write_metrics.py``; do not
edit.

::

    [metrics]
    listen = "127.0.0.1:9153"

in the configuration and ``pip install 'anycast-wrap[metrics]'`` make the wrapper answer at
``http://127.0.0.1:9153/metrics``, in Prometheus' text format or in OpenMetrics, as the client asks.
``contrib/prometheus/`` has a scrape configuration, alert rules with what to do about each, and a
dashboard for Grafana.

The listener is read-only (GET and HEAD) and knows no passwords: listen where only those can reach
it who may know. What comes in over a loopback address must be addressed to an address or to
``localhost``, so that no web site can read it through a browser; a proxy in front must set ``Host``
so. A request has a connection of its own, of 10 s at most; 64 are answered at once, others are told
503. The text is made at most twice a second, so nothing is gained by asking more often. An address
that cannot be bound is tried again every 5 s (``metrics-unavailable`` in the log) while the service
goes on.

Names are a contract, as the keys of the configuration are. No label has a value that does not come
from the configuration or from the lists here. What a reload takes out of the configuration is no
longer shown. What is not known is absent, and never 0.

The metrics
-----------

{metrics}
Of the {histograms} histograms, both in seconds: probes have buckets up to {seconds(DURATIONS)};
the loop's lag, sampled every {EVERY:g} s, up to {seconds(BOUNDS)}.

Of ``anycast-wrap track``
-------------------------

It has a listener of its own, by ``[metrics]`` in its file. Besides these it has build, notices,
loop_lag_seconds, http_refused_connections and the processes of the list above. Probes have the same
buckets.

{tracked}
Labels
------

{labels}
Reasons
-------

{reasons}
"""


def labels_of(metrics: tuple[Metric, ...]) -> set[str]:
    """Every label that there is."""
    return {label for metric in metrics for label in metric.labels}


if __name__ == "__main__":
    sys.stdout.write(written())
