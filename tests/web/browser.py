"""A headless Chromium, driven over the DevTools protocol: no more of it than the tests need."""

import asyncio
import base64
import contextlib
import itertools
import shutil
import time

import aiohttp

PROGRAM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)

FLAGS = (
    "--headless=new",
    "--no-sandbox",  # tests run as root, and the page is our own
    "--disable-gpu",
    "--hide-scrollbars",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
)


class Browser:
    """One page of one browser.

    Attributes:
        asked: the address of everything that it has asked for.
        troubles: errors and warnings of its console, exceptions, and what its policy has blocked.
    """

    def __init__(self, directory):
        self._directory = directory
        self._numbers = itertools.count(1)
        self._replies = {}
        self.asked = []
        self.troubles = []

    async def __aenter__(self):
        self._log = (self._directory / "chromium.log").open("wb")
        self._process = await asyncio.create_subprocess_exec(
            PROGRAM, *FLAGS, f"--user-data-dir={self._directory}", "about:blank",
            stdout=self._log, stderr=self._log,
        )  # fmt: skip
        port = await self._port()
        self._session = aiohttp.ClientSession()
        async with self._session.get(f"http://127.0.0.1:{port}/json/list") as reply:
            pages = [one for one in await reply.json() if one["type"] == "page"]
        self._socket = await self._session.ws_connect(
            pages[0]["webSocketDebuggerUrl"], max_msg_size=1 << 26
        )
        self._reader = asyncio.create_task(self._read())
        for domain in ("Page", "Network", "Runtime", "Log"):
            await self.call(f"{domain}.enable")
        return self

    async def __aexit__(self, *exc):
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader
        await self._socket.close()
        await self._session.close()
        self._process.terminate()
        await self._process.wait()
        self._log.close()

    async def _port(self):
        """It writes down where it listens once it does."""
        file = self._directory / "DevToolsActivePort"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError, IndexError):
                return int(file.read_text().splitlines()[0])
            await asyncio.sleep(0.05)
        raise TimeoutError(
            "chromium does not start: " + (self._directory / "chromium.log").read_text()
        )

    async def _read(self):
        async for message in self._socket:
            said = message.json()
            if "id" in said:
                self._replies.pop(said["id"]).set_result(said)
            else:
                self._hear(said["method"], said["params"])

    def _hear(self, method, params):
        match method:
            case "Network.requestWillBeSent":
                if not (address := params["request"]["url"]).startswith("data:"):
                    self.asked.append(address)  # data: is what the browser's first page is of
            case "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                self.troubles.append(str(details.get("exception", details)))
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                self.troubles.append(str(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                self.troubles.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")

    async def call(self, method, **params):
        number = next(self._numbers)
        self._replies[number] = future = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        said = await asyncio.wait_for(future, 30)
        assert "error" not in said, (method, said)
        return said["result"]

    async def look(self, *, width=1200, height=900, scheme="light"):
        """Be a screen of this size that likes it light or dark."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        feature = {"name": "prefers-color-scheme", "value": scheme}
        await self.call("Emulation.setEmulatedMedia", features=[feature])

    async def open(self, address):
        await self.call("Page.navigate", url=address)

    async def ask(self, expression):
        """The value of a JavaScript expression."""
        said = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in said, said
        return said["result"].get("value")

    async def until(self, expression, seconds=20):
        """Its value once it is true; fails with the page's text if it never is."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(AssertionError):
                if value := await self.ask(expression):
                    return value
            await asyncio.sleep(0.05)
        raise AssertionError((expression, await self.ask("document.body.innerText"), self.troubles))

    async def shoot(self, path):
        """The whole page as a picture."""
        said = await self.call("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        path.write_bytes(base64.b64decode(said["data"]))
