"""What people are shown of a node, put together out of its configuration."""

import asyncio
import json
import sys
import time

import pytest

from anycast_wrapper.config.load import parse
from anycast_wrapper.showing import Showing
from anycast_wrapper.web import Asked
from tests.web import pictures

LISTEN = '[metrics]\nlisten = "127.0.0.1:9153"\n'
STATUS = "/api/status.json"


@pytest.fixture
def vtysh(tmp_path):
    """A routing daemon's shell that writes down every question, and says nothing that is known."""
    program = tmp_path / "vtysh"
    program.write_text(
        f"#!{sys.executable}\n"
        "import pathlib, sys, time\n"
        f"with pathlib.Path({str(tmp_path)!r}, 'asked').open('a') as file: file.write('x')\n"
        "time.sleep(0.5)\n"
        "print('% nobody knows')\n"
    )
    program.chmod(0o755)
    return program


def showing(vtysh, more=LISTEN, **options):
    text = (
        f'{more}[routing]\nvtysh = ["{vtysh}"]\n'
        '[[service]]\nname = "resolver"\naddresses = ["192.0.2.53", "2001:db8:53::53"]\n'
    )
    return Showing(parse(text, "f"), lambda *_: None, **options)


async def status():
    return pictures.status()


def test_where_nothing_listens_there_is_no_page(vtysh):
    assert showing(vtysh, "").routes(status) == {}


def test_a_status_document_is_completed(vtysh):
    async def story():
        document = pictures.status()
        await showing(vtysh).complete(document)
        return document

    document = asyncio.run(story())
    assert document["queries"] is None
    assert [probe["recent"] for probe in document["services"][0]["probes"]] == [[], []]


def test_a_routing_daemon_that_is_slow_is_waited_for_only_once(vtysh, tmp_path):
    async def story():
        made = showing(vtysh, peers_every=2.0)
        ask = made.routes(status)[STATUS]
        first = json.loads((await ask(Asked(STATUS))).body)
        await asyncio.sleep(2)  # until both, the document and the peers, are to be asked for anew
        began = time.monotonic()
        await ask(Asked(STATUS))
        took = time.monotonic() - began
        async with asyncio.timeout(10):
            while len((tmp_path / "asked").read_text()) < 4:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
            while made._tasks:  # noqa: ASYNC110 - until it has heard
                await asyncio.sleep(0.05)
        await made.close()
        return first["peers"], took

    found, took = asyncio.run(story())
    assert [one["announced"] for one in found["addresses"]] == [None, None]
    assert all("nobody knows" in one["why"] for one in found["addresses"])
    assert found["routers"] == {"ipv4": None, "ipv6": None}
    assert took < 0.3
    assert (tmp_path / "asked").read_text() == "xxxx"  # ospfd and ospf6d, twice


def test_the_last_hour_is_there_from_the_beginning(vtysh):
    async def story():
        routes = showing(vtysh).routes(status)
        return json.loads((await routes["/api/history.json"](Asked("/api/history.json"))).body)

    assert asyncio.run(story()) == {"seconds": 3600.0, "step": 10.0, "services": [], "probes": []}
