"""Whom a browser believes to be talking to.

A web site can let its own name resolve to 127.0.0.1, and then its scripts may read what we say to
whoever asks on this machine ("DNS rebinding"). Such a request names that site in its Host field
(RFC 9110, 7.2). So what comes in over a loopback address must name an address or ``localhost``. To
what listens elsewhere people give names that we cannot know, and whoever can send us a packet there
needs no browser to read the answer.
"""

from contextlib import suppress
from ipaddress import ip_address


def allowed(host: str | None, local: str) -> bool:
    """Whether a request is meant for us.

    Args:
        host: the Host field, or None where there is none (HTTP/1.0).
        local: our own address on the connection.
    """
    if host is None or not _is_loopback(local):
        return True
    name = _without_port(host.strip()).rstrip(".").lower()
    return name == "localhost" or name.endswith(".localhost") or _is_address(name)


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host


def _is_address(text: str) -> bool:
    with suppress(ValueError):
        ip_address(text)
        return True
    return False


def _is_loopback(text: str) -> bool:
    with suppress(ValueError):
        return ip_address(text.partition("%")[0]).is_loopback
    return False
