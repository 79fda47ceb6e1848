"""What every `Forwarding` has to do, on every kernel: the fake one and the real ones."""

import asyncio
import contextlib
from dataclasses import replace

import pytest

from anycast_wrapper.gateway.ports import ForwardingError
from tests.contract.forwarding_worlds import OTHER4, V4, V6, parameters

LIMIT = 5.0


@pytest.fixture(params=parameters())
def world(request):
    with request.param() as made:
        yield made


@contextlib.asynccontextmanager
async def opened(world):
    forwarding = world.forwarding()
    try:
        yield forwarding
    finally:
        await forwarding.close()


def weights(members):
    return {one.address: one.weight for one in members}


def test_nothing_is_found_where_nothing_was_left(world):
    async def scenario():
        async with opened(world) as forwarding:
            assert await forwarding.adopt() == {}
            assert forwarding.means(V4) is None

    asyncio.run(scenario())


@pytest.mark.parametrize("address", [V4, V6])
def test_an_address_leads_to_exactly_its_members(world, address):
    servers = world.servers[address.version]

    async def scenario():
        async with opened(world) as forwarding:
            await forwarding.adopt()
            for members in (servers, servers[:1], servers[1:3], servers):
                for _ in range(2):  # idempotent
                    assert await forwarding.apply(address, members) == ()
                    assert world.leads(address) == weights(members)
                    assert forwarding.means(address)
            for _ in range(2):
                assert await forwarding.apply(address, ()) == ()
                assert world.leads(address) == {}
                assert forwarding.means(address) is None

    asyncio.run(scenario())


def test_to_send_nobody_where_nobody_was_sent_is_no_error(world):
    async def scenario():
        async with opened(world) as forwarding:
            assert await forwarding.apply(V4, ()) == ()

    asyncio.run(scenario())


def test_weights_are_what_was_asked_for_and_can_change(world):
    one, two, *_ = world.servers[4]

    async def scenario():
        async with opened(world) as forwarding:
            for weight in (1, 10, 255, 3):
                members = (replace(one, weight=weight), two)
                await forwarding.apply(V4, members)
                assert world.leads(V4) == weights(members)

    asyncio.run(scenario())


def test_a_member_without_weight_gets_nothing_new(world):
    one, two, *_ = world.servers[4]
    drained = replace(two, weight=0)

    async def scenario():
        async with opened(world) as forwarding:
            await forwarding.apply(V4, (one, two))
            await forwarding.apply(V4, (one, drained))
            kept = weights((one, drained)) if world.keeps_weightless else weights((one,))
            assert world.leads(V4) == kept
            await forwarding.apply(V4, (one,))
            assert world.leads(V4) == weights((one,))

    asyncio.run(scenario())


def test_members_without_weight_alone_get_nothing_new(world):
    drained = tuple(replace(one, weight=0) for one in world.servers[4][:2])

    async def scenario():
        async with opened(world) as forwarding:
            await forwarding.apply(V4, world.servers[4][:2])
            await forwarding.apply(V4, drained)
            assert world.leads(V4) == (weights(drained) if world.keeps_weightless else {})

    asyncio.run(scenario())


def test_addresses_do_not_mind_each_other(world):
    async def scenario():
        async with opened(world) as forwarding:
            four, six = world.servers[4], world.servers[6]
            await forwarding.apply(V4, four)
            await forwarding.apply(OTHER4, four[:2])
            await forwarding.apply(V6, six[:3])
            await forwarding.apply(V4, ())
            assert world.leads(V4) == {}
            assert world.leads(OTHER4) == weights(four[:2])
            assert world.leads(V6) == weights(six[:3])

    asyncio.run(scenario())


def test_what_was_applied_outlives_the_adapter_and_is_found_as_it_is(world):
    four, six = world.servers[4][:3], world.servers[6][:2]

    async def scenario():
        async with opened(world) as forwarding:
            await forwarding.apply(V4, four)
            await forwarding.apply(V6, six)
        async with opened(world) as successor:
            found = {
                address: set(servers) for address, servers in (await successor.adopt()).items()
            }
            assert found == {V4: {m.address for m in four}, V6: {m.address for m in six}}
            assert world.leads(V4) == weights(four)
            assert world.leads(V6) == weights(six)

    asyncio.run(scenario())


@pytest.mark.parametrize("address", [V4, V6])
def test_a_successor_goes_on_from_there(world, address):
    servers = world.servers[address.version]

    async def scenario():
        async with opened(world) as forwarding:
            await forwarding.apply(address, servers[:3])
        async with opened(world) as successor:
            await successor.adopt()
            await successor.apply(address, servers[1:])
            assert world.leads(address) == weights(servers[1:])
        async with opened(world) as last:
            await last.adopt()
            await last.apply(address, ())
            assert world.leads(address) == {}
        async with opened(world) as nobody:
            assert await nobody.adopt() == {}

    asyncio.run(scenario())


def test_what_somebody_else_made_is_never_touched(world):
    async def scenario():
        async with opened(world) as forwarding:
            world.occupy(V4)
            with pytest.raises(ForwardingError, match=str(V4)):
                await forwarding.apply(V4, world.servers[4])
            assert world.occupied(V4)
            await forwarding.apply(V4, ())
            assert world.occupied(V4)
            assert V4 not in await forwarding.adopt()
            await forwarding.apply(OTHER4, world.servers[4])
            assert world.leads(OTHER4) == weights(world.servers[4])

    asyncio.run(scenario())


@pytest.mark.parametrize("address", [V4, V6])
def test_a_member_that_cannot_be_one_is_left_out_and_the_others_serve(world, address):
    far = world.unreachable.get(address.version)
    if far is None:
        pytest.skip("this adapter cannot tell")
    servers = world.servers[address.version][:2]

    async def scenario():
        async with opened(world) as forwarding:
            (left,) = await forwarding.apply(address, (servers[0], far, servers[1]))
            assert left.server == far.server
            assert left.detail
            assert world.leads(address) == weights(servers)
            (left,) = await forwarding.apply(address, (far,))
            assert left.server == far.server
            assert world.leads(address) == {}
            assert forwarding.means(address) is None

    asyncio.run(scenario())


class Told:
    """Waits for a call."""

    def __init__(self):
        self.event = asyncio.Event()

    def __call__(self):
        self.event.set()

    async def once(self):
        async with asyncio.timeout(LIMIT):
            await self.event.wait()
        self.event.clear()


def test_a_loss_is_reported_and_can_be_made_good(world):
    async def scenario():
        async with opened(world) as forwarding:
            told = Told()
            await forwarding.watch(told)
            await forwarding.apply(V4, world.servers[4])
            told.event.clear()
            world.lose(V4)
            await told.once()
            await forwarding.apply(V4, world.servers[4])
            assert world.leads(V4) == weights(world.servers[4])

    asyncio.run(scenario())


def test_nothing_is_reported_after_the_end(world):
    calls = []

    async def scenario():
        forwarding = world.forwarding()
        await forwarding.watch(lambda: calls.append(1))
        await forwarding.apply(V4, world.servers[4])
        await forwarding.close()
        await forwarding.close()
        calls.clear()
        world.lose(V4)
        await asyncio.sleep(0)

    asyncio.run(scenario())
    assert calls == []
