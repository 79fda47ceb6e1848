"""Routes by next-hop objects, on a real kernel in a namespace of the test's."""

import asyncio
import contextlib
import errno
import logging
from ipaddress import ip_address
from pathlib import Path

import pytest

from anycast_wrapper.gateway.exchange import RefusedError
from anycast_wrapper.gateway.model import Member
from anycast_wrapper.gateway.nexthops import Means, Resilience, Settings, left_behind, withdraw
from anycast_wrapper.gateway.nexthops.carrying import Carrier
from anycast_wrapper.gateway.nexthops.exchange import NexthopExchange
from anycast_wrapper.gateway.nexthops.hearing import Hearing
from anycast_wrapper.gateway.nexthops.leads import Leads
from anycast_wrapper.gateway.nexthops.model import FIRST_ID, Found, Hop, Route
from anycast_wrapper.gateway.nexthops.objects import Objects
from anycast_wrapper.gateway.ports import ForwardingError
from tests.contract.test_forwarding import Told, weights

from .routing_world import METRIC, PROTOCOL, Routing, ip, routing, shown

pytestmark = pytest.mark.root

V4, OTHER4 = ip_address("192.0.2.53"), ip_address("192.0.2.54")
V6 = ip_address("2001:db8:53::53")
ROUTED = {4: Member("routed", ip_address("10.99.0.5")), 6: Member("routed", ip_address("fd99::5"))}
ROUTER = {4: ip_address("10.53.0.9"), 6: ip_address("fd53::9")}


@pytest.fixture
def world():
    with routing() as made:
        yield made


@contextlib.asynccontextmanager
async def opened(world, **options):
    forwarding = world.forwarding(**options)
    try:
        yield forwarding
    finally:
        await forwarding.close()


def buckets(world, address):
    """By bucket, the next hop's address."""
    hops = {one["id"]: one.get("gateway") for one in shown("nexthop")}
    number = str(world.group(address)["id"])
    said = shown("nexthop", "bucket", "show", "id", number)
    return {one["bucket"]["index"]: ip_address(hops[one["bucket"]["nhid"]]) for one in said}


@pytest.mark.parametrize("address", [V4, V6])
def test_flows_of_those_that_stay_are_left_where_they_are(world, address):
    servers = world.servers[address.version]

    async def scenario():
        async with opened(world) as forwarding:
            await forwarding.apply(address, servers)
            number, before = world.group(address)["id"], buckets(world, address)
            await forwarding.apply(address, servers[1:])
            after = buckets(world, address)
            assert world.group(address)["id"] == number
            stayed = {index for index, hop in before.items() if hop != servers[0].address}
            assert len(stayed) == len(before) * 3 // 4
            assert all(after[index] == before[index] for index in stayed)
            assert servers[0].address not in after.values()
            assert len(before) == world.settings.resilience.buckets

    asyncio.run(scenario())


@pytest.mark.parametrize("means", Means)
@pytest.mark.parametrize("address", [V4, V6])
def test_to_apply_the_same_again_changes_nothing(world, means, address):
    heard = []
    servers = world.servers[address.version]

    async def scenario():
        hearing = Hearing(PROTOCOL, lambda: 0, heard.extend)  # of our own changes too
        hearing.open()
        async with opened(world, means=means) as forwarding:
            await forwarding.apply(address, servers)
            hearing.catch_up()
            assert heard
            heard.clear()
            await forwarding.apply(address, servers)
        async with opened(world, means=means) as successor:
            await successor.adopt()
            await successor.apply(address, servers)
        hearing.catch_up()
        hearing.close()

    asyncio.run(scenario())
    assert heard == []


def test_everything_carries_our_number_and_is_in_our_place(world):
    async def scenario():
        async with opened(world) as forwarding:
            await forwarding.apply(V4, world.servers[4])
            assert len(world.objects()) == 5
            assert {one["protocol"] for one in shown("nexthop")} == {str(PROTOCOL)}
            kinds = [(one["type"], one["metric"]) for one in world.routes(V4)]
            assert kinds == [("unicast", METRIC), ("blackhole", METRIC + 1)]
            assert all(one["id"] & 0x3000_0000 == 0x1000_0000 for one in world.objects())
            assert forwarding.means(V4) == "resilient group of 1024 buckets"

    asyncio.run(scenario())


