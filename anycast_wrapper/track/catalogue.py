"""Every metric of a tracker; by the rules of `telemetry.metrics.catalogue`, from which some are.

A histogram for every server would be thirteen series for each: durations are by pool and probe, and
of a server there is the last one.
"""

from anycast_wrapper.telemetry.metrics import catalogue as common
from anycast_wrapper.telemetry.metrics.catalogue import Kind, Metric

_G, _C, _H = Kind.GAUGE, Kind.COUNTER, Kind.HISTOGRAM
_SERVER, _SITE = ("pool", "server"), ("pool", "server", "server_address")
_ADDRESS, _PROBE = ("pool", "address"), ("probe",)

STATE = Metric(
    "track_state",
    _G,
    "1 for the state that the tracker is in, 0 for every other: served, degraded, partly-served, "
    "withdrawn, stopping.",
    ("track_state",),
)

# --- servers ---

SERVER_UP = Metric(
    "track_server_up", _G, "Whether the probes of the server at this address vouch for it.", _SITE
)
SERVER_WEIGHT = Metric(
    "track_server_weight",
    _G,
    "Its share of new flows beside the others', as configured; 0 while it is drained.",
    _SERVER,
)
SERVER_DRAINED = Metric(
    "track_server_drained", _G, "Whether an operator has drained the server.", _SERVER
)
PROBE_RESULTS = Metric(
    "track_probe_results",
    _C,
    "Results of the probe of the server at this address, by their reason; healthy is a good one.",
    (*_SITE, *_PROBE, "reason"),
)
PROBE_LAST = Metric(
    "track_probe_last_seconds",
    _G,
    "How long the last result of the probe took, good or bad.",
    (*_SITE, *_PROBE),
)
PROBE_DURATION = Metric(
    "track_probe_duration_seconds",
    _H,
    "From asking to the result, good or bad, of all servers of the pool together.",
    ("pool", *_PROBE),
)

# --- service addresses ---

ADDRESS_MEMBERS = Metric(
    "track_address_members", _G, "Servers that the service address leads to.", _ADDRESS
)
ADDRESS_POSSIBLE = Metric(
    "track_address_servers",
    _G,
    "Servers that there are for the service address in the configuration.",
    _ADDRESS,
)
ADDRESS_MINIMUM = Metric(
    "track_address_minimum",
    _G,
    "Healthy servers below which the service address is withdrawn or fails open.",
    _ADDRESS,
)
ADDRESS_HOW = Metric(
    "track_address_how",
    _G,
    "Always 1; the label says how the service address is led: pending, served, fail-open, "
    "withdrawn, stopping.",
    (*_ADDRESS, "how"),
)
ADDRESS_LEFT_OUT = Metric(
    "track_address_left_out",
    _G,
    "Healthy servers that the service address cannot lead to, such as for want of a route.",
    _ADDRESS,
)
APPLY_FAILED = Metric(
    "track_apply_failed",
    _G,
    "Whether the kernel refuses now to lead the service address where it should lead.",
    _ADDRESS,
)
APPLIES_REFUSED = Metric(
    "track_applies_refused",
    _C,
    "Changes of where the service address leads that were refused; each is tried again.",
    _ADDRESS,
)

ALL: tuple[Metric, ...] = (
    common.BUILD,
    *(value for value in globals().values() if isinstance(value, Metric)),
    common.NOTICES,
    common.LOOP_LAG,
    common.REFUSED,
    common.CPU,
    common.MEMORY,
    common.OPEN_FDS,
    common.MAX_FDS,
    common.THREADS,
    common.START,
)
"""In the order in which they are shown."""

OURS: tuple[Metric, ...] = tuple(metric for metric in ALL if metric.name.startswith("track_"))
"""Those that a wrapper does not have."""
