"""Which service addresses a configuration is begun with, and which are refused."""

from collections.abc import Collection, Sequence

from anycast_wrapper.config.schema import LOOPBACK
from anycast_wrapper.config.values import host_address
from anycast_wrapper.core.model import Address
from anycast_wrapper.doctor.facts import Interface
from anycast_wrapper.errors import AnycastWrapError


class RefusedAddressError(AnycastWrapError):
    """An address cannot be a service address here; one line for each."""


def accepted(
    given: Sequence[str], interfaces: Sequence[Interface], ours: Collection[str]
) -> tuple[Address, ...]:
    """The addresses, in their order.

    Args:
        given: as they were written.
        interfaces: of this host.
        ours: those on which a service address may be.

    Raises:
        RefusedAddressError: with every reason.
    """
    found: list[Address] = []
    problems: list[str] = []
    for text in given:
        try:
            address = host_address(text)
        except ValueError as error:
            problems.append(f"{_shown(text)}: expected {error}")
            continue
        if address in found:
            problems.append(f"{address}: given twice")
        elif where := _on(address, interfaces, ours):
            problems.append(where)
        found.append(address)
    if problems:
        raise RefusedAddressError("\n".join(problems))
    return tuple(found)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def _on(address: Address, interfaces: Sequence[Interface], ours: Collection[str]) -> str | None:
    """Why an address cannot be anycast: it is, or belongs, on a LAN of this host."""
    for interface in interfaces:
        if interface.name in ours:
            continue
        for one in interface.addresses:
            # On a loopback it may well be: that is where other tools have it.
            if one.ip == address and not LOOPBACK.fullmatch(interface.name):
                return (
                    f"{address}: is this host's own address, on {interface.name}; a service "
                    "address is on no LAN, as every node has it"
                )
            if one.network.prefixlen < one.max_prefixlen and address in one.network:
                return (
                    f"{address}: is in {one.network}, the subnet of {interface.name}; its "
                    "neighbours would look for it there, and not ask the routers"
                )
    return None
