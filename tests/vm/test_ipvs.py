"""Real queries to real name servers, switched by the kernel: what is lost, and who answers."""

import socket
import threading
import time
from ipaddress import ip_address

import dns.query
import pytest

from anycast_wrapper.gateway.ipvs import Settings
from tests.gateway.ipvs_world import need_ipvs
from tests.vm.lan import PATIENCE, VIP, VIP6, Lan, identity, question


@pytest.fixture(scope="module")
def lan():
    need_ipvs()
    with Lan() as lan:
        yield lan


@pytest.fixture(params=[VIP, VIP6])
def vip(request, lan):
    yield request.param
    lan.apply(request.param)


def both(lan, vip, *weights):
    return [
        server.member(ip_address(vip), weight)
        for server, weight in zip(lan.servers, weights, strict=False)
    ]


class Session:
    """A TCP session that a client keeps open, and asks over once in a while."""

    def __init__(self, lan, vip):
        self._lan, self._vip = lan, vip

    def __enter__(self):
        def connect():
            return socket.create_connection((self._vip, 53), timeout=PATIENCE)

        self._socket = self._lan.client.within(connect)
        return self

    def __exit__(self, *_):
        self._socket.close()

    def ask(self):
        """Who answers; raises what the socket raises."""
        asked = question()
        dns.query.send_tcp(self._socket, asked)
        answer, _ = dns.query.receive_tcp(self._socket, expiration=time.time() + PATIENCE)
        return identity(answer)

    def ask_until_it_ends(self):
        """Raises what the socket raises, which may be at the second time."""
        for _ in range(2):
            self.ask()


class Load(threading.Thread):
    """Asks over UDP until it is ended; ``lost`` are those without an answer."""

    def __init__(self, lan, vip):
        super().__init__()
        self._lan, self._vip = lan, vip
        self._end = threading.Event()
        self.answers = []

    def run(self):
        while not self._end.is_set():
            self.answers += self._lan.who(self._vip, 5, wait=1.0).elements()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self.join()

    @property
    def lost(self):
        return self.answers.count("")


def test_datagrams_are_shared_out_by_weight(lan, vip):
    lan.apply(vip, *both(lan, vip, 1, 1))
    assert lan.who(vip, 40) == {"ns1": 20, "ns3": 20}
    lan.apply(vip, *both(lan, vip, 3, 1))
    assert lan.who(vip, 40) == {"ns1": 30, "ns3": 10}
    assert sum(lan.who(vip, 10, "tcp").values()) == 10


def test_a_drain_loses_nothing_and_leaves_sessions_where_they_are(lan, vip):
    lan.apply(vip, *both(lan, vip, 1, 1))
    with Session(lan, vip) as one, Session(lan, vip) as other, Load(lan, vip) as load:
        # Round robin: one session each.
        assert {one.ask(), other.ask()} == {"ns1", "ns3"}
        drained = one if one.ask() == "ns1" else other
        lan.apply(vip, *both(lan, vip, 0, 1))
        for _ in range(20):
            assert drained.ask() == "ns1"
        assert lan.who(vip, 10, "tcp") == {"ns3": 10}
        assert lan.who(vip, 20) == {"ns3": 20}
        lan.apply(vip, *both(lan, vip, 1, 1)[1:])
        kept = other if drained is one else one
        assert kept.ask() == "ns3"
        # Its server is out for good now: an end, no silence.
        with pytest.raises((OSError, EOFError)):
            drained.ask_until_it_ends()
    assert load.lost == 0
    assert len(load.answers) > 20


def test_a_server_that_is_taken_out_gets_nothing_from_that_moment(lan, vip):
    lan.apply(vip, *both(lan, vip, 1, 1))
    dead, alive = lan.servers
    dead.named.stop()
    try:
        lost = lan.who(vip, 20, wait=0.5)
        assert lost[""] == 10
        lan.apply(vip, *both(lan, vip, 1, 1)[1:])
        assert lan.who(vip, 20) == {alive.name: 20}
        assert lan.who(vip, 5, "tcp") == {alive.name: 5}
    finally:
        dead.named.start()
        lan.await_named(dead)


def test_a_client_stays_with_its_server_if_that_is_wanted(lan, vip):
    settings = Settings(scheduler="mh")
    lan.apply(vip, *both(lan, vip, 1, 1), settings=settings)
    (mine,) = lan.who(vip, 20)
    assert set(lan.who(vip, 5, "tcp")) == {mine}
    others = [one for one in lan.servers if one.name != mine]
    lan.apply(vip, *(one.member(ip_address(vip)) for one in others), settings=settings)
    assert set(lan.who(vip, 10)) == {others[0].name}


def test_nobody_is_left_and_then_the_address_is_gone(lan, vip):
    lan.apply(vip, *both(lan, vip, 1, 1))
    assert vip in lan.director.run(["ip", "address", "show", "anycast-lvs"]).stdout
    lan.apply(vip, *both(lan, vip, 0, 0))
    assert vip in lan.ipvsadm("-L", "-n")
    assert "anycast-lvs" not in lan.director.run(["ip", "link"]).stdout
    lan.apply(vip)
    assert vip not in lan.ipvsadm("-L", "-n")
    assert "anycast-lvs" not in lan.director.run(["ip", "link"]).stdout
    assert lan.who(vip, 1, wait=0.5) == {"": 1}