def test_ids_that_somebody_has_are_left_alone(world):
    ip("nexthop", "add", "id", str(FIRST_ID), "via", "10.53.0.77", "dev", "lan", "proto", "11")

    async def scenario():
        async with opened(world) as forwarding:
            await forwarding.apply(V4, world.servers[4])
            assert world.leads(V4) == weights(world.servers[4])
            await forwarding.apply(V4, ())

    asyncio.run(scenario())
    (left,) = shown("nexthop")
    assert (left["id"], left["gateway"]) == (FIRST_ID, "10.53.0.77")


@pytest.mark.parametrize("address", [V4, V6])
def test_a_server_on_another_subnet_is_sent_queries_through_its_router(world, address):
    near, far = world.servers[address.version][0], ROUTED[address.version]
    family, net = (f"-{address.version}", {4: "10.99.0.0/24", 6: "fd99::/64"}[address.version])
    elsewhere = {4: "10.54.0.9", 6: "fd54::9"}[address.version]

    async def scenario():
        async with opened(world) as forwarding:
            told = Told()
            await forwarding.watch(told)
            assert await forwarding.apply(address, (near, far)) == ()
            assert world.leads(address) == {near.address: 1, ROUTER[address.version]: 1}
            ip(family, "route", "replace", net, "via", elsewhere)
            await told.once()
            assert await forwarding.apply(address, (near, far)) == ()
            assert world.leads(address) == {near.address: 1, ip_address(elsewhere): 1}
            ip(family, "route", "del", net)
            await told.once()
            (left,) = await forwarding.apply(address, (near, far))
            assert (left.server, str(far.address) in left.detail) == ("routed", True)
            assert world.leads(address) == {near.address: 1}
            told.event.clear()
            ip(family, "route", "add", net, "via", elsewhere)
            await told.once()
            assert await forwarding.apply(address, (near, far)) == ()

    asyncio.run(scenario())


def test_a_router_of_another_ip_version_leads_to_a_server(world):
    ip("route", "replace", "10.99.0.0/24", "via", "inet6", "fe80::9", "dev", "lan")

    async def scenario():
        async with opened(world) as forwarding:
            members = (world.servers[4][0], ROUTED[4])
            assert await forwarding.apply(V4, members) == ()
            assert world.leads(V4) == {members[0].address: 1, ip_address("fe80::9"): 1}
            before = world.objects()
            assert await forwarding.apply(V4, members) == ()
            assert world.objects() == before

    asyncio.run(scenario())


def test_servers_behind_one_router_share_its_next_hop(world):
    members = (Member("a", ip_address("10.99.0.5"), 200), Member("b", ip_address("10.99.0.6"), 200))
    near = world.servers[4][0]

    async def scenario():
        async with opened(world) as forwarding:
            assert await forwarding.apply(V4, (near, *members)) == ()
            assert world.leads(V4) == {near.address: 1, ROUTER[4]: 255}
        async with opened(world, servers=members) as successor:
            known = (near.address, *(one.address for one in members))
            assert await successor.adopt() == {V4: known}
        async with opened(world) as stranger:
            assert await stranger.adopt() == {V4: (ROUTER[4], near.address)}

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("routes", "server", "why"),
    [
        ([], "203.0.113.9", "there is no route to 203.0.113.9"),
        (["add default via 10.53.0.9"], "203.0.113.9", "only the default route leads"),
        (["add blackhole 203.0.113.0/24"], "203.0.113.9", "is a black hole"),
        (["add unreachable 203.0.113.0/24"], "203.0.113.9", "is unreachable"),
        (["add prohibit 203.0.113.0/24"], "203.0.113.9", "is prohibited"),
        ([], "10.53.0.1", "is this host itself"),
        ([], "127.0.0.1", "is this host itself"),
        ([], "10.53.0.255", "is no host's"),
        ([], "192.0.2.54", "is one of ours: it would come back"),
        ([], "192.0.2.53", "is the service address itself"),
        ([], "fd53::11", "of another IP version"),
    ],
)
def test_a_server_that_cannot_be_one_is_left_out_with_the_reason(world, routes, server, why):
    for words in routes:
        ip("route", *words.split())

    async def scenario():
        async with opened(world) as forwarding:
            await forwarding.apply(OTHER4, world.servers[4])
            members = (world.servers[4][0], Member("bad", ip_address(server)))
            (left,) = await forwarding.apply(V4, members)
            assert left.server == "bad"
            assert why in left.detail
            assert world.leads(V4) == weights(members[:1])

    asyncio.run(scenario())


