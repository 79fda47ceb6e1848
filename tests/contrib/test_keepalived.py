"""What is shipped for LVS. keepalived itself reads and runs it in ``tests/vm``: ``./run vm``."""

from __future__ import annotations

import pathlib
import re
import shlex
import shutil
import subprocess

import pytest

from anycast_wrapper.check import options
from anycast_wrapper.config.trackfile import parse
from anycast_wrapper.track.wiring import policy


@pytest.fixture
def folder(contrib: pathlib.Path) -> pathlib.Path:
    return contrib / "keepalived"


def blocks(text: str) -> list[tuple[str, dict[str, list[str]]]]:
    """The transport of each virtual server, and the check of each of its real servers."""
    found = []
    for block in text.split("\nvirtual_server ")[1:]:
        (transport,) = re.findall(r"protocol (\w+)", block)
        reals = re.findall(r'real_server (\S+) 53 \{.*?misc_path "([^"]*)"', block, re.DOTALL)
        found.append((transport.lower(), {real: shlex.split(words) for real, words in reals}))
    return found


def test_every_check_asks_its_own_server_over_the_transport_of_its_virtual_server(folder) -> None:
    servers = []
    for transport, checks in blocks((folder / "keepalived.conf").read_text()):
        for real, (program, command, *words) in checks.items():
            assert (program, command) == ("/usr/bin/anycast-wrap", "check")
            said = options.read(words)
            assert said.wrong is None
            assert said.values["server"] == real
            assert said.values["transport"] == transport
            assert said.values["style"] == "exit"
            servers.append((transport, real))
    both = ("10.1.53.2", "10.3.53.2")
    assert servers == [(transport, real) for transport in ("udp", "tcp") for real in both]


def test_keepalived_waits_longer_than_a_check_may_take(folder) -> None:
    text = (folder / "keepalived.conf").read_text()
    limits = {int(seconds) for seconds in re.findall(r"misc_timeout (\d+)", text)}
    default = options.read(["192.0.2.1", "example.test"]).values["timeout"]
    assert default.endswith("s")
    assert min(limits) > float(default.removesuffix("s"))


def test_track_does_the_same(folder) -> None:
    config = parse((folder / "track-ipvs.toml").read_text(), "f")
    assert config.track.backend == "ipvs"
    (pool,) = policy(config).pools
    _, checks = blocks((folder / "keepalived.conf").read_text())[0]
    assert {str(one.addresses[0]) for one in pool.servers} == set(checks)
    assert f"virtual_server {pool.addresses[0]} 53" in (folder / "keepalived.conf").read_text()


@pytest.mark.root
@pytest.mark.skipif(shutil.which("nft") is None, reason="no nft here")
def test_two_name_servers_on_one_machine_are_told_apart_by_rules_that_nft_takes(folder) -> None:
    argv = ["unshare", "-n", "nft", "-f", str(folder / "two-binds.nft")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
