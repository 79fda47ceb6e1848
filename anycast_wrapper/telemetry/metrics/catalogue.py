"""Every metric: its name, its type, its labels and what it means.

Names are by Prometheus' rules (https://prometheus.io/docs/practices/naming/): one prefix, base
units, ``_total`` for what only grows. They are a contract, as the keys of the configuration are.
Labels can only take values that the configuration or this program names, so there are no more
series than these allow.
"""

from dataclasses import dataclass
from enum import StrEnum

PREFIX = "anycast_wrap_"


class Kind(StrEnum):
    """The types of Prometheus that we use."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"
    INFO = "info"


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: without the prefix, and without the suffix that its type adds.
        help: one sentence; shown by Prometheus and in docs/metrics.rst.
        labels: names of its labels.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """With the prefix, as a client library wants to have it."""
        return PREFIX + self.name

    @property
    def shown(self) -> str:
        """With the suffix of its type, as it is asked for in Prometheus."""
        suffixes = {Kind.COUNTER: "_total", Kind.INFO: "_info"}
        return self.family + suffixes.get(self.kind, "")


_G, _C, _H = Kind.GAUGE, Kind.COUNTER, Kind.HISTOGRAM
_SERVICE, _ADDRESS, _PROBE = ("service",), ("service", "address"), ("service", "probe")

BUILD = Metric(
    "build",
    Kind.INFO,
    "Version of anycast-wrap and of the Python that it runs on; always 1.",
    ("version", "python"),
)

# --- the node ---

STATE = Metric(
    "state",
    _G,
    "1 for the state that the node is in, 0 for every other: announced, degraded, "
    "partly-announced, withdrawn, drained, stopping.",
    ("state",),
)
SETTLED = Metric(
    "settled", _G, "Whether every service stands where it should, and nothing is about to change."
)
DRAINED = Metric("drained", _G, "Whether an operator has drained the node.")
MISSING_ROUTES = Metric(
    "required_routes_missing", _G, "Routes of require-route that the kernel does not have."
)

# --- services and addresses ---

RANK = Metric(
    "service_rank",
    _G,
    "Rank of the service here, by our interfaces: 0 withdrawn, 1 last-resort, 2 preferred. Of "
    "several addresses, the weakest counts.",
    _SERVICE,
)
WANTED = Metric(
    "service_wanted_rank",
    _G,
    "The rank that everything together allows, as service_rank.",
    _SERVICE,
)
CEILING = Metric(
    "service_ceiling",
    _G,
    "The strongest rank that the service takes on this node by its configuration, as service_rank.",
    _SERVICE,
)
REASON = Metric(
    "service_reason",
    _G,
    "Always 1; the label says why the service has the rank that it has. Only the reason of the "
    "moment is shown.",
    (*_SERVICE, "reason"),
)
TRANSITIONS = Metric(
    "service_transitions",
    _C,
    "Changes of a service's rank, or of the reason for it, since the wrapper started.",
    (*_SERVICE, "from", "to", "reason"),
)
WITHDRAWALS = Metric(
    "service_withdrawals",
    _C,
    "How often the service was withdrawn after it had been announced. Planned (true): by an "
    "operator, who drained or stopped the node; false: for any other reason.",
    (*_SERVICE, "planned"),
)
ADDRESS_RANK = Metric("address_rank", _G, "Rank of one address, as service_rank.", _ADDRESS)
HELD = Metric(
    "address_held", _G, "Whether the address is on the hold, so that the server has it.", _ADDRESS
)
ORIGINATED = Metric(
    "address_originated",
    _G,
    "Whether OSPF originates the address by its own link-state database: the truth about the "
    "announcement. Absent while the routing daemon does not say.",
    _ADDRESS,
)
ROUTING_UP = Metric(
    "routing_up", _G, "Whether the routing daemon answered when it was last asked.", ("ip_version",)
)
ROUTING_AGE = Metric("routing_age_seconds", _G, "How long ago the routing daemons were last asked.")

# --- probes ---

PROBE_UP = Metric(
    "probe_up", _G, "Whether the probe vouches for its service: up, or not down yet.", _PROBE
)
PROBE_RESULTS = Metric(
    "probe_results",
    _C,
    "Results of the probe by their reason; healthy is a good one. A result that nothing was made "
    "of is not counted: the configuration, the daemon or the question was another by then.",
    (*_PROBE, "reason"),
)
PROBE_DURATION = Metric(
    "probe_duration_seconds",
    _H,
    "From asking to the result, good or bad, of all addresses and transports of the probe "
    "together.",
    _PROBE,
)

# --- the daemon, the kernel, what helps ---

DAEMON_UP = Metric("daemon_up", _G, "Whether the daemon runs and is ready.")
DAEMON_RESTARTS = Metric(
    "daemon_restarts", _C, "Starts of the daemon after one that ended by itself."
)
REFUSALS = Metric(
    "kernel_refusals",
    _C,
    "Changes of an interface or an address that the kernel refused; each is tried again.",
)
INTERFACE_FAILED = Metric(
    "interface_failed",
    _G,
    "Whether the kernel refuses to change the interface now.",
    ("interface",),
)
NOTICES = Metric(
    "notices",
    _C,
    "Events in the log that are no change of a service, by their name there.",
    ("event",),
)
QUERIES = Metric(
    "queries",
    _C,
    "Packets over UDP and connections over TCP that came in for the address. Absent without "
    "metrics.count-queries.",
    ("address", "transport"),
)
REROUTED = Metric(
    "rerouted_packets",
    _C,
    "Packets that were sent to another node instead of being lost here. Absent without [reroute].",
    ("address",),
)

# --- ourselves ---

LOOP_LAG = Metric(
    "loop_lag_seconds",
    _H,
    "How late the loop that announces and withdraws came, sampled twice a second.",
)
REFUSED = Metric(
    "http_refused_connections",
    _C,
    "Connections to this listener that were not served, as there were too many at once.",
)

# --- processes ---

_PROCESS = ("process",)
CPU = Metric(
    "process_cpu_seconds",
    _C,
    "CPU time, user and system. The process is wrapper or daemon here and below; what cannot be "
    "read of it is absent.",
    _PROCESS,
)
MEMORY = Metric("process_resident_memory_bytes", _G, "Resident memory.", _PROCESS)
OPEN_FDS = Metric("process_open_fds", _G, "Open file descriptors.", _PROCESS)
MAX_FDS = Metric("process_max_fds", _G, "File descriptors that it may open (soft limit).", _PROCESS)
THREADS = Metric("process_threads", _G, "Threads.", _PROCESS)
START = Metric(
    "process_start_time_seconds", _G, "When it started, in seconds since 1970.", _PROCESS
)

ALL: tuple[Metric, ...] = tuple(value for value in globals().values() if isinstance(value, Metric))
"""In the order in which they are shown."""
