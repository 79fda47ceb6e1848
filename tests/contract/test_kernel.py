"""What the supervisor may rely on, whichever adapter is behind `ports.Kernel`."""

import asyncio
import contextlib
from ipaddress import ip_address, ip_network

import pytest

from anycast_wrapper.core.model import Link
from anycast_wrapper.kernel import withdraw_all
from anycast_wrapper.ports import KernelError
from tests.contract.kernel_worlds import DEFAULT4, DEFAULT6, Memory, namespace, simulated

V4 = ip_address("192.0.2.53")
V6 = ip_address("2001:db8:53::53")
LIMIT = 5.0


@pytest.fixture(
    params=["memory", pytest.param("linux", marks=pytest.mark.root), "freebsd"],
)
def world(request, tmp_path):
    if request.param == "memory":
        yield Memory()
    elif request.param == "linux":
        with namespace() as linux:
            yield linux
    else:
        with simulated(tmp_path) as freebsd:
            yield freebsd


@pytest.fixture
def making(world):
    """A world whose adapter makes interfaces and switches by link."""
    if not world.makes:
        pytest.skip("this system's adapter makes no interfaces")
    return world


@contextlib.asynccontextmanager
async def opened(world):
    kernel = world.kernel()
    try:
        yield kernel
    finally:
        await kernel.close()


@contextlib.asynccontextmanager
async def ready(world):
    """An adapter with every interface there and up."""
    async with opened(world) as kernel:
        for card in world.cards:
            await kernel.create(card.name)
            await kernel.up(card.name)
        yield kernel


async def seen(kernel, name):
    return (await kernel.observe()).links.get(name)


def test_nothing_is_shown_of_what_does_not_exist(making):
    async def scenario():
        async with opened(making) as kernel:
            assert (await kernel.observe()).links == {}

    asyncio.run(scenario())


def test_created_is_down_and_empty(making):
    async def scenario():
        async with opened(making) as kernel:
            for card in making.cards:
                await kernel.create(card.name)
            links = (await kernel.observe()).links
            assert links == {card.name: Link(up=False) for card in making.cards}

    asyncio.run(scenario())


def test_create_keeps_what_is_there(world):
    async def scenario():
        async with ready(world) as kernel:
            for card in world.cards:
                await kernel.add(card.name, V4)
                await kernel.create(card.name)
                assert await seen(kernel, card.name) == Link(up=True, addresses=frozenset({V4}))

    asyncio.run(scenario())


def test_up_and_down_are_idempotent(making):
    async def scenario():
        async with ready(making) as kernel:
            for card in making.cards:
                await kernel.up(card.name)
                assert (await seen(kernel, card.name)).up
                await kernel.down(card.name)
                await kernel.down(card.name)
                assert not (await seen(kernel, card.name)).up

    asyncio.run(scenario())


def test_a_link_that_goes_down_keeps_ipv4_and_loses_ipv6(making):
    async def scenario():
        async with ready(making) as kernel:
            name = making.cards[0].name
            await kernel.add(name, V4)
            await kernel.add(name, V6)
            await kernel.down(name)
            assert (await seen(kernel, name)).addresses == {V4}
            await kernel.add(name, V6)
            await kernel.up(name)
            assert (await seen(kernel, name)).addresses == {V4, V6}

    asyncio.run(scenario())


def test_an_interface_that_is_switched_by_address_is_never_set_down(world):
    if world.makes:
        pytest.skip("this world's interfaces are switched by link")

    async def scenario():
        async with ready(world) as kernel:
            with pytest.raises(KernelError, match="lo1"):
                await kernel.down("lo1")
            assert (await seen(kernel, "lo1")).up

    asyncio.run(scenario())


def test_addresses_come_and_go_idempotently(world):
    async def scenario():
        async with ready(world) as kernel:
            for card in world.cards:
                for address in (V4, V6, V4, V6):
                    await kernel.add(card.name, address)
                assert (await seen(kernel, card.name)).addresses == {V4, V6}
            name = world.cards[0].name
            for address in (V4, V4, V6, V6):
                await kernel.remove(name, address)
            assert (await seen(kernel, name)).addresses == frozenset()
            for card in world.cards[1:]:  # the same address elsewhere is untouched
                assert (await seen(kernel, card.name)).addresses == {V4, V6}

    asyncio.run(scenario())


def test_what_does_not_exist_can_be_taken_down_but_not_up(world):
    async def scenario():
        async with ready(world) as kernel:
            name = world.cards[0].name
            world.remove_link(name)
            await kernel.remove(name, V4)
            await kernel.delete(name)
            if world.makes:
                await kernel.down(name)
            for attempt in (kernel.up(name), kernel.add(name, V4)):
                with pytest.raises(KernelError, match=name):
                    await attempt

    asyncio.run(scenario())


def test_what_is_not_ours_is_refused(world):
    async def scenario():
        async with opened(world) as kernel:
            attempts = (kernel.create, kernel.delete, kernel.up, kernel.down)
            for attempt in attempts:
                with pytest.raises(KernelError, match="other0"):
                    await attempt("other0")
            for attempt in (kernel.add, kernel.remove):
                with pytest.raises(KernelError, match="other0"):
                    await attempt("other0", V4)

    asyncio.run(scenario())


def test_delete_leaves_no_address_of_ours(world):
    async def scenario():
        async with ready(world) as kernel:
            for card in world.cards:
                await kernel.add(card.name, V4)
                await kernel.delete(card.name)
                await kernel.delete(card.name)
                link = await seen(kernel, card.name)
                assert (link is None) is world.makes
                assert link is None or V4 not in link.addresses

    asyncio.run(scenario())


