"""Who the peers are, from what FRR 8.4 says, word for word as far as it matters."""

import asyncio
import json
import sys
from ipaddress import ip_address

import pytest

from anycast_wrapper.ports import Peer
from anycast_wrapper.routing.nudge import FrrNudge, NudgeError
from anycast_wrapper.routing.peers import OspfPeers, documents

A, B, SIX = (ip_address(a) for a in ("192.0.2.53", "192.0.2.54", "2001:db8:53::53"))
ME, TWO, THREE = "192.168.53.11", "192.168.53.12", "192.168.53.13"


def neighbour(address, state="2-Way/DROther"):
    return [{"nbrState": state, "address": address, "ifaceName": f"lan:{ME}"}]


def router(name, costs, age=10):
    links = {
        f"link{number}": {
            "linkType": "Stub Network",
            "networkAddress": address,
            "networkMask": "255.255.255.255",
            "tos0Metric": cost,
        }
        for number, (address, cost) in enumerate(costs.items())
    }
    links["link9"] = {"linkType": "a Transit Network", "routerInterfaceAddress": name}
    head = {"lsaAge": age, "linkStateId": name, "advertisingRouter": name}
    lsa = {**head, "routerLinks": links}
    return {"routerId": ME, "Router Link States": {"0.0.0.0": {name: lsa}}}


def router_of_frr_10(name, costs):
    """A list by area (ospfd/ospf_vty.c)."""
    (lsa,) = router(name, costs)["Router Link States"]["0.0.0.0"].values()
    return {"routerId": ME, "routerLinkStates": {"areas": {"0.0.0.0": [lsa]}}}


def neighbour6(name, address, state="Twoway"):
    return {f"{name}%lan": entry6(address, state)}


def entry6(address, state):
    return {"interface": "lan", "linkLocalAddress": address, "neighborState": state}


def prefixes(name, *networks, age=10):
    found = [{"prefix": network, "metric": 10} for network in networks]
    head = {"type": "Intra-Prefix", "linkStateId": "0.0.0.0", "advertisingRouter": name}
    lsa = {**head, "age": age, "prefix": found}
    return {"areaScopedLinkStateDb": [{"areaId": "0.0.0.0", "lsa": [lsa]}]}


@pytest.fixture
def vtysh(tmp_path):
    """A vtysh that says what it was taught to say to each question, and writes down all."""
    script, taught = tmp_path / "vtysh.py", tmp_path / "taught.json"
    script.write_text(
        f"""
import json, pathlib, sys
questions = sys.argv[2::2]
here = pathlib.Path({str(tmp_path)!r})
with (here / "asked").open("a") as file:
    file.write(json.dumps(questions) + "\\n")
taught = json.loads((here / "taught.json").read_text())
for question in questions:
    answer = taught.get(question, "")
    print(answer if isinstance(answer, str) else json.dumps(answer, indent=1))
"""
    )

    class Vtysh:
        argv = (sys.executable, str(script))

        def teach(self, **answers):
            taught.write_text(json.dumps(answers))

        def asked(self):
            return [json.loads(line) for line in (tmp_path / "asked").read_text().splitlines()]

    return Vtysh()


def four(*, neighbours, **routers):
    answers = {"show ip ospf neighbor json": {"neighbors": neighbours}}
    for name, lsa in routers.items():
        answers[f"show ip ospf database router adv-router {name} json"] = lsa
    return answers


def find(source, *addresses):
    return asyncio.run(source.find(addresses))


def peer(address):
    return Peer(ip_address(address), "lan")


def test_a_neighbour_that_originates_the_address_is_a_peer(vtysh):
    vtysh.teach(
        **four(
            neighbours={
                TWO: neighbour(TWO),
                THREE: neighbour(THREE),
                "198.51.100.1": neighbour("192.168.53.1", "Full/DR"),
            },
            **{
                TWO: router(TWO, {"192.0.2.53": 10, "192.0.2.54": 10}),
                THREE: router(THREE, {"192.0.2.53": 10}),
                "198.51.100.1": router("198.51.100.1", {}),
            },
        )
    )
    found = find(OspfPeers(vtysh.argv), A, B)
    assert found == {A: (peer(TWO), peer(THREE)), B: (peer(TWO),)}
    first, second = vtysh.asked()
    assert first == ["show ip ospf neighbor json"]
    assert len(second) == 4


def test_a_peer_is_found_in_what_frr_10_says(vtysh):
    vtysh.teach(
        **four(neighbours={TWO: neighbour(TWO)}, **{TWO: router_of_frr_10(TWO, {"192.0.2.53": 10})})
    )
    assert find(OspfPeers(vtysh.argv), A, B) == {A: (peer(TWO),), B: ()}


def test_known_neighbours_are_asked_about_by_one_process(vtysh):
    vtysh.teach(**four(neighbours={TWO: neighbour(TWO)}, **{TWO: router(TWO, {"192.0.2.53": 10})}))
    source = OspfPeers(vtysh.argv)
    find(source, A)
    find(source, A)
    assert len(vtysh.asked()) == 3