def test_a_server_behind_an_interface_is_reached_through_it(world):
    tunnelled = Member("t", ip_address("203.0.113.9"), interface="far")
    nowhere = Member("n", ip_address("203.0.113.10"), interface="nowhere0")

    async def scenario():
        async with opened(world) as forwarding:
            (left,) = await forwarding.apply(V4, (world.servers[4][0], tunnelled, nowhere))
            assert (left.server, "nowhere0" in left.detail) == ("n", True)
            assert world.leads(V4) == {world.servers[4][0].address: 1, tunnelled.address: 1}
            (hop,) = [one for one in world.objects() if one.get("gateway") == "203.0.113.9"]
            assert (hop["dev"], hop["flags"]) == ("far", ["onlink"])

    asyncio.run(scenario())


@pytest.mark.parametrize("means", Means)
def test_an_interface_that_is_down_leaves_out_its_server_alone(world, means):
    near, tunnelled = world.servers[4][0], Member("t", ip_address("203.0.113.9"), interface="far")

    async def scenario():
        async with opened(world, means=means) as forwarding:
            told = Told()
            await forwarding.watch(told)
            await forwarding.apply(V4, (near, tunnelled))
            ip("link", "set", "far", "down")
            await told.once()
            (left,) = await forwarding.apply(V4, (near, tunnelled))
            assert (left.server, left.detail) == ("t", "the interface far is down")
            assert set(world.leads(V4)) == {near.address}
            told.event.clear()
            ip("link", "set", "far", "up")
            while await forwarding.apply(V4, (near, tunnelled)):
                await told.once()
            assert set(world.leads(V4)) == {near.address, tunnelled.address}

    asyncio.run(scenario())


def test_the_same_server_twice_counts_once(world):
    one, two, *_ = world.servers[4]

    async def scenario():
        async with opened(world) as forwarding:
            (left,) = await forwarding.apply(V4, (one, Member("again", one.address, 7), two))
            assert (left.server, left.detail) == ("again", "10.53.0.11 is ns1's already")
            assert world.leads(V4) == weights((one, two))

    asyncio.run(scenario())


@pytest.mark.parametrize("fault", ["lan-peer", "lan"])
def test_what_goes_with_a_link_is_told_and_comes_back_with_it(world, fault):
    far = Member("far", ip_address("10.54.0.7"))
    members = (*world.servers[4][:2], far)

    async def scenario():
        async with opened(world) as forwarding:
            told = Told()
            await forwarding.watch(told)
            await forwarding.apply(V4, members)
            number = world.group(V4)["id"]
            ip("link", "set", fault, "down")
            while world.leads(V4) != {far.address: 1}:  # a lost carrier is looked at once a second
                await told.once()
            left = await forwarding.apply(V4, members)
            assert {one.server for one in left} == {"ns1", "ns2"}
            told.event.clear()
            ip("link", "set", fault, "up")
            while await forwarding.apply(V4, members):
                await told.once()
            assert world.leads(V4) == weights(members)
            assert world.group(V4)["id"] == number

    asyncio.run(scenario())


