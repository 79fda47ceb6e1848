"""The making and unmaking of our interfaces on Linux, each by its card."""

from collections.abc import Collection

from anycast_wrapper.core.model import Address, Switch
from anycast_wrapper.ports import KernelError

from . import sysctl, tap
from .cards import Card, Kind, Role
from .devices import Device
from .requests import Requests

_OURS_TO_MAKE = ("tap", "dummy")


class Making:
    """Makes interfaces, and owns the TAPs that end with this process.

    Args:
        requests: how the kernel is asked.
    """

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._taps: dict[str, tap.Tap] = {}

    async def create(self, card: Card) -> None:
        """Make the interface, or take over what is there; see `LinuxKernel.create`."""
        if card.kind is Kind.EXISTING:
            await self._require_existing(card)
        elif card.role is Role.HOLD:
            await self._create_hold(card)
        elif card.kind is Kind.TAP:
            await self._create_rank_tap(card.name)
        else:
            await self._create_rank_dummy(card.name)

    async def delete(self, card: Card, ours: Collection[Address]) -> None:
        """Remove the interface, or the addresses that are ours; see `LinuxKernel.delete`."""
        name = card.name
        held = self._taps.pop(name, None)
        if held is not None:
            held.close()
        device = await self._requests.device(name)
        if device is None:
            return
        if card.role is Role.RANK and card.switch is Switch.LINK:
            await self._requests.set_down(name)  # everything at once, before the rest
        if card.kind is Kind.EXISTING or device.kind not in _OURS_TO_MAKE:
            for placed in await self._requests.placed():
                if placed.index == device.index and placed.address in ours:
                    await self._requests.remove(name, placed.address)
        elif card.role is Role.RANK and device.kind == "tap" and device.carrier:
            raise KernelError(f"{name} is down, but {tap.holder(name)} has it open")
        else:
            await self._requests.unmake(name)

    def usurped(self, name: str) -> bool:
        """Whether a TAP that we made is gone, even if something else bears its name now."""
        held = self._taps.get(name)
        return held is not None and not held.alive()

    def abandon(self) -> None:
        """Close every TAP: the kernel removes those that are not persistent."""
        while self._taps:
            self._taps.popitem()[1].close()

    async def _require_existing(self, card: Card) -> None:
        device = await self._requests.device(card.name)
        if device is None:
            raise KernelError(f"{card.name} does not exist, and is configured as existing")
        if card.role is Role.HOLD and device.carrier:
            raise leak(card.name, device)

    async def _create_rank_tap(self, name: str) -> None:
        held = self._taps.get(name)
        if held is not None:
            if held.alive():
                return
            del self._taps[name]
            held.close()
        device = await self._requests.device(name)
        if device is not None:
            if device.kind != "tap":
                raise KernelError(_in_the_way(name, device, "TAP"))
            if device.carrier:
                raise KernelError(f"cannot create TAP {name}: {tap.holder(name)} has it open")
            await self._requests.unmake(name)
        self._taps[name] = tap.make(name)
        sysctl.apply(name, sysctl.RANK_SETTINGS)

    async def _create_rank_dummy(self, name: str) -> None:
        device = await self._requests.device(name)
        if device is None:
            await self._requests.make_dummy(name)
            sysctl.apply(name, sysctl.RANK_SETTINGS)
        elif device.kind != "dummy":
            raise KernelError(_in_the_way(name, device, "dummy"))

    async def _create_hold(self, card: Card) -> None:
        device = await self._requests.device(card.name)
        if device is None:
            if card.kind is Kind.TAP:
                made = tap.make(card.name)
                try:
                    made.persist()
                finally:
                    made.close()
            else:
                await self._requests.make_dummy(card.name)
                await self._requests.carrier_off(card.name)
            await self._requests.dormant(card.name)
            sysctl.apply(card.name, sysctl.HOLD_SETTINGS)
            device = await self._requests.device(card.name)
        if device is None:
            raise KernelError(f"{card.name} vanished as soon as it was made")
        if device.carrier:
            raise leak(card.name, device)
        if device.kind not in _OURS_TO_MAKE:
            raise KernelError(_in_the_way(card.name, device, card.kind))


def leak(name: str, device: Device) -> KernelError:
    """The error for a hold that has carrier."""
    who = f"; {tap.holder(name)} has it open" if device.kind == "tap" else ""
    return KernelError(
        f"{name} has carrier{who}: every routing daemon would announce what is held on it"
    )


def _in_the_way(name: str, device: Device, wanted: str) -> str:
    return f"cannot create {wanted} {name}: it exists and is {device.kind or 'hardware'}"
