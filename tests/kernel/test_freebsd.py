"""FreeBSD's adapter: the argv it runs, what it reads, how it fails."""

import asyncio
import sys
from ipaddress import ip_address, ip_network

import pytest

from anycast_wrapper.kernel import Card
from anycast_wrapper.kernel.command import run
from anycast_wrapper.kernel.freebsd import FreeBSDKernel
from anycast_wrapper.kernel.ifconfig import interfaces, is_route
from anycast_wrapper.ports import KernelError
from tests.contract.kernel_worlds import LO1, simulated

V4 = ip_address("192.0.2.53")
V6 = ip_address("2001:db8:53::53")

SHOWN = """\
em0: flags=1008843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST,LOWER_UP> metric 0 mtu 1500
\toptions=481009b<RXCSUM,TXCSUM,VLAN_MTU,VLAN_HWTAGGING,VLAN_HWCSUM,LRO,VLAN_HWFILTER>
\tether 08:00:27:aa:bb:cc
\tinet 10.0.2.15 netmask 0xffffff00 broadcast 10.0.2.255
\tinet 192.0.2.7 netmask 0xffffffff broadcast 192.0.2.7
\tinet6 2001:db8::15 prefixlen 64 autoconf
\tmedia: Ethernet autoselect (1000baseT <full-duplex>)
\tstatus: active
lo0: flags=1008049<UP,LOOPBACK,RUNNING,MULTICAST,LOWER_UP> metric 0 mtu 16384
\tinet 127.0.0.1 netmask 0xff000000
\tinet 127.0.0.2 netmask 0xffffffff
\tinet6 ::1 prefixlen 128
\tinet6 fe80::1%lo0 prefixlen 64 scopeid 0x2
lo1: flags=8008<LOOPBACK,MULTICAST> metric 0 mtu 16384
\tinet 192.0.2.53 netmask 0xffffffff
\tinet6 2001:db8:53::53 prefixlen 128
\tgroups: lo
"""


def test_what_ifconfig_prints_is_read():
    shown = {one.name: one for one in interfaces(SHOWN)}
    assert shown.keys() == {"em0", "lo0", "lo1"}
    assert shown["em0"].addresses == {ip_address("192.0.2.7")}
    assert shown["lo0"].addresses == set()
    assert shown["lo1"].addresses == {V4, V6}
    assert [one.up for one in shown.values()] == [True, True, False]


def route(destination, mask, flags="UP,GATEWAY,DONE,STATIC"):
    mask = f"       mask: {mask}\n" if mask else ""
    return (
        f"   route to: 198.51.100.0\ndestination: {destination}\n{mask}"
        f"    gateway: 10.0.2.2\n        fib: 0\n  interface: em0\n      flags: <{flags}>\n"
        " recvpipe  sendpipe  ssthresh  rtt,msec    mtu        weight    expire\n"
    )


@pytest.mark.parametrize(
    ("wanted", "text", "found"),
    [
        ("0.0.0.0/0", route("0.0.0.0", "0.0.0.0"), True),
        ("0.0.0.0/0", route("default", "default"), True),
        ("::/0", route("::", "::"), True),
        ("::/0", route("default", "default"), True),
        ("198.51.100.0/24", route("198.51.100.0", "255.255.255.0"), True),
        ("198.51.100.0/24", route("198.51.0.0", "255.255.0.0"), False),
        ("198.51.100.0/24", route("198.51.100.0", "255.255.252.0"), False),
        ("198.51.100.0/24", route("default", "default"), False),
        ("198.51.100.9/32", route("198.51.100.9", "", "UP,HOST,DONE"), True),
        ("2001:db8::/32", route("2001:db8::", "ffff:ffff::"), True),
        ("0.0.0.0/0", route("0.0.0.0", "0.0.0.0", "UP,DONE,REJECT"), False),
        ("0.0.0.0/0", route("0.0.0.0", "0.0.0.0", "UP,DONE,BLACKHOLE"), False),
        ("0.0.0.0/0", route("0.0.0.0", "0.0.0.0", "DONE"), False),
        ("0.0.0.0/0", "", False),
    ],
)
def test_what_route_prints_is_read(wanted, text, found):
    assert is_route(text, ip_network(wanted)) is found


def test_argv(tmp_path):
    async def scenario(world):
        kernel = world.kernel()
        await kernel.add("lo1", V4)
        await kernel.add("lo1", V6)
        await kernel.remove("lo1", V4)
        await kernel.remove("lo1", V6)
        await kernel.up("lo1")
        await kernel.require([ip_network("0.0.0.0/0")])
        await kernel.observe()

    with simulated(tmp_path) as world:
        asyncio.run(scenario(world))
        said = world.state.with_suffix(".log").read_text().splitlines()
    changes = [line for line in said if line != "ifconfig lo1"]
    assert changes == [
        "ifconfig lo1 inet 192.0.2.53/32 alias",
        "ifconfig lo1 inet6 2001:db8:53::53 prefixlen 128 alias",
        "ifconfig lo1 inet 192.0.2.53 -alias",
        "ifconfig lo1 inet6 2001:db8:53::53 -alias",
        "ifconfig lo1 up",
        "route -n get -inet default",
    ]


def test_kinds_that_linux_alone_has_are_refused():
    kernel = FreeBSDKernel([Card("anycast0")])
    with pytest.raises(KernelError, match='no kind = "tap", only "existing"'):
        asyncio.run(kernel.create("anycast0"))


def test_a_missing_command_is_said():
    kernel = FreeBSDKernel([LO1], ifconfig_command=["/nonexistent/ifconfig"])
    with pytest.raises(KernelError, match="cannot run `/nonexistent/ifconfig lo1`: No such file"):
        asyncio.run(kernel.observe())


def python(program):
    return [sys.executable, "-c", program]


def test_a_failure_carries_argv_status_and_words():
    with pytest.raises(KernelError, match=r"`.*python.*` failed with exit status 3: no way"):
        asyncio.run(run(python("import sys; sys.stderr.write('no way'); sys.exit(3)"), 10))


def test_a_fine_failure_is_none():
    program = "import sys; sys.stderr.write('it does not exist'); sys.exit(1)"
    assert asyncio.run(run(python(program), 10, ["does not exist"])) == ""


def test_a_command_that_hangs_is_killed():
    with pytest.raises(KernelError, match=r"took longer than 0\.1 s"):
        asyncio.run(run(["sleep", "60"], 0.1))


def test_a_look_that_fails_is_told(tmp_path):
    async def scenario(world):
        told = asyncio.Event()
        kernel = world.kernel()
        await kernel.watch(told.set)
        world.state.rename(tmp_path / "away")
        await asyncio.wait_for(told.wait(), 5)
        with pytest.raises(KernelError):
            await kernel.observe()
        await kernel.close()

    with simulated(tmp_path) as world:
        asyncio.run(scenario(world))
