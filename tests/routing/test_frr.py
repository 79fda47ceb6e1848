"""What the routing daemons say, and every way in which vtysh can fail to say it."""

import asyncio
import json
import os
import sys
import time
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anycast_wrapper.routing import Vtysh
from anycast_wrapper.routing.frr import MAX_OUTPUT, SECONDS

V4 = ip_address("192.0.2.53")
V6 = ip_address("2001:db8:53::53")
RECORDED = Path(__file__).parent / "recorded"


def ask(argv, versions=(4, 6)):
    return asyncio.run(asyncio.wait_for(Vtysh(argv).originated(versions), 10))


@pytest.fixture
def vtysh(tmp_path):
    """A vtysh that does as it is told in Python; ``asked`` is its last argument."""

    def make(body):
        script = tmp_path / "vtysh"
        head = f"#!{sys.executable} -S\nimport json, os, sys, time\nasked = sys.argv[-1]\n"
        script.write_text(head + body)
        script.chmod(0o755)
        return (str(script), "-N", "x")

    return make


def printing(vtysh, text):
    return vtysh(f"sys.stdout.write({text!r})")


def router_lsa(*links, age=4):
    return {
        "lsaAge": age,
        "options": "*|-|-|-|-|-|E|-",
        "linkStateId": "192.168.53.11",
        "advertisingRouter": "192.168.53.11",
        "routerLinks": {f"link{n}": link for n, link in enumerate(links)},
    }


def stub(address, mask="255.255.255.255"):
    return {
        "linkType": "Stub Network",
        "networkAddress": address,
        "networkMask": mask,
        "numOfTosMetrics": 0,
        "tos0Metric": 10,
    }


TRANSIT = {
    "linkType": "a Transit Network",
    "designatedRouterAddress": "192.168.53.1",
    "routerInterfaceAddress": "192.168.53.11",
}


def ospf(*lsas):
    states = {f"192.168.53.{n}": lsa for n, lsa in enumerate(lsas)}
    return {"routerId": "192.168.53.11", "Router Link States": {"0.0.0.0": states}}


def ospf_of_frr_10(*lsas):
    """By its source, ospfd/ospf_vty.c: a list by area."""
    return {"routerId": "192.168.53.11", "routerLinkStates": {"areas": {"0.0.0.0": list(lsas)}}}


def ospf6(*lsas):
    return {"areaScopedLinkStateDb": [{"areaId": "0.0.0.0", "lsa": list(lsas)}]}


HEAD6 = {"type": "Intra-Prefix", "linkStateId": "0.0.0.0", "advertisingRouter": "192.168.53.11"}


def prefixes(*texts, age=4):
    return {**HEAD6, "age": age, "prefix": [{"prefix": text, "metric": 10} for text in texts]}


def external(address, bits=32, metric=20):
    return {
        "lsaAge": 5,
        "linkStateId": address,
        "advertisingRouter": "192.168.53.11",
        "networkMask": bits,
        "metricType": "E2 (Larger than any link state path)",
        "tos": 0,
        "metric": metric,
    }


def external6(prefix):
    head = {**HEAD6, "type": "AS-External"}
    lsa = {**head, "age": 4, "bits": "E--", "metric": 20, "prefix": prefix}
    return {"asScopedLinkStateDb": [{"lsa": [lsa]}]}


@pytest.mark.parametrize(
    ("document", "found"),
    [
        (ospf(), set()),
        (ospf(router_lsa(TRANSIT)), set()),
        (ospf(router_lsa(TRANSIT, stub("192.0.2.53"))), {"192.0.2.53"}),
        (ospf(router_lsa(stub("192.0.2.0", "255.255.255.0"))), set()),
        (ospf(router_lsa(stub("192.0.2.53"), age=3600)), set()),
        (ospf(router_lsa(stub("192.0.2.53"), age=3599)), {"192.0.2.53"}),
        (
            ospf(router_lsa(stub("192.0.2.53"), age=3600), router_lsa(stub("192.0.2.54"))),
            {"192.0.2.54"},
        ),
        (ospf_of_frr_10(), set()),
        (ospf_of_frr_10(router_lsa(TRANSIT, stub("192.0.2.53"))), {"192.0.2.53"}),
        (ospf_of_frr_10(router_lsa(stub("192.0.2.53"), age=3600)), set()),
        ({"AS External Link States": {}}, set()),
        ({"AS External Link States": {"192.0.2.53": external("192.0.2.53")}}, {"192.0.2.53"}),
        ({"asExternalLinkStates": [external("192.0.2.53")]}, {"192.0.2.53"}),
        ({"asExternalLinkStates": [external("192.0.2.0", 24), external("0.0.0.0", 0)]}, set()),
        ({"asExternalLinkStates": [external("192.0.2.53", metric=0xFFFFFF)]}, set()),
        ({}, set()),
        ({"routerId": "192.168.53.11"}, set()),
    ],
    ids=str,
)
def test_the_host_routes_of_our_router_lsas_are_what_ospf_originates(vtysh, document, found):
    answers = ask(printing(vtysh, json.dumps(document)), (4,))
    assert answers == {4: frozenset(map(ip_address, found))}


