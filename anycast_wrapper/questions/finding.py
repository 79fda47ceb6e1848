"""What an answer amounts to, or that there is none."""

from dataclasses import dataclass

from anycast_wrapper.core.model import Reason


@dataclass(frozen=True)
class Finding:
    """`Reason.HEALTHY` or what is wrong, and words for people.

    Attributes:
        truncated: it is wrong only as far as could be seen: TC says that there is more.
    """

    reason: Reason
    detail: str
    truncated: bool = False


def hurried(finding: Finding, latency: float, max_latency: float | None) -> Finding:
    """Hold a good answer to a bound of seconds."""
    if finding.reason is not Reason.HEALTHY or max_latency is None or latency <= max_latency:
        return finding
    words = f"{finding.detail} after {latency * 1000:.0f} ms, over {max_latency * 1000:g}"
    return Finding(Reason.PROBE_SLOW, words)
