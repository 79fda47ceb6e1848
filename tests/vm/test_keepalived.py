"""keepalived itself, with the shipped configuration: a bad name server is taken out."""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from anycast_wrapper.lab.eventually import eventually
from tests.gateway.ipvs_world import need_ipvs
from tests.vm.lan import VIP, Lan

EXAMPLE = Path(__file__).parents[2] / "contrib" / "keepalived" / "keepalived.conf"
INSTALLED = "/usr/bin/anycast-wrap"
WITHIN = 120.0


@pytest.fixture(scope="module")
def lan():
    need_ipvs()
    with Lan() as lan:
        yield lan


@pytest.fixture(scope="module")
def config(lan):
    """The shipped file, for where anycast-wrap is here, for whom it can be run by, and slower.

    To keepalived 2.2.7, a program that it cannot execute is a check that succeeds.
    """
    here = Path(sys.executable).with_name("anycast-wrap")
    text = EXAMPLE.read_text().replace(INSTALLED, str(here))
    text = text.replace("script_user nobody", "script_user root")
    path = lan.directory / "keepalived.conf"
    path.write_text(text.replace("misc_timeout 3", "misc_timeout 30"))
    return path


@pytest.fixture(scope="module")
def keepalived(lan, config):
    """Running in the director."""
    log = lan.directory / "keepalived.log"
    pids = [f"--{kind}={lan.directory}/{kind}" for kind in ("pid", "checkers_pid", "vrrp_pid")]
    argv = ["keepalived", "-n", "-l", "-D", "-f", str(config), *pids]
    with log.open("w") as output:
        child = lan.director.popen(argv, stdout=output, stderr=output)
    yield log
    child.send_signal(signal.SIGTERM)
    with contextlib.suppress(TimeoutError):
        child.wait(timeout=20)
    sys.stdout.write(log.read_text())


def reals(lan):
    """By transport, the servers that IPVS has."""
    lines = [line.split() for line in lan.ipvsadm("-S", "-n").splitlines()]
    found = {"-u": set(), "-t": set()}
    for words in lines:
        if words[0] == "-a":
            found[words[1]].add(words[words.index("-r") + 1].partition(":")[0])
    return found


def has(lan, *servers):
    wanted = {one.address for one in servers}
    return lambda: reals(lan) == {"-u": wanted, "-t": wanted}


# 2.2.7 takes its parent for dead while it tests a file, and ends itself (acassen/keepalived#2180),
# unless its parent has no number, as from another namespace.
TESTING = ("unshare", "--pid", "--fork", "keepalived", "-t", "-f")


def test_the_shipped_configuration_is_accepted(lan, config):
    done = lan.director.run([*TESTING, str(config)], check=False)
    assert (done.returncode, done.stderr) == (0, "")
    config.with_name("wrong").write_text(config.read_text().replace("delay_loop", "delay_lop"))
    done = lan.director.run([*TESTING, str(config.with_name("wrong"))], check=False)
    assert done.returncode != 0


def test_a_server_that_says_servfail_is_taken_out_and_comes_back(lan, keepalived):
    bad, good = lan.servers
    everybody = has(lan, bad, good)
    eventually(everybody, within=WITHIN, seen=keepalived.read_text)
    eventually(
        lambda: VIP in lan.director.run(["ip", "address", "show", "lo"]).stdout,
        within=WITHIN,
        seen=keepalived.read_text,
    )
    assert lan.who(VIP, 10) == {bad.name: 5, good.name: 5}

    bad.named.stop()
    bad.named.write_zone(broken=True)
    bad.named.start()
    began = time.monotonic()
    eventually(has(lan, good), within=WITHIN, seen=keepalived.read_text)
    out = time.monotonic() - began
    assert lan.who(VIP, 10) == {good.name: 10}
    assert lan.who(VIP, 3, "tcp") == {good.name: 3}

    bad.named.stop()
    bad.named.write_zone(serial=2)
    bad.named.start()
    began = time.monotonic()
    eventually(everybody, within=WITHIN, seen=keepalived.read_text)
    back = time.monotonic() - began
    assert lan.who(VIP, 10) == {bad.name: 5, good.name: 5}
    sys.stdout.write(f"out after {out:.1f} s, back after {back:.1f} s; load {os.getloadavg()}\n")
