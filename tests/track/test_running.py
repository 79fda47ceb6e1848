"""A tracker as it runs, with a kernel of memory and probes that look for a file."""

import asyncio
import contextlib
import json
import logging
import socket
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from anycast_wrapper.cli import trackview
from anycast_wrapper.config.trackfile import load
from anycast_wrapper.control.client import request
from anycast_wrapper.control.lock import Lock
from anycast_wrapper.gateway import events
from anycast_wrapper.telemetry.logs import ROOT
from anycast_wrapper.track.catalogue import OURS
from anycast_wrapper.track.running import Gateway
from tests.fakes.forwarding import FakeForwarding, FakeRoutes

FOUR, SIX = "192.0.2.53", "2001:db8::53"

TEXT = """
[track]
drain-file = "{here}/drained"
linger = "50ms"
[control]
socket = "{here}/control.sock"
[metrics]
listen = "127.0.0.1:{port}"
[[pool]]
name = "resolver"
addresses = ["192.0.2.53", "2001:db8::53"]
[[pool.server]]
name = "ns1"
addresses = ["198.51.100.1", "2001:db8:1::1"]
weight = {weight}
[[pool.server]]
name = "ns2"
addresses = ["198.51.100.2"]
[[pool.probe]]
name = "alive"
type = "command"
command = ["test", "-e", "{here}/{{server}}"]
interval = "100ms"
recheck = "20ms"
timeout = "3s"
"""


class Scene:
    """A tracker, and its end of everything."""

    def __init__(self, here):
        self.here = Path(here)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.file = self.here / "track.toml"
        self.write()
        for server in ("198.51.100.1", "198.51.100.2", "2001:db8:1::1"):
            (self.here / server).touch()
        self.routes = FakeRoutes()
        self.notified = self.here / "notify"
        self.heard = None

    def write(self, weight=1, more=""):
        self.file.write_text(TEXT.format(here=self.here, port=self.port, weight=weight) + more)

    @contextlib.asynccontextmanager
    async def running(self):
        config = load(self.file)
        lock = Lock(config.control.socket)
        lock.acquire()
        self.heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.heard.bind(str(self.notified))
        self.heard.setblocking(False)
        environ = {"NOTIFY_SOCKET": str(self.notified)}
        self.gateway = Gateway(config, self.file, environ, lambda _: FakeForwarding(self.routes))
        task = asyncio.create_task(self.gateway.run(lock))
        try:
            yield self
            self.gateway._tracker.post(events.StopAsked())
            self.exit = await asyncio.wait_for(task, 10)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def ask(self, command, **fields):
        socket_ = self.here / "control.sock"
        return await asyncio.to_thread(request, socket_, command, seconds=10, **fields)

    async def status(self):
        return (await self.ask("status"))["status"]

    def leads(self, address):
        return {
            str(a): w
            for k, v in self.routes.ours.items()
            if str(k) == address
            for a, w in v.items()
        }

    async def until(self, condition):
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - of a kernel, a log, a file
                await asyncio.sleep(0.01)

    def told_systemd(self):
        said = []
        with contextlib.suppress(BlockingIOError):
            while True:
                said.append(self.heard.recv(4096).decode())
        return "\n".join(said)

    async def scrape(self):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(f"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n".encode())
        text = (await reader.read()).decode()
        writer.close()
        return text


@pytest.fixture
def scene():
    with tempfile.TemporaryDirectory() as here:  # short enough for the path of a socket
        made = Scene(here)
        yield made
        if made.heard is not None:
            made.heard.close()


def test_its_life(scene):
    async def life():
        async with scene.running():
            await scene.until(lambda: len(scene.leads(FOUR)) == 2 and len(scene.leads(SIX)) == 1)
            status = await scene.status()
            assert status["state"] == "served"
            assert status["settled"]
            assert "READY=1" in scene.told_systemd()

            (scene.here / "198.51.100.2").unlink()
            await scene.until(lambda: len(scene.leads(FOUR)) == 1)
            status = await scene.status()
            two = status["pools"][0]["servers"][1]["addresses"][0]
            assert (two["state"], two["reason"]) == ("down", "probe-command-failed")
            shown = trackview.render(status)
            assert "ns2" in shown
            assert "probe-command-failed" in shown
            assert "192.0.2.53               served, leads to 1 of 2 by 1 entries" in shown

            (scene.here / "2001:db8:1::1").unlink()
            await scene.until(lambda: not scene.leads(SIX))
            status = await scene.status()
            assert status["state"] == "partly-served"
            assert status["pools"][0]["addresses"][1]["how"] == "withdrawn"
            assert json.loads(json.dumps(status)) == status
        assert scene.exit.code == 0
        assert scene.routes.ours == {}
        assert "STOPPING=1" in scene.told_systemd()

    asyncio.run(life())


def test_drain_and_undrain(scene):
    async def life():
        async with scene.running():
            await scene.until(lambda: len(scene.leads(FOUR)) == 2)
            reply = await scene.ask("drain", server="ns1", detail="by me: new disk")
            assert reply == {"ok": True, "servers": ["resolver/ns1"], "warning": None}
            assert list(scene.leads(FOUR)) == ["198.51.100.2"]
            assert scene.leads(SIX) == {}
            assert "drained by me: new disk" in trackview.render(await scene.status())
            reply = await scene.ask("undrain", server="resolver/ns1")
            assert reply["ok"]
            await scene.until(lambda: len(scene.leads(FOUR)) == 2)
            for nobody in ("nobody", "other/ns1", "", "ns1/", "x" * 500):
                reply = await scene.ask("drain", server=nobody)
                assert not reply["ok"]
                assert "there is no server" in reply["error"]

    asyncio.run(life())


