"""The page, in a real browser where there is one, on a real listener, of nodes in every state."""

import asyncio
import json
import re
from contextlib import asynccontextmanager
from ipaddress import ip_address
from urllib.parse import urlsplit

import pytest

from anycast_wrapper.web import Asked
from anycast_wrapper.web.listener import Listener
from anycast_wrapper.web.page import FILES, POLICY, Page

from . import pictures
from .browser import PROGRAM, Browser

needs_browser = pytest.mark.skipif(PROGRAM is None, reason="needs Chromium")
LOOPBACK = ip_address("127.0.0.1")


class Node:
    """Something that can be looked at, in whatever state a test wants it."""

    def __init__(self, state="announced", **more):
        self.asked = 0
        self.be(state, **more)

    def be(self, state, **more):
        self.document, self.hour = pictures.status(state, **more), pictures.hour(state)

    async def status(self):
        self.asked += 1
        return self.document

    def page(self):
        return Page(self.status, lambda: self.hour, "ns1.example.net")

    @asynccontextmanager
    async def listening(self, port=0):
        listener = Listener([(LOOPBACK, port)], self.page().routes(), lambda *_: None)
        listener.open()
        try:
            async with asyncio.timeout(10):
                while not listener.bound:  # noqa: ASYNC110 - no event tells
                    await asyncio.sleep(0.01)
            yield listener.bound[0][1]
        finally:
            await listener.close()


@asynccontextmanager
async def visit(node, tmp_path, **screen):
    async with node.listening() as port, Browser(tmp_path) as browser:
        await browser.look(**screen)
        await browser.open(f"http://127.0.0.1:{port}/")
        await browser.until("document.querySelector('#s0-p1-plot svg') !== null")
        yield browser
        assert not browser.troubles
        places = {urlsplit(one).netloc for one in browser.asked}
        assert places == {f"127.0.0.1:{port}"}


def text(browser, selector):
    return browser.ask(f"document.querySelector({json.dumps(selector)}).innerText")


# --- without a browser ---


def test_the_files_ask_nobody_else_and_hold_no_code_in_the_page():
    for path, (name, _) in FILES.items():
        answer = asyncio.run(Node().page().routes()[path](Asked(path)))
        body = answer.body.decode()
        outside = re.sub(r"http://www\.w3\.org/\S+", "", body)  # names, which nobody asks for
        assert not re.search(r"https?://|//[a-z]+\.[a-z]", outside), name
        assert answer.policy == POLICY
        if name == "index.html":
            assert not re.search(r"<style|style=|<script(?! src=)|\son[a-z]+=", body)
    assert "unsafe" not in POLICY


def test_the_script_makes_no_html_of_anything():
    body = asyncio.run(Node().page().routes()["/page.js"](Asked("/page.js"))).body.decode()
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|new Function", body
    )
    assert len(body.splitlines()) <= 320


def test_many_who_look_at_once_cost_one_question():
    async def story():
        node, now = Node(), [0.0]
        routes = Page(node.status, lambda: node.hour, "n", clock=lambda: now[0]).routes()
        ask = routes["/api/status.json"]
        answers = await asyncio.gather(*(ask(Asked("/api/status.json")) for _ in range(100)))
        assert node.asked == 1
        assert len({answer.body for answer in answers}) == 1
        now[0] += 1.0
        await ask(Asked("/api/status.json"))
        assert node.asked == 2
        return json.loads(answers[0].body)

    document = asyncio.run(story())
    assert {"node", "version", "at", "state", "services"} <= set(document)


def test_a_question_that_fails_is_not_remembered():
    async def story():
        node, broken = Node(), [True]

        async def status():
            if broken[0]:
                raise RuntimeError
            return await node.status()

        ask = Page(status, dict, "n").routes()["/api/status.json"]
        with pytest.raises(RuntimeError):
            await ask(Asked("/api/status.json"))
        broken[0] = False
        return await ask(Asked("/api/status.json"))

    assert json.loads(asyncio.run(story()).body)["state"] == "announced"


# --- with one ---