@pytest.mark.parametrize(
    ("document", "found"),
    [
        (ospf6(), set()),
        (ospf6(prefixes("2001:db8:53::53/128", "2001:db8::/64")), {"2001:db8:53::53"}),
        (ospf6(prefixes("2001:db8:53::53/128", age=3600)), set()),
        (ospf6({**HEAD6, "age": 4}), set()),
        (external6("2001:db8:53::53/128"), {"2001:db8:53::53"}),
        (external6("2001:db8:53::/64"), set()),
        (external6("::"), set()),
        ({}, set()),
    ],
    ids=str,
)
def test_the_host_prefixes_of_our_lsas_are_what_ospf6_originates(vtysh, document, found):
    answers = ask(printing(vtysh, json.dumps(document)), (6,))
    assert answers == {6: frozenset(map(ip_address, found))}


def test_what_is_redistributed_counts_beside_what_is_not(vtysh):
    both = [ospf(router_lsa(stub("192.0.2.53"))), {"asExternalLinkStates": [external("192.0.2.9")]}]
    answers = ask(printing(vtysh, "\n".join(map(json.dumps, both))), (4,))
    assert answers == {4: frozenset(map(ip_address, ("192.0.2.53", "192.0.2.9")))}


def test_what_frr_really_says_is_understood(vtysh):
    body = f"""
name = "ospf6.json" if "ipv6" in asked else "ospf.json"
sys.stdout.write(open(os.path.join({str(RECORDED)!r}, name)).read())
"""
    answers = ask(vtysh(body))
    assert answers == {4: frozenset({V4}), 6: frozenset({V6})}


def test_each_daemon_is_asked_for_its_own_and_only_if_it_matters(vtysh, tmp_path):
    log = tmp_path / "asked"
    argv = vtysh(f"open({str(log)!r}, 'a').write(f'{{sys.argv[1:]}}\\n'); print('{{}}')")
    assert set(ask(argv, (4,))) == {4}
    assert set(ask(argv, (6,))) == {6}
    assert ask(argv, ()) == {}
    four, six = log.read_text().splitlines()
    words = ["router self-originate", "external self-originate"]
    asked = [word for one in words for word in ("-c", f"show ip ospf database {one} json")]
    assert four == str(["-N", "x", *asked])
    assert "show ipv6 ospf6 database intra-prefix self-originated detail json" in six
    assert "show ipv6 ospf6 database as-external self-originated detail json" in six


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ospfd is not running\n", "ospfd: ospfd is not running"),
        ("\n% Unknown command: show ip ospf\n", "ospfd: % Unknown command: show ip ospf"),
        ("", "ospfd: no answer"),
        (" \n\n", "ospfd: no answer"),
        (
            "% Can't open it\nExiting: failed to connect to any daemons.\nHint: be root\n",
            "ospfd: Exiting: failed to connect to any daemons.",
        ),
        ("{", "ospfd: {"),
        ("x" * 5000, f"ospfd: {'x' * 120}"),
        ("[" * 90_000, f"ospfd: {'[' * 120}"),
    ],
)
def test_an_error_with_exit_status_0_is_told_shortly(vtysh, text, words):
    assert ask(printing(vtysh, text), (4,)) == {4: words}


def test_bytes_that_are_no_text_are_told(vtysh):
    (answer,) = ask(vtysh("sys.stdout.buffer.write(b'\\xff\\xfe')"), (4,)).values()
    assert answer == "ospfd: ��"


