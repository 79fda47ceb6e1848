"""What is asked and what is answered: values, so that whoever answers needs no web framework."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from anycast_wrapper.core.model import Address

Place = tuple[Address, int]
"""Where to listen: an address and a TCP port."""

NOTHING = "default-src 'none'"
"""A Content-Security-Policy for what is no page: nothing may be loaded, nothing run."""

SECURITY = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "Server": "anycast-wrap",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    },
)
"""Header fields of every answer (Fetch standard; RFC 7034)."""


@dataclass(frozen=True)
class Asked:
    """A GET or HEAD request.

    Attributes:
        path: decoded, such as ``/metrics``.
        query: the fields after the question mark; of one that is repeated, the first.
        accept: the Accept field, or nothing.
    """

    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    accept: str = ""


@dataclass(frozen=True)
class Answer:
    """What comes back.

    Attributes:
        content_type: with its charset, if it is text.
        policy: the Content-Security-Policy; ``frame-ancestors 'none'`` is added to it.
        headers: further fields.
    """

    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200
    policy: str = NOTHING
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def fields(self) -> dict[str, str]:
        """Every header field but the length."""
        return {
            **SECURITY,
            "Content-Security-Policy": f"{self.policy}; frame-ancestors 'none'",
            "Content-Type": self.content_type,
            **self.headers,
        }


Handler = Callable[[Asked], Awaitable[Answer]]
"""Answers one path. It must be quick, and hold nothing open: who wants to know more asks again."""

Routes = Mapping[str, Handler]
"""Handlers by their path, compared as a whole: no path is ever looked for anywhere else."""


def sentence(status: int, words: str, **headers: str) -> Answer:
    """An answer that is a sentence for people; an underscore in a header's name is a dash."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(f"{words}\n".encode(), status=status, headers=fields)
