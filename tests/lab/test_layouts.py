"""Other layouts than the usual one: the technote's, and an operator's own interfaces."""

import time

import pytest

from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.host import HostOptions
from anycast_wrapper.lab.topology import Lab
from anycast_wrapper.lab.wrapper import Wrapper, left_on

from .cluster import Cluster, figure

ADDRESSES = ("192.0.2.53", "2001:db8:53::53")

CLASSIC = 'kind = "existing"\nhold = "none"\npreferred = "lo"\nlast-resort = "none"'
CLASSIC_PROBE = """
[[service.probe]]
server = "127.0.0.1"
qname = "example.test"
"""


@pytest.fixture(scope="module")
def classic():
    with Lab([HostOptions(classic=True)] * 2) as lab:
        cluster = Cluster(lab, ADDRESSES, interfaces=CLASSIC, probe=CLASSIC_PROBE)
        cluster.start()
        yield cluster


def loopback(node):
    return node.host.run(["ip", "-o", "addr", "show", "dev", "lo"]).stdout


def test_the_technotes_layout_follows_named(classic):
    assert all(address in loopback(classic.one) for address in ADDRESSES)
    classic.hurt("classic: kill -9 of named", classic.one.kill_daemon)
    classic.settle()
    classic.lab.mend_ipv6()
    stop = classic.hurt("classic: stop", lambda: classic.one("stop"))
    # What this layout gives up: the address goes before the routers know.
    assert stop.lost < 300
    assert not any(address in loopback(classic.one) for address in ADDRESSES)
    assert "LOOPBACK,UP" in classic.one.host.run(["ip", "link", "show", "lo"]).stdout
    classic.one.start()
    classic.settle()


def test_what_a_killed_wrapper_left_on_lo_is_cleaned_and_said(classic):
    classic.one.kill()
    eventually(lambda: classic.one("status", check=False).returncode == 1, awaiting="its end")
    assert "192.0.2.53 on lo: announced" in classic.one("status", check=False).stdout
    done = classic.one("withdraw").stdout
    assert "192.0.2.53" in done
    assert not any(address in loopback(classic.one) for address in ADDRESSES)
    classic.one.host.add_to_loopback("192.0.2.53")
    classic.one.start()
    assert "192.0.2.53 is on lo already: taken off until it is proven" in classic.one.log()
    classic.settle()


def test_the_operators_own_interfaces():
    with Lab(1) as lab:
        host = lab.hosts[0]
        # A bridge without ports has carrier, a TAP that nobody has open has none.
        host.ip(
            "link add anycast0 type bridge",
            "link add anycast1 type bridge",
            "tuntap add dev anycast-hold mode tap",
        )
        node = Wrapper(host, ADDRESSES, interfaces='kind = "existing"')
        node.start()
        for address in ADDRESSES:
            lab.gateway.await_nodes(address, {"host1"})
        lab.await_quiet()
        with lab.gateway.route_log() as log:
            began = time.monotonic()
            node("stop", "--force")
            gone = [log.await_gone("host1", address, began) for address in ADDRESSES]
        figure(f"existing interfaces: gone {max(gone):.2f} s after `stop` was called")
        assert sorted(left_on(host)) == ["anycast-hold", "anycast0", "anycast1"]
        said = host.run(["ip", "-o", "addr", "show"]).stdout
        assert not any(address in said for address in ADDRESSES)
