"""What the contenders are told, without starting them."""

import configparser
import shutil
import subprocess

import pytest

from bench.contenders import ALL, ahc, bgp, exabgp
from bench.contenders.beside import PLAIN_CHECK, STRICT_CHECK
from bench.contenders.model import ADDRESS, TOOLS
from bench.peers import missing


def test_every_contender_gives_up_only_after_what_it_may_take():
    for contender in ALL.values():
        # Two intervals and a timeout are the slowest of them.
        assert contender.cap > 2 * contender.interval + 2, contender.name


def test_names_fit_the_names_of_parts():
    for name, contender in ALL.items():
        assert name == contender.name
        assert ":" not in name


def test_ahc_is_told_its_own_defaults():
    """From anycast_healthchecker/__init__.py 0.9.10, and its README."""
    text = ahc.tool_configuration("/x", ahc.Check())
    parsed = configparser.ConfigParser()
    parsed.read_string(text)
    check = parsed["resolver"]
    assert (check["check_interval"], check["check_timeout"]) == ("10", "2")
    assert (check["check_rise"], check["check_fail"]) == ("2", "2")
    assert check["check_cmd"] == PLAIN_CHECK
    assert check["check_disabled"] == "false"
    assert parsed["daemon"]["bird_conf"] == "/x/prefixes.conf"


def test_ahc_is_disabled_for_a_planned_stop_and_then_withdraws():
    parsed = configparser.ConfigParser()
    parsed.read_string(ahc.tool_configuration("/x", ahc.TIGHT, disabled=True))
    assert parsed["resolver"]["check_disabled"] == "true"
    assert parsed["resolver"]["on_disabled"] == "withdraw"


@pytest.mark.skipif(shutil.which("bird") is None, reason="BIRD is not installed")
def test_bird_takes_its_configuration(tmp_path):
    (tmp_path / "prefixes.conf").write_text(f"define {ahc.VARIABLE} = [ {ahc.DUMMY} ];\n")
    config = tmp_path / "bird.conf"
    config.write_text(ahc.bird_configuration(str(tmp_path), "192.168.53.11"))
    done = subprocess.run(["bird", "-p", "-c", config], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(bool(missing([exabgp.PROGRAM])), reason="ExaBGP is not installed")
@pytest.mark.parametrize("name", ["exabgp-default", "exabgp-tight", "watchdog-default"])
def test_exabgp_takes_its_configuration(tmp_path, name):
    config = tmp_path / "exabgp.conf"
    config.write_text(ALL[name].deploy(Somewhere(tmp_path)).text())
    done = subprocess.run(
        [exabgp.PROGRAM, "validate", config], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


class Somewhere:
    """As much of a host as a configuration needs."""

    name = "host1"
    address = "192.168.53.11"

    def __init__(self, directory):
        self.directory = directory


def test_only_the_tight_healthcheck_withdraws(tmp_path):
    default = ALL["exabgp-default"].deploy(Somewhere(tmp_path)).text()
    tight = ALL["exabgp-tight"].deploy(Somewhere(tmp_path)).text()
    assert "--withdraw-on-down" not in default
    assert "--interval" not in default
    assert PLAIN_CHECK in default
    assert "--withdraw-on-down" in tight
    assert STRICT_CHECK in tight


def test_the_gateway_uses_the_routes_of_all_hosts_together():
    text = bgp.configuration("198.51.100.1", ["192.168.53.11", "192.168.53.12"])
    assert text.count(f"remote-as {bgp.AS}") == 2
    assert f"maximum-paths ibgp {bgp.MOST_PATHS}" in text


def test_the_technotes_wrapper_does_no_more_than_it_did(tmp_path):
    """It adds the address, waits for the server, removes the address."""
    log = tmp_path / "log"
    ip = tmp_path / "ip"
    ip.write_text(f'#!/bin/sh\necho "$@" >>{log}\n')
    ip.chmod(0o755)
    server = f"echo serving >>{log}"
    subprocess.run(
        [TOOLS / "technote-wrapper", ADDRESS, "sh", "-c", f"sleep 0.2; {server}"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        timeout=10,
        check=True,
    )
    done = log.read_text().splitlines()
    assert done == [f"addr add {ADDRESS}/32 dev lo", "serving", f"addr del {ADDRESS}/32 dev lo"]