@pytest.mark.parametrize(
    "document",
    [
        [],
        5,
        None,
        "text",
        {"what": "else"},
        {"routerId": "192.168.53.11", "else": 1},
        {"Router Link States": []},
        {"routerLinkStates": []},
        {"routerLinkStates": {"areas": {"0.0.0.0": 5}}},
        {"asExternalLinkStates": {"a": 1}},
        {"Router Link States": {"0.0.0.0": [1]}},
        {"Router Link States": {"0.0.0.0": {"a": 5}}},
        {"Router Link States": {"0.0.0.0": {"a": {"lsaAge": "old"}}}},
        {"Router Link States": {"0.0.0.0": {"a": {"lsaAge": None}}}},
        {"Router Link States": {"0.0.0.0": {"a": {"routerLinks": []}}}},
        ospf(router_lsa({"networkMask": "255.255.255.255"})),
        ospf(router_lsa(stub("nonsense"))),
    ],
    ids=str,
)
def test_a_form_that_we_do_not_know_is_no_answer(vtysh, document):
    (answer,) = ask(printing(vtysh, json.dumps(document)), (4,)).values()
    assert answer == "ospfd answers in a form that is not known here"


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"areaScopedLinkStateDb": {}.fromkeys("ab")},
        {"areaScopedLinkStateDb": [1]},
        ospf6(5),
        ospf6({"age": "x"}),
        ospf6({"prefix": [{}]}),
        ospf6(prefixes("nonsense")),
        ospf6(prefixes("2001:db8::1/64")),
    ],
    ids=str,
)
def test_a_form_that_we_do_not_know_is_no_answer_of_ospf6d(vtysh, document):
    (answer,) = ask(printing(vtysh, json.dumps(document)), (6,)).values()
    assert answer == "ospf6d answers in a form that is not known here"


def test_a_vtysh_that_is_not_there_is_told():
    answers = ask(("/nonexistent/vtysh",))
    assert answers == dict.fromkeys((4, 6), "/nonexistent/vtysh: No such file or directory")


def test_a_vtysh_that_hangs_is_ended_with_its_children(vtysh, tmp_path):
    pids = tmp_path / "pids"
    body = f"""
child = os.fork()
open({str(pids)!r}, "a").write(f"{{os.getpid()}}\\n")
time.sleep(600)
"""
    began = time.monotonic()
    answers = ask(vtysh(body), (4,))
    assert answers == {4: f"ospfd does not answer within {SECONDS:g} s"}
    assert time.monotonic() - began < SECONDS + 1
    both = [int(pid) for pid in pids.read_text().split()]
    assert len(both) == 2
    until(lambda: not any(map(runs, both)))


def test_one_that_hangs_does_not_keep_the_other_from_answering(vtysh):
    body = "time.sleep(600) if 'ipv6' in asked else print('{}')"
    assert ask(vtysh(body)) == {4: frozenset(), 6: "ospf6d does not answer within 1 s"}


def test_a_vtysh_without_an_end_is_cut_off(vtysh):
    body = "data = b'x' * 65536\nwhile True: os.write(1, data)"
    began = time.monotonic()
    answers = ask(vtysh(body), (4,))
    assert time.monotonic() - began < SECONDS + 1
    (answer,) = answers.values()
    assert answer.endswith(f"prints more than {MAX_OUTPUT} bytes")


@settings(deadline=None, max_examples=25)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda children: (
            st.lists(children, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "Router Link States",
                        "routerLinkStates",
                        "asExternalLinkStates",
                        "areaScopedLinkStateDb",
                        "lsa",
                        "prefix",
                        "lsaAge",
                    ],
                ),
                children,
                max_size=3,
            )
        ),
        max_leaves=10,
    ),
)
def test_no_document_makes_it_raise(tmp_path_factory, document):
    path = tmp_path_factory.getbasetemp() / "document.json"
    path.write_text(json.dumps(document))
    # vtysh's own options follow the path, so that cat would read them: let the shell have them.
    answers = ask(("sh", "-c", f"cat {path}"))
    assert set(answers) == {4, 6}


def runs(pid):
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def until(condition, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        os.sched_yield()
