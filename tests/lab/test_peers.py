"""Who announces what, by the OSPF database; the last node does not leave; the two lies are told."""

import json
import signal
import time

import pytest

from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.topology import Lab
from anycast_wrapper.lab.wrapper import Wrapper

from .cluster import figure

V4, V6 = ADDRESSES = ("192.0.2.53", "2001:db8:53::53")
LAST = f"this node is the last that announces {V4} and {V6}: nobody else does"


def peers(wrapper):
    """What `peers --json` says on its host: its exit status; of each address, what of each host."""
    done = wrapper("peers", "--json", check=False)
    document = json.loads(done.stdout)
    names = {host.address: host.name for host in wrapper.lab.hosts}
    found = {
        one["address"]: {names[announcer["router"]]: announcer for announcer in one["announcers"]}
        for one in document["addresses"]
    }
    return done.returncode, found


def reachable(wrapper):
    """The hosts that announce each address and can be reached, as `peers` has it."""
    _, found = peers(wrapper)
    return [{name for name, one in hosts.items() if one["reachable"]} for hosts in found.values()]


def await_reachable(wrapper, *names, within=20.0):
    began = time.monotonic()
    eventually(
        lambda: reachable(wrapper) == [set(names)] * 2,
        awaiting=f"only {names} reachable",
        within=within,
        seen=lambda: peers(wrapper),
    )
    return time.monotonic() - began


def test_peers_and_the_last_node():
    with Lab(3) as lab:
        wrappers = [Wrapper(host, ADDRESSES) for host in lab.hosts]
        for wrapper in wrappers:
            wrapper.lab = lab
            wrapper.start()
        one, two, three = wrappers
        await_reachable(one, "host1", "host2", "host3")
        three_nodes_are_listed(one)
        the_gateway_knows_as_well(one)

        two.kill()
        took = await_reachable(one, "host1", "host3")
        figure(f"kill -9 of a wrapper, seen by peers: {took:.2f} s")
        assert "host2" not in peers(one)[1][V4]
        lab.hosts[2].ip("link set lan down")
        took = await_reachable(one, "host1", within=30)
        figure(f"a host cut off, seen by peers: {took:.2f} s")
        code, found = peers(one)
        assert code == 0
        dead = [hosts["host3"]["reachable"] for hosts in found.values() if "host3" in hosts]
        assert dead == [False, False]
        assert "  unreachable  cost 10 " in one("peers").stdout

        the_last_one_stays(one)
        # The one that is cut off sees nobody, and is the last one as well as far as it knows.
        refused = three("stop", check=False)
        assert (refused.returncode, LAST in refused.stderr) == (1, True), refused.stderr


def three_nodes_are_listed(one):
    code, found = peers(one)
    assert code == 0
    for hosts in found.values():
        assert set(hosts) == {"host1", "host2", "host3"}
        assert [name for name, said in hosts.items() if said["here"]] == ["host1"]
        assert {said["cost"] for said in hosts.values()} == {10}
        assert {said["area"] for said in hosts.values()} == {"0.0.0.0"}
        assert max(said["age"] for said in hosts.values()) < 60
    text = one("peers").stdout
    assert f"{V4}: 3 nodes announce it\n" in text
    assert "  192.168.53.11    this node    cost 10 " in text
    assert one("peers", "192.0.2.99", check=False).returncode == 1


def the_gateway_knows_as_well(one):
    """Where no wrapper runs, and nothing is announced."""
    gateway = one.lab.gateway
    config = one.directory / "gateway.toml"
    mine, theirs = str(one.host.router.directory), str(gateway.router.directory)
    config.write_text(one.config.read_text().replace(mine, theirs))
    argv = [str(config) if word == str(one.config) else word for word in one.argv("peers")]
    done = gateway.run(argv)
    assert f"{V6}: 3 nodes announce it\n" in done.stdout
    assert "this node" not in done.stdout


