"""Take everything down from outside: for the ``withdraw`` command, when the owner is dead or deaf.

It needs nothing but the port, so it is the same on every system.
"""

from collections.abc import Collection, Sequence

from anycast_wrapper.core.model import Address, Switch
from anycast_wrapper.ports import Kernel, KernelError

from .cards import Card, Kind, Role


async def withdraw_all(
    kernel: Kernel, cards: Sequence[Card], addresses: Collection[Address]
) -> tuple[str, ...]:
    """Withdraw every service address, by whatever announces it; the hold is left as it is.

    A TAP that a living process has open is set down, and stays. A failure is one of the
    sentences and keeps nothing else from being withdrawn.

    Args:
        kernel: an adapter with the same cards, which need not be the one that made the
            interfaces.
        cards: our interfaces.
        addresses: the service addresses.

    Returns:
        What was done, one sentence each; nothing if there was nothing to do.

    Raises:
        KernelError: the kernel does not even show what there is.
    """
    links = (await kernel.observe()).links
    done: list[str] = []
    ranks = [card for card in cards if card.role is Role.RANK and card.name in links]
    # Links first: one event each, and everything on them is withdrawn.
    for card in ranks:
        if card.switch is Switch.LINK and links[card.name].up:
            try:
                await kernel.down(card.name)
                done.append(f"{card.name} set down")
            except KernelError as error:
                done.append(str(error))
    for card in ranks:
        link = links[card.name]
        if card.switch is Switch.LINK:
            if card.kind is not Kind.EXISTING or link.addresses & set(addresses):
                done += await _delete(kernel, card)
        else:
            done += await _take_off(kernel, card, link.addresses & set(addresses))
    return tuple(done)


async def _delete(kernel: Kernel, card: Card) -> list[str]:
    try:
        await kernel.delete(card.name)
        after = (await kernel.observe()).links
    except KernelError as error:
        return [str(error)]
    return [f"{card.name} removed"] if card.name not in after else [f"{card.name} emptied"]


async def _take_off(kernel: Kernel, card: Card, addresses: Collection[Address]) -> list[str]:
    done = []
    for address in sorted(addresses, key=lambda a: (a.version, a)):
        try:
            await kernel.remove(card.name, address)
            done.append(f"{address} taken off {card.name}")
        except KernelError as error:
            done.append(str(error))
    return done
