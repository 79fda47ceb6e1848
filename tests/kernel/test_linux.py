"""What is Linux's own, on a real kernel in a namespace of the test's."""

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from anycast_wrapper.core.model import Link, Switch
from anycast_wrapper.kernel import Card, Kind, Role, withdraw_all
from anycast_wrapper.kernel import tap as taps
from anycast_wrapper.kernel.linux import LinuxKernel
from anycast_wrapper.ports import KernelError
from tests.contract.kernel_worlds import DEFAULT4, DEFAULT6, FULL, ip, namespace
from tests.contract.test_kernel import Told, opened, ready, seen

pytestmark = pytest.mark.root

V4 = ip_address("192.0.2.53")
V6 = ip_address("2001:db8:53::53")
RANK, HOLD = "anycast0", "anycast-hold"


@pytest.fixture
def linux():
    with namespace() as world:
        yield world


def addresses_on(name):
    (link,) = json.loads(ip("-json", "address", "show", "dev", name))
    return {a["local"]: a for a in link["addr_info"]}


def has_dummy():
    done = subprocess.run(
        ["ip", "link", "add", "probe0", "type", "dummy"], capture_output=True, check=False
    )
    return done.returncode == 0 and ip("link", "del", "probe0") == ""


OWNER = """
    import asyncio, ipaddress, signal, sys
    from anycast_wrapper.kernel import Card, open_kernel

    async def main():
        kernel = open_kernel([Card("anycast0")])
        await kernel.create("anycast0")
        await kernel.add("anycast0", ipaddress.ip_address("192.0.2.53"))
        await kernel.up("anycast0")
        sys.stdout.write("ready\\n")
        sys.stdout.flush()
        await asyncio.Event().wait()

    asyncio.run(main())
"""


