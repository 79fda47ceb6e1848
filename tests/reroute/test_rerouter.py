"""The keeper of the rules, against rules and peers that do as they are told."""

import asyncio
from ipaddress import ip_address

import pytest

from anycast_wrapper.ports import Diverted, Peer, RerouteError
from anycast_wrapper.reroute import rerouter
from anycast_wrapper.reroute.rerouter import Rerouter

A, B = ip_address("192.0.2.53"), ip_address("2001:db8::53")
ONE, TWO = (Peer(ip_address(f"198.51.100.{n}"), "lan") for n in (1, 2))
SERVICES = ((A, 53), (B, 53))


class Rules:
    def __init__(self):
        self.calls = []
        self.refuses = ""
        self.news = asyncio.Event()
        self.counted = Diverted({A: 3, B: 0}, {ONE: 3})

    def _do(self, *call):
        if self.refuses:
            raise RerouteError(self.refuses)
        self.calls.append(call)
        self.news.set()

    async def apply(self, services, peers):
        self._do("apply", services, peers)

    async def divert(self, addresses):
        self._do("divert", tuple(addresses))

    async def counters(self):
        self._do("counters")
        return self.counted

    async def remove(self):
        self._do("remove")
        return True

    def done(self, name):
        return [call[1:] for call in self.calls if call[0] == name]


class Source:
    def __init__(self):
        self.peers = {A: (ONE,), B: ()}

    async def find(self, addresses):
        assert set(addresses) <= {A, B}
        return {address: self.peers[address] for address in addresses}


@pytest.fixture
def made():
    said = []
    rules, source = Rules(), Source()
    keeper = Rerouter(rules, source, SERVICES, lambda event, words: said.append((event, words)))
    return keeper, rules, source, said


def test_rules_are_changed_only_if_something_changed(made):
    keeper, rules, source, said = made

    async def play():
        await keeper.refresh()
        await keeper.refresh()
        assert len(rules.done("apply")) == 1
        source.peers[A] = (TWO,)
        await keeper.refresh()
        keeper.serve(SERVICES[:1])
        await keeper.refresh()

    asyncio.run(play())
    assert rules.done("apply") == [
        (SERVICES, {A: (ONE,), B: ()}),
        (SERVICES, {A: (TWO,), B: ()}),
        (SERVICES[:1], {A: (TWO,)}),
    ]
    assert said[0] == (
        "reroute-peers",
        "192.0.2.53 to 198.51.100.1%lan; 2001:db8::53 to nobody",
    )


def test_a_failure_is_told_once_and_tried_again(made):
    keeper, rules, _, said = made
    rules.refuses = "nft -j -f -: exit 1: no"

    async def play():
        await keeper.refresh()
        await keeper.refresh()
        assert keeper.report()["working"] is False
        assert keeper.report()["detail"] == rules.refuses
        rules.refuses = ""
        await keeper.refresh()

    asyncio.run(play())
    assert [event for event, _ in said] == ["reroute-failed", "reroute-peers"]
    assert keeper.report()["working"] is True
    assert keeper.report()["detail"] == ""


def test_what_could_not_be_diverted_is_made_up_for(made):
    keeper, rules, _, _ = made

    async def play():
        await keeper.refresh()
        rules.refuses = "no"
        with pytest.raises(RerouteError):
            await keeper.divert([A])
        rules.refuses = ""
        await keeper.refresh()

    asyncio.run(play())
    assert len(rules.done("apply")) == 2


def test_the_report_says_to_whom_and_how_many(made):
    keeper, _, _, _ = made

    async def play():
        await keeper.refresh()
        await keeper.divert([A])

    asyncio.run(play())
    assert keeper.report() == {
        "working": True,
        "detail": "",
        "addresses": [
            {
                "address": "192.0.2.53",
                "diverting": True,
                "peers": ["198.51.100.1%lan"],
                "packets": 3,
            },
            {"address": "2001:db8::53", "diverting": False, "peers": [], "packets": 0},
        ],
        "peers": [{"peer": "198.51.100.1%lan", "packets": 3}],
    }


def test_a_verdict_makes_it_look_for_peers_at_once_and_the_end_takes_all_out(made, monkeypatch):
    keeper, rules, source, said = made
    monkeypatch.setattr(rerouter, "REFRESH", 3600.0)

    async def applied(count):
        while len(rules.done("apply")) < count:
            await rules.news.wait()
            rules.news.clear()

    async def play():
        keeper.open()
        await asyncio.wait_for(applied(1), 5)
        source.peers[A] = (TWO,)
        await keeper.divert([A])
        await asyncio.wait_for(applied(2), 5)
        await keeper.close()
        assert rules.calls[-1] == ("remove",)
        rules.refuses = "no"
        await keeper.close()

    asyncio.run(play())
    assert said[-1] == ("reroute-left-behind", "no; `anycast-wrap withdraw` removes it")