def test_a_route_that_went_with_its_last_link_is_made_again(world):
    async def scenario():
        async with opened(world) as forwarding:
            told = Told()
            await forwarding.watch(told)
            await forwarding.apply(V4, world.servers[4])
            ip("link", "set", "lan-peer", "down")
            await told.once()
            assert world.leads(V4) == {}
            assert len(await forwarding.apply(V4, world.servers[4])) == 4
            # The anchor too: nobody may announce what leads nowhere.
            assert world.routes(V4) == []
            told.event.clear()
            ip("link", "set", "lan-peer", "up")
            while await forwarding.apply(V4, world.servers[4]):
                await told.once()
            assert world.leads(V4) == weights(world.servers[4])

    asyncio.run(scenario())


@pytest.mark.parametrize("lost", ["group", "hop", "anchor", "route"])
def test_whatever_is_lost_is_told_and_made_good_without_moving_flows(world, lost):
    async def scenario():
        async with opened(world) as forwarding:
            told = Told()
            await forwarding.watch(told)
            # A group with a past: a new one would have other buckets.
            for members in (world.servers[4], world.servers[4][1:], world.servers[4]):
                await forwarding.apply(V4, members)
            await forwarding.apply(OTHER4, world.servers[4])
            number, before = world.group(V4)["id"], buckets(world, V4)
            if lost == "group":
                ip("nexthop", "del", "id", str(world.group(V4)["id"]))
            elif lost == "hop":
                (hop,) = [one for one in world.objects() if one.get("gateway") == "10.53.0.11"]
                ip("nexthop", "del", "id", str(hop["id"]))
            elif lost == "anchor":
                ip("route", "del", "blackhole", str(V4), "metric", str(METRIC + 1))
            else:
                world.lose(V4)
            await told.once()
            await forwarding.apply(OTHER4, world.servers[4])
            await forwarding.apply(V4, world.servers[4])
            assert world.leads(V4) == weights(world.servers[4])
            assert len(world.ours(V4)) == 2
            if lost in ("anchor", "route"):
                assert (world.group(V4)["id"], buckets(world, V4)) == (number, before)

    asyncio.run(scenario())


def test_what_others_do_elsewhere_is_not_told(world):
    async def scenario():
        async with opened(world) as forwarding:
            told, calls = Told(), []
            await forwarding.apply(V4, world.servers[4])
            await forwarding.watch(lambda: (calls.append(world.leads(V4)), told()))
            await forwarding.apply(V4, world.servers[4][:2])  # what we do ourselves is not either
            for number in range(20):
                ip("route", "add", f"198.51.{number}.0/24", "via", "10.54.0.9")
            ip("nexthop", "add", "id", "7", "via", "10.54.0.9", "dev", "far")
            ip("link", "set", "far-peer", "down")
            world.lose(V4)
            await told.once()  # what came before has been heard by then
            assert calls == [{}]

    asyncio.run(scenario())


def test_who_has_the_route_is_said_and_nothing_of_ours_is_left(world):
    world.occupy(V4)

    async def scenario():
        async with opened(world) as forwarding:
            with pytest.raises(ForwardingError) as refusal:
                await forwarding.apply(V4, world.servers[4])
            assert str(refusal.value) == (
                "192.0.2.53/32 metric 50 in table 254 is somebody else's route "
                "(protocol static): not touched"
            )
            assert forwarding.means(V4) is None
            assert world.objects() == []

    asyncio.run(scenario())


def test_a_route_that_somebody_put_beside_ours_stops_us_from_replacing_it(world):
    async def scenario():
        async with opened(world) as forwarding:
            await forwarding.apply(V4, world.servers[4])
            words = ("via", "10.53.0.200", "metric", str(METRIC), "proto", "static")
            ip("route", "prepend", str(V4), *words)
        async with opened(world, means=Means.MULTIPATH) as other:
            with pytest.raises(ForwardingError, match="protocol static"):
                await other.apply(V4, world.servers[4])
        assert {one["protocol"] for one in world.routes(V4)} == {"static", str(PROTOCOL)}

    asyncio.run(scenario())