@pytest.fixture
def owner(linux):
    """Another process that announces 192.0.2.53 on anycast0."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(OWNER)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def test_killed_owner_takes_the_announcement_with_it(linux, owner):
    async def scenario():
        async with opened(linux) as kernel:
            assert await seen(kernel, RANK) == Link(up=True, addresses=frozenset({V4}))
            told = Told()
            await kernel.watch(told)
            owner.send_signal(signal.SIGKILL)
            await told.after(kernel, lambda o: RANK not in o.links)

    asyncio.run(scenario())


def test_who_has_the_tap_is_named(linux, owner):
    async def scenario():
        async with opened(linux) as kernel:
            with pytest.raises(KernelError, match=rf"pid {owner.pid} \(python.*has it open"):
                await kernel.create(RANK)
            assert (await seen(kernel, RANK)).up

    asyncio.run(scenario())


def test_withdraw_sets_down_what_a_living_process_has(linux, owner):
    async def scenario():
        async with opened(linux) as kernel:
            done = await withdraw_all(kernel, linux.cards, [V4])
            comm = Path(f"/proc/{owner.pid}/comm").read_text().strip()  # noqa: ASYNC240
            assert done == (
                "anycast0 set down",
                f"anycast0 is down, but pid {owner.pid} ({comm}) has it open",
            )
            assert not (await seen(kernel, RANK)).up

    asyncio.run(scenario())


def test_no_child_inherits_the_tap(linux):
    async def scenario():
        async with opened(linux) as kernel:
            await kernel.create(RANK)
            fd = kernel._making._taps[RANK]._fd
            assert fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC

    asyncio.run(scenario())


def test_persistent_leftover_is_replaced(linux):
    ip("tuntap", "add", "dev", RANK, "mode", "tap")
    ip("address", "add", "203.0.113.9/32", "dev", RANK)
    ip("link", "set", RANK, "up")

    async def scenario():
        async with opened(linux) as kernel:
            # Up, but nobody has it open: no carrier, so it announces nothing.
            assert not (await seen(kernel, RANK)).up
            await kernel.create(RANK)
            assert await seen(kernel, RANK) == Link(up=False)
        assert "persist off" not in ip("-d", "link", "show")

    asyncio.run(scenario())


def test_withdraw_removes_a_leftover(linux):
    ip("tuntap", "add", "dev", RANK, "mode", "tap")

    async def scenario():
        async with opened(linux) as kernel:
            assert await withdraw_all(kernel, linux.cards, [V4]) == ("anycast0 removed",)
            assert await seen(kernel, RANK) is None

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", ["bridge", "tun"])
def test_something_else_of_that_name_is_in_the_way(linux, kind):
    if kind == "tun":
        ip("tuntap", "add", "dev", RANK, "mode", "tun")
    else:
        ip("link", "add", RANK, "type", kind)

    async def scenario():
        async with opened(linux) as kernel:
            with pytest.raises(KernelError, match=f"anycast0: it exists and is {kind}"):
                await kernel.create(RANK)

    asyncio.run(scenario())


def test_another_interface_under_our_name_does_not_pass_for_ours(linux):
    async def scenario():
        async with opened(linux) as kernel:
            await kernel.create(RANK)
            ip("link", "set", RANK, "name", "renamed0")
            ip("link", "add", RANK, "type", "bridge")
            ip("link", "set", RANK, "up")
            assert await seen(kernel, RANK) is None
            with pytest.raises(KernelError, match="is bridge"):
                await kernel.create(RANK)
            assert "renamed0" not in ip("link")

    asyncio.run(scenario())


def test_the_hold_has_no_carrier_and_no_link_local(linux):
    async def scenario():
        async with ready(linux) as kernel:
            await kernel.add(HOLD, V6)
            assert "NO-CARRIER" in ip("link", "show", HOLD)
            assert addresses_on(HOLD).keys() == {str(V6)}

    asyncio.run(scenario())


def test_a_new_hold_counts_as_running_at_no_moment(linux):
    """`redistribute connected` would announce meanwhile whatever is held."""

    async def scenario():
        # The kernel looks at links once a second at most, and has just done so.
        for number in range(3):
            tap = taps.make(f"tap{number}")
            ip("link", "set", f"tap{number}", "up")
            tap.close()
        async with ready(linux):
            (link,) = json.loads(ip("-json", "link", "show", HOLD))
            assert "UP" in link["flags"]
            assert link["operstate"] in ("DORMANT", "DOWN")

    asyncio.run(scenario())


def test_a_hold_with_carrier_is_refused(linux):
    ip("link", "add", HOLD, "type", "bridge")
    ip("link", "set", HOLD, "up")

    async def scenario():
        async with opened(linux) as kernel:
            with pytest.raises(KernelError, match=r"anycast-hold has carrier.*would announce"):
                await kernel.create(HOLD)
            assert not (await seen(kernel, HOLD)).up

    asyncio.run(scenario())


def test_a_hold_that_somebody_opens_is_seen_and_set_down(linux):
    async def scenario():
        async with ready(linux) as kernel:
            told = Told()
            await kernel.watch(told)
            assert (await seen(kernel, HOLD)).up
            fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.ioctl(fd, taps._TUNSETIFF, taps._IFREQ.pack(HOLD.encode(), 0x1002))
                await told.after(kernel, lambda o: not o.links[HOLD].up)
                with pytest.raises(KernelError, match=rf"pid {os.getpid()} \(.*would announce"):
                    await kernel.up(HOLD)
                assert ",UP" not in ip("link", "show", HOLD)
            finally:
                os.close(fd)
            await kernel.up(HOLD)
            assert (await seen(kernel, HOLD)).up

    asyncio.run(scenario())


def test_addresses_have_their_metric_and_no_dad_and_are_never_refreshed(linux):
    async def scenario():
        async with ready(linux) as kernel:
            for name in (RANK, "anycast1"):
                await kernel.add(name, V4)
                await kernel.add(name, V6)
            shown, last_resort = addresses_on(RANK), addresses_on("anycast1")
            assert "metric" not in shown[str(V4)]
            assert last_resort[str(V4)]["metric"] == last_resort[str(V6)]["metric"] == 100
            assert "tentative" not in shown[str(V6)]
            assert shown[str(V6)]["nodad"] is True

            heard = subprocess.Popen(  # noqa: ASYNC220
                ["ip", "monitor", "address"], stdout=subprocess.PIPE, text=True
            )
            with heard:
                ip("address", "add", "203.0.113.1/32", "dev", "uplink")  # is the monitor there?
                while "203.0.113.1" not in heard.stdout.readline():
                    ip("address", "replace", "203.0.113.1/32", "dev", "uplink")
                await kernel.add(RANK, V4)
                await kernel.add(RANK, V6)
                ip("address", "add", "203.0.113.2/32", "dev", "uplink")
                said = ""
                while "203.0.113.2" not in said:
                    said += heard.stdout.readline()
                heard.kill()
            assert str(V4) not in said
            assert str(V6) not in said

    asyncio.run(scenario())


def test_a_rank_has_its_link_local_address_at_once(linux):
    async def scenario():
        async with ready(linux):
            link_local = [a for a in addresses_on(RANK).values() if a["scope"] == "link"]
            assert len(link_local) == 1
            assert "tentative" not in link_local[0]

    asyncio.run(scenario())


def test_ipv6_disabled_is_said(linux):
    async def scenario():
        async with ready(linux) as kernel:
            with open(f"/proc/sys/net/ipv6/conf/{RANK}/disable_ipv6", "w") as file:  # noqa: ASYNC230, PTH123
                file.write("1")
            with pytest.raises(KernelError, match=f"put {V6} on anycast0.*IPv6 is disabled"):
                await kernel.add(RANK, V6)

    asyncio.run(scenario())


def test_dummies_are_made_or_their_absence_is_said(linux):
    cards = (Card(RANK, kind=Kind.DUMMY), Card(HOLD, Role.HOLD, Kind.DUMMY))
    linux.cards = cards
    if not has_dummy():

        async def refused():
            async with opened(linux) as kernel:
                for card in cards:
                    with pytest.raises(KernelError, match="this kernel has no dummy interfaces"):
                        await kernel.create(card.name)

        asyncio.run(refused())
        pytest.skip("this kernel has no dummy interfaces: only the refusal was tested")

    async def scenario():
        async with ready(linux) as kernel:
            await kernel.add(HOLD, V4)
            assert "NO-CARRIER" in ip("link", "show", HOLD)
            assert (await seen(kernel, RANK)).up
        async with opened(linux) as successor:
            assert (await seen(successor, RANK)).up  # it outlives us
            assert "anycast0 removed" in await withdraw_all(successor, cards, [V4])
            await successor.create(HOLD)
            await successor.delete(HOLD)
            assert await seen(successor, HOLD) is None

    asyncio.run(scenario())


def test_carrier_is_taken_off(linux):
    async def scenario():
        async with ready(linux) as kernel:
            await kernel._requests.carrier_off(RANK)
            assert not (await kernel._requests.device(RANK)).carrier

    asyncio.run(scenario())


@pytest.mark.parametrize("switch", list(Switch))
def test_an_existing_interface_keeps_what_is_not_ours(linux, switch):
    linux.cards = (Card("uplink", kind=Kind.EXISTING, switch=switch),)
    foreign = ip_address("203.0.113.7")
    ip("address", "add", f"{foreign}/32", "dev", "uplink")
    ip("address", "add", f"{V4}/32", "dev", "uplink")

    async def scenario():
        kernel = LinuxKernel(linux.cards, [V4])
        await kernel.create("uplink")
        await kernel.delete("uplink")
        up = switch is Switch.ADDRESS
        assert await seen(kernel, "uplink") == Link(up, frozenset({foreign}))
        await kernel.close()

    asyncio.run(scenario())


def test_an_existing_interface_that_is_absent(linux):
    linux.cards = (Card("lo9", kind=Kind.EXISTING),)

    async def scenario():
        async with opened(linux) as kernel:
            with pytest.raises(KernelError, match="lo9 does not exist"):
                await kernel.create("lo9")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("words", "counts"),
    [
        ("route add default via 10.9.0.2", True),
        ("route add default nexthop via 10.9.0.2 nexthop via 10.9.0.3", True),
        ("route add unreachable default", False),
        ("route add blackhole default", False),
        ("route add default via 10.9.0.2 table 100", False),
        ("route add 0.0.0.0/1 via 10.9.0.2", False),
        ("-6 route add default via 2001:db8:9::2", True),
        ("-6 route add default nexthop via 2001:db8:9::2 nexthop via 2001:db8:9::3", True),
        ("-6 route add unreachable default", False),
        ("-6 route add default via 2001:db8:9::2 table 100", False),
    ],
)
def test_which_routes_count(linux, words, counts):
    wanted = DEFAULT6 if words.startswith("-6") else DEFAULT4

    async def scenario():
        async with opened(linux) as kernel:
            await kernel.require([wanted])
            ip(*words.split())
            assert (await kernel.observe()).routes == ({wanted} if counts else frozenset())

    asyncio.run(scenario())


def test_a_route_by_next_hop_object_comes_and_goes(linux):
    async def scenario():
        async with opened(linux) as kernel:
            told = Told()
            await kernel.require([DEFAULT4])
            await kernel.watch(told)
            ip("nexthop", "add", "id", "7", "via", "10.9.0.2", "dev", "uplink")
            ip("route", "add", "default", "nhid", "7")
            await told.after(kernel, lambda o: DEFAULT4 in o.routes)
            ip("nexthop", "del", "id", "7")  # takes the route with it, without a word
            await told.after(kernel, lambda o: not o.routes)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "words",
    [
        "link set uplink down",  # takes IPv4 routes with it, without a word
        "link set router down",  # leaves them, marked linkdown
        "address del 10.9.0.1/24 dev uplink",
        "link del uplink",
    ],
)
def test_a_route_that_is_lost_silently_is_missed(linux, words):
    async def scenario():
        async with opened(linux) as kernel:
            told = Told()
            await kernel.require([DEFAULT4])
            linux.add_route(DEFAULT4)
            await kernel.watch(told)
            assert (await kernel.observe()).routes == {DEFAULT4}
            ip(*words.split())
            await told.after(kernel, lambda o: not o.routes)

    asyncio.run(scenario())


def test_a_full_table_is_no_burden(linux, tmp_path):
    batch = tmp_path / "routes"
    batch.write_text(
        "".join(f"route add 20.{n >> 8}.{n & 255}.0/24 via 10.9.0.2\n" for n in range(60000))
    )

    async def scenario():
        async with opened(linux) as kernel:
            told = Told()
            await kernel.require([DEFAULT4])
            await kernel.watch(told)
            linux.add_route(DEFAULT4)
            # The loop stands still meanwhile, so that the subscription overruns.
            ip("-batch", str(batch))
            await told.after(kernel, lambda o: DEFAULT4 in o.routes)
            linux.remove_route(DEFAULT4)
            begin = time.process_time()
            await told.after(kernel, lambda o: not o.routes)
            assert time.process_time() - begin < 1.0

    asyncio.run(scenario())


def test_overrun_is_told(linux, monkeypatch):
    """Lost messages may have concerned us; the subscription goes on."""

    async def scenario():
        async with ready(linux) as kernel:
            told = Told()
            # The last message that gets through is not about us: only the overrun itself tells.
            monkeypatch.setattr("anycast_wrapper.kernel.events.RECEIVE_BUFFER", 2048)
            await kernel.watch(told)
            for n in range(64):
                ip("address", "add", f"203.0.113.{n}/32", "dev", "uplink")
            ip("link", "set", RANK, "down")
            await told.after(kernel, lambda o: not o.links[RANK].up)
            ip("link", "set", RANK, "up")
            await told.after(kernel, lambda o: o.links[RANK].up)

    asyncio.run(scenario())


def test_a_broken_subscription_is_told_and_renewed(linux):
    class Broken:
        def __init__(self, sock):
            self._sock = sock
            self.fileno, self.close = sock.fileno, sock.close

        def recv(self, _size):
            raise OSError(9, "broken")

    async def scenario():
        async with ready(linux) as kernel:
            told = Told()
            await kernel.watch(told)
            kernel._events._sock = Broken(kernel._events._sock)
            ip("link", "set", RANK, "down")
            await told.after(kernel, lambda o: not o.links[RANK].up)
            ip("link", "set", RANK, "up")
            await told.after(kernel, lambda o: o.links[RANK].up)

    asyncio.run(scenario())


def test_changes_of_others_are_not_told(linux):
    calls = []

    async def scenario():
        async with ready(linux) as kernel:
            await kernel.watch(lambda: calls.append(1))
            await kernel.observe()
            calls.clear()
            ip("address", "add", "203.0.113.1/32", "dev", "uplink")
            ip("link", "set", "router", "down")
            kernel._events._readable()
            assert calls == []
            ip("address", "add", "203.0.113.1/32", "dev", RANK)
            kernel._events._readable()
            assert calls == [1]

    asyncio.run(scenario())


def test_no_answer_is_left_lying_about(linux):
    """pyroute2 keeps what nobody fetches for ever."""

    async def scenario():
        async with ready(linux) as kernel:
            for _ in range(2):  # the second time much is in place, or gone, already
                await kernel.add(RANK, V4)
                await kernel.remove("anycast1", V6)
                await kernel.down("anycast1")
            await kernel.delete("anycast1")
            await kernel.observe()
            await kernel.elsewhere([V4])
            queues = kernel._requests._socket.msg_queue.queues
            assert {tag: queue.qsize() for tag, queue in queues.items()} == {0: 0}

    asyncio.run(scenario())


def test_no_tun_device_is_said(linux, monkeypatch, tmp_path):
    monkeypatch.setattr(taps, "_DEVICE", str(tmp_path / "tun"))

    async def scenario():
        async with opened(linux) as kernel:
            with pytest.raises(KernelError, match='load the tun module or use kind = "dummy"'):
                await kernel.create(RANK)

    asyncio.run(scenario())


def test_a_name_that_is_too_long_is_said(linux):
    linux.cards = (Card("anycast-preferred"),)

    async def scenario():
        async with opened(linux) as kernel:
            with pytest.raises(KernelError, match="'anycast-preferred' is no interface name"):
                await kernel.create("anycast-preferred")

    asyncio.run(scenario())


UNPRIVILEGED = """
    import asyncio, ipaddress, os
    from anycast_wrapper.kernel import Card, Kind, Role
    from anycast_wrapper.kernel.linux import LinuxKernel
    from anycast_wrapper.ports import KernelError

    async def main():
        kernel = LinuxKernel([Card("anycast0"), Card("uplink", kind=Kind.EXISTING)])
        os.setgroups([]), os.setgid(65534), os.setuid(65534)
        address = ipaddress.ip_address("192.0.2.53")
        for attempt in (
            kernel.create("anycast0"), kernel.up("uplink"), kernel.add("uplink", address)
        ):
            try:
                await attempt
            except KernelError as error:
                print(error)
        print(sorted((await kernel.observe()).links))
        await kernel.close()

    asyncio.run(main())
"""


def test_missing_privileges_are_said(linux):
    # Where udev or systemd has been, everybody may open the device, and only root may use it.
    openable = Path("/dev/net/tun").stat().st_mode & 0o006 == 0o006
    change = "change interfaces (needs CAP_NET_ADMIN)"
    make = change if openable else "open /dev/net/tun"
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(UNPRIVILEGED)],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert done.stdout.splitlines() == [
        f"cannot create TAP anycast0: no permission to {make}",
        f"cannot set uplink up: no permission to {change}",
        f"cannot put 192.0.2.53 on uplink: no permission to {change}",
        "['uplink']",
    ]


def test_a_route_of_the_same_length_is_not_taken_for_another(linux):
    wanted = ip_network("198.51.100.0/24")

    async def scenario():
        async with opened(linux) as kernel:
            await kernel.require([wanted])
            linux.add_route(ip_network("198.51.101.0/24"))
            assert (await kernel.observe()).routes == frozenset()

    asyncio.run(scenario())


def test_full_set_is_what_the_measured_layout_needs():
    assert [(c.role, c.metric) for c in FULL] == [
        (Role.RANK, None),
        (Role.RANK, 100),
        (Role.HOLD, None),
    ]