def the_last_one_stays(one):
    pid = one.pid
    for command in ("stop", "drain", "restart"):
        refused = one(command, check=False)
        assert refused.returncode == 1
        assert LAST in refused.stderr
        assert "192.168.53.13 cannot be reached, so it does not count" in refused.stderr
        assert "insist with --force" in refused.stderr
    assert "departure-refused" in one.log()
    assert (one.pid, one.service()["rank"]) == (pid, "preferred")
    figure(f"the last one is told: {refused.stderr.strip()}")

    assert one("drain", "--force").stderr == ""
    assert one.status()["state"] == "drained"
    # What is not announced here cannot be the last; and there is no error in announcing again.
    one("restart")
    one("undrain")
    one.await_rank("preferred")
    assert one("peers").returncode == 0
    assert one("stop", "--force").stdout == "stopped\n"
    code, found = peers(one)
    assert (code, reachable(one)) == (1, [set(), set()]), found

    # Whoever shuts the host down has decided.
    one.start()
    one.kill(signal.SIGTERM)
    eventually(lambda: one("status", check=False).returncode == 3, awaiting="the end", seen=one.log)


def test_a_database_that_nobody_reads_holds_nobody_back():
    with Lab(1) as lab:
        node = Wrapper(lab.hosts[0], ADDRESSES)
        node.start()
        for daemon in ("ospfd", "ospf6d"):
            node.host.kill_daemon(daemon)
        drained = node("drain")
        assert "warning: nobody knows whether another node announces" in drained.stderr
        assert "ospfd is not running" in drained.stderr
        assert node("peers", check=False).returncode == 1


@pytest.fixture(scope="module")
def node():
    with Lab(1) as lab:
        wrapper = Wrapper(lab.hosts[0], ADDRESSES)
        wrapper.lab = lab
        # With metrics, it looks every ten seconds by itself.
        metrics = '[metrics]\nlisten = "127.0.0.1:9153"\n\n'
        wrapper.amend("[drain]", metrics + "[drain]\nminimum = 0")
        yield wrapper


def truths(node):
    return {one["address"]: one["truth"] for one in node.service()["addresses"]}


def await_truth(node, truth, within=30.0):
    began = time.monotonic()
    wanted = dict.fromkeys(ADDRESSES, truth)
    eventually(
        lambda: truths(node) == wanted, awaiting=truth, within=within, seen=lambda: truths(node)
    )
    return time.monotonic() - began


def await_event(node, event, *addresses):
    """The log tells of it, once for each address, when the wrapper has looked by itself."""
    said = [f'{event} detail="{address}: ' for address in addresses]
    eventually(
        lambda: all(words in node.log() for words in said), awaiting=event, seen=node.log, within=15
    )
    assert [node.log().count(words) for words in said] == [1] * len(said)


def on_rank(node, words):
    for family in ("ip ospf", "ipv6 ospf6"):
        node.host.vtysh("configure terminal", "interface anycast0", words.format(family))


def test_what_is_announced_and_not_originated_is_told(node):
    on_rank(node, "no {} area")
    node.start()
    assert "about to originate it" in node("status").stdout
    took = await_truth(node, "not-originated")
    figure(f"no area on anycast0: told after {took:.1f} s")
    text = node("status").stdout
    assert text.count("BUT NOT ORIGINATED BY OSPF") == 2
    assert "    !! nobody is sent here: look for `ip ospf area`" in text
    await_event(node, "announcement-missing", V4, V6)
    on_rank(node, "{} area 0.0.0.0")
    figure(f"area set: healed after {await_truth(node, 'agrees'):.1f} s")
    assert "!!" not in node("status").stdout
    await_event(node, "announcement-true", V4, V6)


def test_what_is_held_and_originated_is_told(node):
    """Redistributed from another interface that has the address."""
    node("start")
    node("drain")
    await_truth(node, "agrees")
    for daemon in ("ospf", "ospf6"):
        node.host.vtysh("configure terminal", f"router {daemon}", "redistribute connected")
    with_it = node.host.open_tap("leak0", ADDRESSES, up=True)
    try:
        took = await_truth(node, "leaking")
        figure(f"an address that leaks: told after {took:.1f} s")
        node.lab.gateway.await_nodes(V4, {"host1"})
        text = node("status", check=False).stdout
        assert text.count("BUT ORIGINATED BY OSPF") == 2
        assert "    !! queries come here and nobody vouches for the answers" in text
        await_event(node, "announcement-leaks", V4, V6)
    finally:
        with_it.close()
    await_truth(node, "agrees")
    node("undrain")
    await_truth(node, "agrees")