@needs_browser
def test_it_shows_the_node_and_changes_live(tmp_path):
    async def story():
        node = Node()
        async with visit(node, tmp_path) as browser:
            assert await text(browser, "#word") == "Announced"
            assert await browser.ask("document.title") == "Announced · ns1.example.net"
            whole = await text(browser, "body")
            for words in ("resolver", pictures.V4, "example.test-SOA", "1.2 ms", "3,668 / s"):
                assert words in whole
            assert "This node" in await text(browser, "#peers")
            assert "as of 2 s ago" in await text(browser, "#peers")
            assert "not known: ospf6d does not answer" in await text(browser, "#peers")
            assert await text(browser, "#link") == "Live"
            node.be("drained")
            await browser.until("document.querySelector('#word').innerText === 'Drained'")
            assert "by ann (as root): new disk" in await text(browser, "#why")
            assert "Drained" in await browser.ask("document.title")
            assert "preferred → withdrawn: drained" in await text(browser, "#events")

    asyncio.run(story())


@needs_browser
def test_what_comes_from_the_network_stays_text(tmp_path):
    async def story():
        node = Node("withdrawn")
        async with visit(node, tmp_path) as browser:
            assert pictures.NASTY in await text(browser, "#why")
            assert pictures.NASTY in await text(browser, "#events")
            assert pictures.NASTY in await text(browser, "#s0-p0-now")
            service = node.document["services"][0]
            service["name"] = service["probes"][0]["name"] = pictures.NASTY
            node.document["services"] = [json.loads(json.dumps(service))]
            await browser.until("document.querySelector('#s0-head').innerText.includes('<script>')")
            assert await browser.ask("document.querySelectorAll('script, img').length") == 1
            assert await browser.ask("document.title") == "Withdrawn · ns1.example.net"

    asyncio.run(story())


@needs_browser
@pytest.mark.parametrize(
    ("truth", "words"),
    [("leaking", "Leaking into OSPF"), ("not-originated", "Missing from OSPF")],
)
def test_a_lie_is_loud(tmp_path, truth, words):
    async def story():
        node = Node("withdrawn" if truth == "leaking" else "announced", truth=truth)
        async with visit(node, tmp_path) as browser:
            assert words in await text(browser, "#s0-addresses")
            assert pictures.V4 in await text(browser, "#lies")
            assert (await browser.ask("document.title")).startswith("! ")
            node.be("announced")
            await browser.until("document.querySelector('#lies').innerText === ''")

    asyncio.run(story())


@needs_browser
def test_a_connection_that_is_lost_is_said_with_the_age_and_found_again(tmp_path):
    async def story():
        node = Node()
        async with Browser(tmp_path) as browser:
            async with node.listening() as port:
                await browser.open(f"http://127.0.0.1:{port}/")
                await browser.until("document.querySelector('#word').innerText === 'Announced'")
            await browser.until("document.querySelector('#link').innerText === 'Connection lost'")
            said = await browser.until(
                "(/What you see is ([2-9]|[0-9][0-9]) s old/.exec("
                "document.querySelector('#lost').innerText) || [''])[0]"
            )
            assert said.endswith("s old")
            assert (await browser.ask("document.title")).startswith("Connection lost")
            assert await text(browser, "#word") == "Announced"  # what was last heard
            node.be("drained")
            async with node.listening(port):
                await browser.until("document.querySelector('#word').innerText === 'Drained'", 40)
                assert await text(browser, "#link") == "Live"
                assert await browser.ask("document.querySelector('#lost').hidden")
            # Refused connections are told of in the console by the browser itself.
            assert all("ERR_CONNECTION" in one for one in browser.troubles), browser.troubles

    asyncio.run(story())


@needs_browser
def test_nobody_who_does_not_look_asks(tmp_path):
    async def story():
        node = Node()
        async with visit(node, tmp_path) as browser:
            hide = (
                "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
                "document.dispatchEvent(new Event('visibilitychange'))"
            )
            await browser.ask(hide % "true")
            await asyncio.sleep(1.5)  # what was under way has come
            before = node.asked
            await asyncio.sleep(2.5)  # nothing to wait for is the point
            assert node.asked == before
            node.be("drained")
            await browser.ask(hide % "false")
            await browser.until("document.querySelector('#word').innerText === 'Drained'")

    asyncio.run(story())


