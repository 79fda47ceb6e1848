"""The page and `status --watch` of a real node: OSPF, named, a load, a drain."""

import json
import subprocess
import sys

import pytest

from anycast_wrapper.lab.cluster import Cluster
from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.topology import Lab
from anycast_wrapper.lab.wrapper import PACKAGE_ROOT, Wrapper
from tests.web.browser import PROGRAM

from .cluster import figure, pause

ADDRESSES = ("192.0.2.53", "2001:db8:53::53")
METRICS = '[metrics]\nlisten = "127.0.0.1:9153"\ncount-queries = true\n'
COUNTING = "table inet anycast_wrap_count"
WORD = "document.querySelector('#word').innerText"
PEERS = "document.querySelector('#peers').innerText"
EXPRESSIONS = (
    f"{WORD} === 'Announced' && {WORD}",
    f"/announced by 2 nodes/.test({PEERS}) && {PEERS}",
    "/[1-9][0-9]* queries/.exec(document.querySelector('#s0-addresses').innerText)[0]",
    "document.querySelectorAll('.median').length > 0",
    f"{WORD} === 'Drained' && document.querySelector('#why').innerText",
    "/Not in OSPF/.test(document.querySelector('#s0-addresses').innerText)",
    f"/announced by one node/.test({PEERS})",
    f"{WORD} === 'Announced' && {WORD}",
)


@pytest.fixture(scope="module")
def cluster():
    with Lab() as lab:
        wrappers = [Wrapper(host, ADDRESSES) for host in lab.hosts]
        for wrapper in wrappers:
            wrapper.write(METRICS + wrapper.config.read_text())
        made = Cluster(lab, ADDRESSES, wrappers)
        made.start()
        yield made


def queries(wrapper):
    return {one["address"]: one for one in wrapper.status()["queries"]["addresses"]}


@pytest.mark.skipif(PROGRAM is None, reason="needs Chromium")
def test_the_page_shows_a_real_node_and_follows_it(cluster, tmp_path):
    one = cluster.one
    cluster.settle()
    argv = [sys.executable, "-m", "tests.web.visit", str(tmp_path), "http://127.0.0.1:9153/",
            str(tmp_path / "page.png"), *EXPRESSIONS]  # fmt: skip
    visitor = one.host.popen(
        ["env", f"PYTHONPATH={PACKAGE_ROOT}", *argv], stdout=subprocess.PIPE, cwd=PACKAGE_ROOT
    )

    def line():
        said = visitor.stdout.readline()
        assert said, "the visitor has given up"
        return json.loads(said)

    with cluster.load():
        assert line() == "Announced"
        assert "This node" in line()
        figure(f"the page under load says: {line()} a second")
        assert line() is True
    one("drain", "new", "disk")
    assert "new disk" in line()
    assert line() is True
    assert line() is True
    one("undrain")
    assert line() == "Announced"
    assert line() == {"troubles": [], "places": ["127.0.0.1:9153"]}
    assert visitor.wait(20) == 0
    visitor.stdout.close()
    figure(f"what it looked like: {(tmp_path / 'page.png').stat().st_size} bytes of picture")


def test_queries_are_counted_by_the_node_and_no_rule_outlives_it(cluster):
    one = cluster.one
    cluster.settle()
    queries(one)
    with cluster.load(1000) as load:
        pause(2)
        queries(one)
        pause(3)
        found = queries(one)
    rates = {address: entry["udp_per_second"] for address, entry in found.items()}
    figure(f"1,000 q/s over two nodes and two addresses, counted on one: {rates} a second")
    # Each of two addresses gets half of the load, and this node about half of that.
    assert all(100 < rate < 450 for rate in rates.values()), (rates, load.results.summary())

    one.kill()
    assert COUNTING in one.host.run(["nft", "list", "tables"]).stdout
    assert "count queries" in one("status", check=False).stdout
    assert "rules that counted queries removed" in one("withdraw").stdout
    assert COUNTING not in one.host.run(["nft", "list", "tables"]).stdout
    one.start()
    one.kill()
    one.start()
    assert queries(one)
    one("stop", "--force")
    eventually(
        lambda: COUNTING not in one.host.run(["nft", "list", "tables"]).stdout,
        awaiting="no rules of ours",
    )
    one.start()
    cluster.settle()