def test_a_reload_takes_over_all_of_a_file_or_nothing(scene):
    async def life():
        async with scene.running():
            await scene.until(lambda: len(scene.leads(FOUR)) == 2)
            scene.write(weight=7)
            assert (await scene.ask("reload"))["ok"]
            await scene.until(lambda: scene.leads(FOUR)["198.51.100.1"] == 7)
            scene.write(weight=0)
            reply = await scene.ask("reload")
            assert (reply["ok"], reply["code"]) == (False, 6)
            assert "pool[1].server[1].weight: found 0" in reply["error"]
            scene.write(more="[route]\nmetric = 7\n")
            reply = await scene.ask("reload")
            assert "route changed, which needs a restart" in reply["error"]
            assert scene.leads(FOUR)["198.51.100.1"] == 7

    asyncio.run(life())


def test_a_refusal_is_shown_and_told_of(scene, caplog):
    async def life():
        scene.routes.refused = {}
        async with scene.running():
            await scene.until(lambda: len(scene.leads(FOUR)) == 2)
            address = next(a for a in scene.routes.ours if str(a) == FOUR)
            scene.routes.refused[address] = "File exists"
            (scene.here / "198.51.100.2").unlink()
            await scene.until(lambda: "apply-refused" in caplog.text)
            status = await scene.status()
            shown = trackview.render(status)
            assert "!! 192.0.2.53: File exists; tried again in" in shown
            assert status["state"] == "degraded"
            scene.routes.refused.clear()
            await scene.until(lambda: len(scene.leads(FOUR)) == 1)

    ROOT.propagate = True
    with caplog.at_level(logging.INFO, "anycast_wrapper"):
        asyncio.run(life())
    events_ = {record.getMessage().split()[0] for record in caplog.records}
    assert {"server-changed", "address-changed", "apply-refused", "apply-recovered"} <= events_


def test_every_metric_is_there_and_no_other(scene):
    async def life():
        async with scene.running():
            await scene.until(lambda: len(scene.leads(FOUR)) == 2)
            await scene.ask("drain", server="ns2")
            text = await scene.scrape()
            names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}
            ours = {name for name in names if name.startswith("anycast_wrap_track_")}
            assert ours == {metric.shown for metric in OURS}
            site = 'pool="resolver",server="ns1",server_address="198.51.100.1"'
            assert f"anycast_wrap_track_server_up{{{site}}} 1.0" in text
            assert 'anycast_wrap_track_server_weight{pool="resolver",server="ns2"} 0.0' in text
            assert 'track_address_members{address="192.0.2.53",pool="resolver"} 1.0' in text
            assert 'anycast_wrap_track_state{track_state="served"} 1.0' in text
            results = [line for line in text.splitlines() if "track_probe_results_total{" in line]
            (good,) = [line for line in results if "198.51.100.1" in line and "healthy" in line]
            assert float(good.split()[-1]) >= 2

    asyncio.run(life())


def test_a_table_for_people_has_a_line_for_every_address_of_a_server():
    now = datetime.now(tz=UTC).isoformat()
    site = {
        "address": "198.51.100.1",
        "state": "up",
        "reason": "healthy",
        "detail": "",
        "latency_ms": 1.25,
        "since": now,
        "last": now,
    }
    document = {
        "state": "served",
        "pid": 7,
        "transitions": [{"at": now, "event": "route-adopted", "detail": "x"}],
        "pools": [
            {
                "name": "resolver",
                "minimum": 1,
                "below_minimum": "keep",
                "addresses": [
                    {
                        "address": FOUR,
                        "how": "served",
                        "since": None,
                        "means": "resilient group",
                        "members": [{"server": "ns1", "address": "198.51.100.1", "weight": 1}],
                        "left_out": [{"server": "ns9", "detail": "no route"}],
                        "failure": "",
                        "retry_in": None,
                    },
                ],
                "servers": [
                    {
                        "name": "ns1",
                        "weight": 1,
                        "interface": "tun0",
                        "drained": None,
                        "addresses": [site, site | {"address": "2001:db8:1::1", "state": "down"}],
                    },
                ],
            },
        ],
    }
    lines = trackview.render(document).splitlines()
    assert lines[0] == "anycast-wrap track: served, pid 7"
    assert lines[1] == "pool resolver: below 1 healthy servers fails open"
    assert "leads to 1 of 1 by resilient group, since never" in lines[2]
    assert lines[3] == "    !! ns9 left out: no route"
    assert [line.split()[0] for line in lines[4:7]] == ["server", "ns1", "2001:db8:1::1"]
    assert "198.51.100.1 via tun0" in lines[5]
    assert lines[6].endswith("healthy")


def test_what_does_not_run_is_said():
    shown = trackview.render({"state": "dead", "left_behind": ["192.0.2.53 leads to nobody"]})
    assert "track withdraw" in shown
    assert "192.0.2.53 leads to nobody" in shown
    assert "why" in trackview.render({"state": "unknown", "detail": "why"})
