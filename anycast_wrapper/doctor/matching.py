"""BIND's address match lists, as far as they can be told from outside (BIND 9 ARM, 6.1)."""

from ipaddress import ip_network

from anycast_wrapper.core.model import Address

from .namedconf import Block, Statement, named

_EVERYTHING = {"any", "localhost", "localnets"}
"""``localhost`` and ``localnets`` are every address of this host: that of an interface matches."""

MAX_DEPTH = 20
"""Lists within lists; a list that names itself goes on for ever."""


def matches(elements: Block, address: Address, whole: Block, depth: int = 0) -> bool | None:
    """Whether an address of this host is in a list: the first element that it fits decides.

    Args:
        elements: the list.
        address: one that is, or will be, on an interface of this host.
        whole: the configuration, for the lists that are called by name (``acl``).
        depth: how many lists this one is in.

    Returns:
        True if it is in it; False if an element excludes it; None if no element fits.
    """
    if depth > MAX_DEPTH:
        return None
    for element in elements:
        words = list(element.words)
        negated = bool(words) and words[0].startswith("!")
        if negated:
            words[0] = words[0].removeprefix("!")
        words = [word for word in words if word]
        if _fits(Statement(tuple(words), element.block), address, whole, depth):
            return not negated
    return None


def _fits(element: Statement, address: Address, whole: Block, depth: int) -> bool:
    if element.block is not None:
        return matches(element.block, address, whole, depth + 1) is True
    name = element.name
    if name in _EVERYTHING:
        return True
    if name in ("", "none", "key"):
        return False
    try:
        network = ip_network(name, strict=False)
    except ValueError:
        lists = [acl.block or () for acl in named(whole, "acl") if acl.value == name]
        return any(matches(one, address, whole, depth + 1) is True for one in lists)
    return network.version == address.version and address in network