def test_what_nobody_needs_is_removed_at_adoption(world):
    number = FIRST_ID + 100
    mark = ("proto", str(PROTOCOL))
    ip("nexthop", "add", "id", str(number), "via", "10.53.0.77", "dev", "lan", *mark)
    ip("nexthop", "add", "id", str(number + 1), "group", str(number), *mark)
    ip("nexthop", "add", "id", "5", "via", "10.53.0.78", "dev", "lan")

    async def scenario():
        async with opened(world) as forwarding:
            await forwarding.apply(V4, world.servers[4][:1])
            assert len(shown("nexthop")) == 3
        ip("nexthop", "add", "id", str(number), "via", "10.53.0.77", "dev", "lan", *mark)
        async with opened(world) as successor:
            assert await successor.adopt() == {V4: (world.servers[4][0].address,)}
            assert len(shown("nexthop")) == 3

    asyncio.run(scenario())


@pytest.mark.parametrize("address", [V4, V6])
@pytest.mark.parametrize("by", [-1, 1])
def test_another_metric_may_be_that_of_the_old_route_s_anchor(world, address, by):
    class Elsewhere(Routing):
        settings = Settings(protocol=PROTOCOL, metric=METRIC + by)

    servers = world.servers[address.version]

    async def scenario():
        async with opened(Elsewhere()) as before:
            await before.apply(address, servers)
        async with opened(world) as after:
            await after.adopt()
            await after.apply(address, servers)

    asyncio.run(scenario())
    kinds = [(one["type"], one["metric"]) for one in world.ours(address)]
    assert kinds == [("unicast", METRIC), ("blackhole", METRIC + 1)]
    assert world.leads(address) == weights(servers)
    assert len(world.objects()) == 5


def test_a_route_in_an_older_place_moves(world):
    class Elsewhere(Routing):
        settings = Settings(protocol=PROTOCOL, metric=METRIC + 10, table=1000)

    async def scenario():
        async with opened(Elsewhere()) as before:
            await before.apply(V4, world.servers[4])
        assert {(one["table"], one["metric"]) for one in world.ours(V4)} == {
            ("1000", METRIC + 10),
            ("1000", METRIC + 11),
        }
        async with opened(world) as after:
            assert set(await after.adopt()) == {V4}
            await after.apply(V4, world.servers[4])
        assert {one["table"] for one in world.ours(V4)} == {"main"}
        assert world.leads(V4) == weights(world.servers[4])
        assert len(world.objects()) == 5

    asyncio.run(scenario())


@pytest.mark.parametrize("address", [V4, V6])
def test_without_resilience_a_plain_group_serves_and_this_is_said_once(world, address, caplog):
    class Impossible(Routing):
        settings = Settings(protocol=PROTOCOL, metric=METRIC, resilience=Resilience(buckets=0))

    servers = world.servers[address.version]

    async def scenario():
        async with opened(Impossible()) as forwarding:
            for members in (servers, servers[1:], servers):
                await forwarding.apply(address, members)
                assert world.leads(address) == weights(members)
            assert forwarding.means(address) == "group (flows move when a server comes or goes)"
            await forwarding.apply(address, ())
        assert world.objects() == []

    with caplog.at_level(logging.WARNING):
        asyncio.run(scenario())
    (record,) = caplog.records
    assert record.msg == "forwarding-degraded"
    assert record.args["instead"] == "group"
    assert "buckets" in str(record.args["detail"])


@pytest.mark.parametrize("address", [V4, V6])
def test_without_next_hop_objects_a_multipath_route_serves(world, address):
    servers = world.servers[address.version]

    async def scenario():
        async with opened(world, means=Means.MULTIPATH) as forwarding:
            for members in (servers, servers[1:], servers[:1], servers):
                for _ in range(2):
                    assert await forwarding.apply(address, members) == ()
                    assert world.leads(address) == weights(members)
            assert world.objects() == []
        # A kernel that has them after all: its predecessor's route is replaced.
        async with opened(world) as better:
            assert set(await better.adopt()) == {address}
            await better.apply(address, servers)
            assert world.group(address)["id"]
            assert world.leads(address) == weights(servers)

    asyncio.run(scenario())


