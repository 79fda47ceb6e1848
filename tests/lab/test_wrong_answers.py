"""named runs and answers, but not as it should: withdrawn, with the reason by its name."""

import contextlib
import signal
import time

import pytest

from anycast_wrapper.lab.host import HostOptions
from anycast_wrapper.lab.topology import Lab
from anycast_wrapper.lab.wrapper import Wrapper

from .cluster import figure

ADDRESSES = ("192.0.2.53", "2001:db8:53::53")

PROBE = """
[[service.probe]]
qname = "www.example.test"
qtype = "A"
expect = { aa = true, answer = "203\\\\.0\\\\.113\\\\.80" }
"""


@pytest.fixture(scope="module")
def node():
    """One host that serves, and is healthy again after each test."""
    with Lab(1) as lab:
        wrapper = Wrapper(lab.hosts[0], ADDRESSES, probe=PROBE)
        wrapper.lab = lab
        wrapper.start()
        yield wrapper


def withdrawn(node, name, fault, within=1.5):
    """Make a fault and wait until the routes are gone; what `status` says then."""
    node.await_rank("preferred")
    node.lab.await_quiet()
    with node.lab.gateway.route_log() as log:
        began = time.monotonic()
        fault()
        gone = [log.await_gone("host1", a, began) for a in ADDRESSES]
    service = node.service()
    figure(f"{name}: withdrawn after {max(gone):.2f} s, {service['reason']}: {service['detail']}")
    assert max(gone) < within
    return service


@contextlib.contextmanager
def amended(node, old, new):
    """named with other files, by a SIGHUP, and as it was at the end."""
    path = node.host.dns.config
    zone = node.host.dns.directory / "example.test.zone"
    before = {file: file.read_text() for file in (path, zone)}

    def hurt():
        for file, text in before.items():
            file.write_text(text.replace(old, new))
        node.kill_daemon(signal.SIGHUP)

    try:
        yield hurt
    finally:
        for file, text in before.items():
            file.write_text(text)
        node.kill_daemon(signal.SIGHUP)


def test_servfail(node):
    with amended(node, 'file "example.test.zone"', 'file "no-such-file"') as hurt:
        service = withdrawn(node, "SERVFAIL for everything", hurt)
        assert service["reason"] == "probe-servfail"
        assert "SERVFAIL" in service["detail"]
    node.await_rank("preferred")


def test_refused(node):
    with amended(node, "recursion no;", "recursion no; allow-query { none; };") as hurt:
        assert withdrawn(node, "REFUSED", hurt)["reason"] == "probe-refused"
    node.await_rank("preferred")


def test_a_wrong_answer(node):
    with amended(node, "www A 203.0.113.80", "www A 203.0.113.81") as hurt:
        zone = node.host.dns.directory / "example.test.zone"

        def with_new_serial():
            hurt()
            zone.write_text(zone.read_text().replace("hostmaster 1 ", "hostmaster 2 "))
            node.kill_daemon(signal.SIGHUP)

        service = withdrawn(node, "a wrong answer", with_new_serial)
        assert service["reason"] == "probe-wrong-answer"
    zone.write_text(zone.read_text().replace("hostmaster 1 ", "hostmaster 3 "))
    node.kill_daemon(signal.SIGHUP)
    node.await_rank("preferred")


@contextlib.contextmanager
def nft(node, *rules):
    """A packet filter on the node for the time of a test."""
    chain = "add chain inet lab in { type filter hook input priority 0; }"
    node.host.run(["nft", "add table inet lab"])
    try:
        node.host.run(["nft", chain])
        for rule in rules:
            node.host.run(["nft", f"add rule inet lab in {rule}"])
        yield
    finally:
        node.host.run(["nft", "delete table inet lab"])


@pytest.mark.parametrize(
    ("verdict", "reason", "within"),
    [
        ("reject with tcp reset", "probe-connection-refused", 1.5),
        # What answers nothing takes the timeout of a good question and that of its recheck.
        ("drop", "probe-timeout", 2.2),
    ],
)
def test_tcp_dead_while_udp_lives(node, verdict, reason, within):
    with contextlib.ExitStack() as stack:

        def cut():
            stack.enter_context(nft(node, f"tcp dport 53 {verdict}"))

        service = withdrawn(node, f"TCP dead ({verdict}), UDP alive", cut, within=within)
        assert service["reason"] == reason
        assert "tcp" in service["detail"]
        assert node.host.ask("192.0.2.53") is not None
    node.await_rank("preferred")


def test_an_expired_zone():
    with Lab([HostOptions(secondary=True)]) as lab:
        lab.gateway.start_primary(expire=3)
        wrapper = Wrapper(lab.hosts[0], ADDRESSES)
        wrapper.lab = lab
        wrapper.start()

        def expire():
            lab.gateway.stop_primary()

        # The zone's expiry and one retry come on top of what the wrapper takes.
        service = withdrawn(wrapper, "zone expired (expire 3 s)", expire, within=3 + 1 + 1.5)
        assert service["reason"] == "probe-servfail"