def test_an_interface_removed_by_someone_else_is_made_again(making):
    async def scenario():
        async with ready(making) as kernel:
            for card in making.cards:
                making.remove_link(card.name)
                assert await seen(kernel, card.name) is None
                await kernel.create(card.name)
                assert await seen(kernel, card.name) == Link(up=False)
                await kernel.up(card.name)
                assert (await seen(kernel, card.name)).up

    asyncio.run(scenario())


def test_an_existing_interface_must_exist(world):
    if world.makes:
        pytest.skip("this world's interfaces are made")

    async def scenario():
        async with opened(world) as kernel:
            world.remove_link("lo1")
            with pytest.raises(KernelError, match="lo1 does not exist"):
                await kernel.create("lo1")

    asyncio.run(scenario())


def test_ranks_end_with_the_adapter_and_the_hold_stays(making):
    preferred, last_resort, hold = (card.name for card in making.cards)

    async def scenario():
        async with ready(making) as kernel:
            for name in (preferred, last_resort, hold):
                await kernel.add(name, V4)
        async with opened(making) as successor:
            links = (await successor.observe()).links
            assert links == {hold: Link(up=True, addresses=frozenset({V4}))}
            await successor.create(hold)
            assert await seen(successor, hold) == links[hold]

    asyncio.run(scenario())


def test_abandon_needs_no_loop(making):
    kernels = []

    async def leave():
        kernels.append(making.kernel())
        await kernels[0].create(making.cards[0].name)
        await kernels[0].up(making.cards[0].name)
        kernels[0].abandon()
        assert await seen(kernels[0], making.cards[0].name) is None
        await kernels[0].close()

    asyncio.run(leave())


def test_a_rank_that_another_process_has_is_refused_and_unharmed(making):
    name = making.cards[0].name

    async def scenario():
        async with ready(making) as owner, opened(making) as other:
            with pytest.raises(KernelError, match=f"{name}.*has it open"):
                await other.create(name)
            assert (await seen(owner, name)).up

    asyncio.run(scenario())


def test_addresses_elsewhere_are_found(world):
    async def scenario():
        async with ready(world) as kernel:
            foreign = "uplink" if world.makes else "em0"
            world.place(foreign, V4)
            world.place(world.cards[0].name, V6)
            assert await kernel.elsewhere([V4, V6]) == {V4: foreign}
            assert await kernel.elsewhere([V6]) == {}

    asyncio.run(scenario())


def test_required_routes_are_shown_and_no_others(world):
    other, wider = ip_network("198.51.100.0/24"), ip_network("198.51.0.0/16")

    async def scenario():
        async with ready(world) as kernel:
            await kernel.require([DEFAULT4, DEFAULT6, other])
            assert (await kernel.observe()).routes == frozenset()
            for route in (DEFAULT4, DEFAULT6, wider):
                world.add_route(route)
            assert (await kernel.observe()).routes == {DEFAULT4, DEFAULT6}
            world.add_route(other)
            assert (await kernel.observe()).routes == {DEFAULT4, DEFAULT6, other}
            await kernel.require([other])
            assert (await kernel.observe()).routes == {other}

    asyncio.run(scenario())


class Told:
    """Counts calls; `after` waits until there is another one."""

    def __init__(self):
        self._event = asyncio.Event()

    def __call__(self):
        self._event.set()

    async def after(self, kernel, holds):
        """Wait until an observation that followed a call holds."""
        async with asyncio.timeout(LIMIT):
            while True:
                await self._event.wait()
                self._event.clear()
                if holds(await kernel.observe()):
                    return


def test_every_change_is_reported(world):
    name = world.cards[0].name

    async def scenario():
        async with ready(world) as kernel:
            told = Told()
            await kernel.require([DEFAULT4])
            await kernel.watch(told)
            await kernel.add(name, V4)
            await told.after(kernel, lambda o: V4 in o.links[name].addresses)
            world.place(name, V6)
            await told.after(kernel, lambda o: V6 in o.links[name].addresses)
            world.add_route(DEFAULT4)
            await told.after(kernel, lambda o: DEFAULT4 in o.routes)
            world.remove_route(DEFAULT4)
            await told.after(kernel, lambda o: not o.routes)
            world.remove_link(name)
            await told.after(kernel, lambda o: name not in o.links)

    asyncio.run(scenario())


def test_a_route_required_later_is_reported_as_well(world):
    async def scenario():
        async with ready(world) as kernel:
            told = Told()
            await kernel.watch(told)
            assert (await kernel.observe()).routes == frozenset()
            await kernel.require([DEFAULT6])
            world.add_route(DEFAULT6)
            await told.after(kernel, lambda o: DEFAULT6 in o.routes)

    asyncio.run(scenario())


def test_nothing_is_reported_after_close(world):
    calls = []

    async def scenario():
        kernel = world.kernel()
        await kernel.watch(lambda: calls.append(1))
        await kernel.close()
        await kernel.close()
        calls.clear()
        world.add_route(DEFAULT4)
        await asyncio.sleep(0)

    asyncio.run(scenario())
    assert calls == []


def test_withdraw_from_outside(world):
    ranks = [card.name for card in world.cards if card.name != "anycast-hold"]

    async def scenario():
        async with ready(world), opened(world) as other:
            for card in world.cards:
                world.place(card.name, V4)
            done = await withdraw_all(other, world.cards, [V4])
            links = (await other.observe()).links
            for name in ranks:
                assert any(name in sentence for sentence in done)
                assert not links[name].up or V4 not in links[name].addresses
            if "anycast-hold" in links:
                assert V4 in links["anycast-hold"].addresses

    asyncio.run(scenario())


def test_withdraw_says_nothing_where_nothing_is(world):
    async def scenario():
        async with opened(world) as kernel:
            assert await withdraw_all(kernel, world.cards, [V4]) == ()

    asyncio.run(scenario())