class Old(Objects):
    """Linux 5.2: it knows no next-hop objects."""

    async def add_hop(self, *_):
        raise RefusedError("make a next hop", errno.EOPNOTSUPP, "")


def test_a_kernel_without_next_hop_objects_is_found_out(world, caplog):
    hop = Hop(world.servers[4][0].address, int(shown("link", "show", "lan")[0]["ifindex"]))

    async def scenario():
        exchange = NexthopExchange()
        objects, found = Old(exchange, PROTOCOL), Found()
        carrier = Carrier(objects, world.settings, Means.RESILIENT)
        assert await carrier.carry(found, V4, {hop: 1}) == {}
        assert carrier.carried(V4) is Means.MULTIPATH
        assert Route(V4, 254, METRIC, None, ((hop, 1),)) in found.routes
        exchange.close()
        await asyncio.sleep(0)

    asyncio.run(scenario())
    assert [record.msg for record in caplog.records] == ["forwarding-degraded"]
    assert world.leads(V4) == {hop.gateway: 1}


class Noting(Objects):
    """Notes which routes it removes."""

    removed = ()

    async def remove_route(self, route):
        self.removed = (*self.removed, route.metric)
        await super().remove_route(route)


def test_who_announces_by_the_anchor_hears_of_the_end_first(world):
    hop = Hop(world.servers[4][0].address, int(shown("link", "show", "lan")[0]["ifindex"]))

    async def scenario():
        exchange = NexthopExchange()
        objects, found = Noting(exchange, PROTOCOL), Found()
        carrier = Carrier(objects, world.settings, Means.RESILIENT)
        await carrier.carry(found, V4, {hop: 1})
        await carrier.release(found, V4)
        assert objects.removed == (METRIC + 1, METRIC)
        exchange.close()
        await asyncio.sleep(0)

    asyncio.run(scenario())


def test_withdraw_removes_everything_of_ours_and_nothing_else(world):
    ip("nexthop", "add", "id", "5", "via", "10.53.0.78", "dev", "lan")
    ip("route", "add", str(OTHER4), "via", "10.53.0.200", "metric", "7")

    async def scenario():
        assert not await left_behind(PROTOCOL)
        assert await withdraw(PROTOCOL) == ()
        async with opened(world) as forwarding:
            await forwarding.apply(V4, world.servers[4])
            await forwarding.apply(V6, world.servers[6][:1])
        assert await left_behind(PROTOCOL)
        assert await withdraw(PROTOCOL) == (
            "the route to 192.0.2.53 removed",
            "the route to 2001:db8:53::53 removed",
            "7 next-hop objects removed",
        )
        assert not await left_behind(PROTOCOL)

    asyncio.run(scenario())
    assert [one["id"] for one in shown("nexthop")] == [5]
    assert len(world.routes(OTHER4)) == 1
    assert world.routes(V4) == world.routes(V6) == []


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_kernel_that_does_not_answer_is_not_waited_for(world):
    async def scenario():
        before = open_files()
        exchange = NexthopExchange(deadline=0.0)
        for _ in range(3):
            with pytest.raises(ForwardingError, match="no answer from the kernel within 0 s"):
                await Objects(exchange, PROTOCOL).read()
        await asyncio.sleep(0)
        assert open_files() == before

    asyncio.run(scenario())


def test_questions_leave_nothing_behind_in_the_library(world):
    """pyroute2 would keep an acknowledgement that comes after the one answer it waited for."""

    async def scenario():
        exchange = NexthopExchange()
        leads = Leads(Objects(exchange, PROTOCOL), PROTOCOL)
        for member in (*world.servers[4], *world.servers[6], *world.unreachable.values()):
            await leads.find(member)
        await Objects(exchange, PROTOCOL).read()
        queue = exchange._socket.msg_queue
        assert queue.root.empty()
        assert set(queue.queues) == {0}
        exchange.close()
        await asyncio.sleep(0)

    asyncio.run(scenario())