@pytest.mark.parametrize(
    ("state", "lsa"),
    [
        ("Init/DROther", router(TWO, {"192.0.2.53": 10})),
        ("Full/DR", router(TWO, {"192.0.2.53": 10}, age=3600)),
        ("Full/DR", router(TWO, {"192.0.2.54": 10})),
        ("Full/DR", {"unheard": "of"}),
        ("Full/DR", "% Unknown command"),
    ],
)
def test_who_is_not_heard_or_does_not_originate_is_no_peer(vtysh, state, lsa):
    vtysh.teach(**four(neighbours={TWO: neighbour(TWO, state)}, **{TWO: lsa}))
    assert find(OspfPeers(vtysh.argv), A) == {A: ()}


def test_of_several_the_ones_with_the_lowest_cost_are_peers(vtysh):
    vtysh.teach(
        **four(
            neighbours={TWO: neighbour(TWO), THREE: neighbour(THREE)},
            **{
                TWO: router(TWO, {"192.0.2.53": 60000}),
                THREE: router(THREE, {"192.0.2.53": 10}),
            },
        )
    )
    assert find(OspfPeers(vtysh.argv), A) == {A: (peer(THREE),)}


def test_ipv6_goes_by_link_local_addresses_and_by_either_daemon_alone(vtysh):
    vtysh.teach(
        **{
            "show ip ospf neighbor json": "ospfd is not running\n",
            "show ipv6 ospf6 neighbor detail json": neighbour6(TWO, "fe80::12"),
            f"show ipv6 ospf6 database intra-prefix adv-router {TWO} detail json": prefixes(
                TWO, "2001:db8:53::53/128", "2001:db8::/64"
            ),
        }
    )
    assert find(OspfPeers(vtysh.argv), A, SIX) == {A: (), SIX: (peer("fe80::12"),)}


def test_what_was_said_last_counts_while_nothing_is_said(vtysh):
    vtysh.teach(**four(neighbours={TWO: neighbour(TWO)}, **{TWO: router(TWO, {"192.0.2.53": 10})}))
    source = OspfPeers(vtysh.argv)
    find(source, A)
    source._argv = ("/nonexistent/vtysh",)
    assert find(source, A) == {A: (peer(TWO),)}
    assert find(OspfPeers(("/nonexistent/vtysh",)), A) == {A: ()}


def test_documents_are_found_among_words():
    text = 'ospfd is not running\n{"a": 1}\n% {no}\n[{"b": {}}]\n' + "{" * 100_000
    assert {"a": 1} in list(documents("x\n" + json.dumps({"a": 1})))
    assert next(documents(text)) == {"a": 1}


@pytest.mark.parametrize(
    ("versions", "commands"),
    [
        ((4,), ["router ospf", "no max-metric router-lsa on-startup", "exit"]),
        ((6,), ["interface anycast0", "no ipv6 ospf6 advertise prefix-list"]),
    ],
)
def test_a_nudge_looks_before_it_speaks(vtysh, versions, commands):
    both = "interface anycast0\n ipv6 ospf6 area 0\nexit\nrouter ospf\nexit\nrouter ospf6\nexit\n"
    vtysh.teach(**{"show running-config": both})
    asyncio.run(FrrNudge(vtysh.argv, "anycast0", versions).nudge())
    assert vtysh.asked() == [["show running-config"], ["configure terminal", *commands]]


@pytest.mark.parametrize(
    "line",
    [
        "max-metric router-lsa on-startup 60",
        "max-metric router-lsa administrative",
        "ipv6 ospf6 advertise prefix-list X",
    ],
)
def test_a_nudge_takes_nothing_away(vtysh, line):
    vtysh.teach(**{"show running-config": f"router ospf\n {line}\n"})
    with pytest.raises(NudgeError, match="would be taken away"):
        asyncio.run(FrrNudge(vtysh.argv, "anycast0", (4, 6)).nudge())
    assert len(vtysh.asked()) == 1


@pytest.mark.parametrize("configured", ["router bgp 65000", "router ospf vrf x", "router ospf6"])
def test_a_nudge_begins_no_protocol(vtysh, configured):
    vtysh.teach(**{"show running-config": configured})
    asyncio.run(FrrNudge(vtysh.argv, "anycast0", (4, 6)).nudge())
    assert len(vtysh.asked()) == 1


def test_a_nudge_that_cannot_see_the_configuration_says_so(vtysh):
    vtysh.teach(**{"show running-config": "Current configuration:\n!\nend\n"})
    with pytest.raises(NudgeError, match="shows no configuration of any routing protocol"):
        asyncio.run(FrrNudge(vtysh.argv, "anycast0", (4, 6)).nudge())


def test_a_nudge_that_is_not_understood_is_told(vtysh):
    answers = {"show running-config": "router ospf", "router ospf": "% Unknown command: x"}
    vtysh.teach(**answers)
    with pytest.raises(NudgeError, match="% Unknown command: x"):
        asyncio.run(FrrNudge(vtysh.argv, "anycast0", (4,)).nudge())
    with pytest.raises(NudgeError, match="No such file"):
        asyncio.run(FrrNudge(("/nonexistent/vtysh",), "anycast0", (4,)).nudge())