CONTRAST = """(() => {
  const parse = (c) => c.match(/[0-9.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
  const ground = (e) => { for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] === 1) return c;
  } return [255, 255, 255]; };
  const poor = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !e.getClientRects().length || e.closest("noscript")) continue;
    const style = getComputedStyle(e);
    const a = light(parse(e.namespaceURI.endsWith("svg") ? style.fill : style.color));
    const b = light(ground(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push([e.tagName, e.textContent.slice(0, 30), ratio.toFixed(2)]);
  }
  return poor;
})()"""


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_on_a_phone_and_by_day_and_night_in_every_state(tmp_path, scheme):
    async def story():
        node = Node()
        async with visit(node, tmp_path, width=360, height=700, scheme=scheme) as browser:
            for state in pictures.RANKS:
                node.be(state, truth="leaking" if state == "withdrawn" else "agrees")
                word = json.dumps(state.capitalize())
                await browser.until(f"document.querySelector('#word').innerText === {word}")
                wide = await browser.ask("document.documentElement.scrollWidth")
                assert wide <= 360, (state, wide)
                poor = await browser.ask(CONTRAST)
                assert poor == [], (state, scheme, poor)

    asyncio.run(story())


@needs_browser
def test_it_speaks_to_those_who_do_not_see_it(tmp_path):
    async def story():
        node = Node("degraded")
        async with visit(node, tmp_path) as browser:
            mute = (
                "[...document.querySelectorAll('svg')].filter((e) => !e.getAttribute('aria-label')"
            )
            assert await browser.ask(f"{mute} && !e.getAttribute('aria-hidden')).length") == 0
            strip = "document.querySelector('#s0-strip svg').getAttribute('aria-label')"
            assert "Last resort (probe-timeout)" in await browser.ask(strip)
            plot = "document.querySelector('#s0-p0-plot svg').getAttribute('aria-label')"
            assert re.search(r"\d+ of 3550 questions failed", await browser.ask(plot))
            levels = "[...document.querySelectorAll('h1,h2,h3')].map((e) => e.tagName).join()"
            assert (await browser.ask(levels)).startswith("H1,H2,H3")
            for kind in ("keyDown", "keyUp"):
                await browser.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab",
                                   windowsVirtualKeyCode=9)  # fmt: skip
            assert await browser.ask("document.activeElement.className") == "skip"

    asyncio.run(story())


@needs_browser
def test_a_node_that_was_just_started_is_seen_from_nearby(tmp_path):
    async def story():
        node = Node()
        node.hour["services"][0]["ranks"] = [
            {"ago": 250.0, "rank": "preferred", "reason": "healthy", "detail": ""}
        ]
        async with visit(node, tmp_path) as browser:
            assert "5 min ago" in await text(browser, "#s0-strip")
            assert "5 min ago" in await text(browser, "#s0-p0-plot")
            left = "document.querySelector('#s0-strip rect').getAttribute('x')"
            wide = "document.querySelector('#s0-strip').clientWidth"
            share = float(await browser.ask(left)) / await browser.ask(wide)
            assert share == pytest.approx(50 / 300, abs=0.01)

    asyncio.run(story())


@needs_browser
def test_what_is_read_is_left_alone_while_nothing_changes(tmp_path):
    async def story():
        node = Node()
        async with visit(node, tmp_path) as browser:
            await browser.ask("window.kept = document.querySelector('#s0-strip').firstChild")
            await browser.ask("window.word = document.querySelector('#word').firstChild")
            before = node.asked
            async with asyncio.timeout(10):
                while node.asked < before + 3:  # noqa: ASYNC110 - no event tells
                    await asyncio.sleep(0.05)
            assert await browser.ask("window.kept.isConnected && window.word.isConnected")

    asyncio.run(story())
