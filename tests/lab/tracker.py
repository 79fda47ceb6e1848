"""``anycast-wrap track`` on the gateway of a farm: its file, its commands, its log."""

import json
import signal
import subprocess
import sys
from typing import Any

from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.load import PACKAGE_ROOT

from .farm import Farm


class Tracker:
    """One tracker.

    Args:
        farm: whose servers it tracks.
        pools: TOML of the pools, without their servers.
        more: TOML of anything else.
    """

    def __init__(self, farm: Farm, pools: list[str], more: str = "") -> None:
        self.farm = farm
        self.directory = farm.gateway.directory / "track"
        self.directory.mkdir(exist_ok=True)
        self.config = self.directory / "track.toml"
        servers = "".join(
            f'[[pool.server]]\nname = "{one.name}"\n'
            f'addresses = ["{one.address}", "{one.address6}"]\n'
            for one in farm.servers
        )
        probe = '[[pool.probe]]\nqname = "example.test"\nqtype = "SOA"\nexpect = { aa = true }\n'
        text = f"""
[control]
socket = "{self.directory}/control.sock"
[log]
to = "{self.directory}/log"
level = "debug"
[track]
drain-file = "{self.directory}/drained"
linger = "1s"
{more}
""" + "".join(f"[[pool]]\n{pool}\n{servers}{probe}" for pool in pools)
        self.config.write_text(text, encoding="utf-8")
        self.process: subprocess.Popen[str] | None = None

    def argv(self, *words: str) -> list[str]:
        program = (sys.executable, "-m", "anycast_wrapper")
        return [
            *("env", f"PYTHONPATH={PACKAGE_ROOT}"),
            *(*program, "-c", str(self.config), "track", *words),
        ]

    def __call__(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.farm.gateway.run(self.argv(*words), check=check, timeout=60)

    def start(self) -> None:
        """Start it, and do not wait."""
        out = (self.directory / "out").open("a", encoding="utf-8")
        with out:
            self.process = self.farm.gateway.popen(self.argv("run"), stdout=out, stderr=out)

    def kill(self) -> None:
        """End it, so that it cannot do anything about it."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End it as systemd does."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=30)

    def status(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self("status", "--json", check=False).stdout)
        return document

    def log(self) -> str:
        """What it wrote, and what it said where there was no log."""
        files = (self.directory / "out", self.directory / "log")
        return "".join(one.read_text(encoding="utf-8") for one in files if one.exists())

    def await_logged(self, words: str) -> None:
        eventually(lambda: words in self.log(), awaiting=words, seen=self.log)
