"""named runs and answers, but not as it should: withdrawn, with the reason by its name."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from anycast_wrapper.lab.bind import ZONE
from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.host import HostOptions
from anycast_wrapper.lab.play import Play
from anycast_wrapper.lab.scenarios.model import Expected, Fault, Scenario, Stage
from anycast_wrapper.lab.wrapper import PROBE, Wrapper

PROMPT = 1.5
"""Seconds within which a wrong answer is noticed: an interval of 1 s and a recheck."""

BACK = 5.0
"""Seconds: rise, and three IPv4 addresses 1.1 s apart."""

CONTENT_PROBE = r"""
[[service.probe]]
qname = "www.example.test"
qtype = "A"
expect = { aa = true, answer = "203\\.0\\.113\\.80" }
"""


class Amended:
    """named's files with one piece replaced, and as they were afterwards.

    Every change of the zone has a serial of its own, or named would not load it.
    """

    serial = 1

    def __init__(self, wrapper: Wrapper) -> None:
        self._wrapper = wrapper
        dns = wrapper.host.dns
        self._files = (dns.config, dns.directory / "example.test.zone")
        self._before = {path: path.read_text(encoding="ascii") for path in self._files}

    def replace(self, old: str, new: str) -> None:
        """Replace, and have named read it."""
        self._write({path: text.replace(old, new) for path, text in self._before.items()})

    def restore(self) -> None:
        """Put everything back."""
        self._write(self._before)

    def _write(self, texts: Mapping[Path, str]) -> None:
        Amended.serial += 1
        for path, text in texts.items():
            fresh = text.replace("hostmaster 1 ", f"hostmaster {Amended.serial} ")
            path.write_text(fresh, encoding="ascii")
        self._wrapper.kill_daemon(signal.SIGHUP)


def amended(words: str, old: str, new: str) -> Fault:
    """The name server reads other files, by a SIGHUP."""

    @contextmanager
    def fault(play: Play) -> Iterator[None]:
        files = Amended(play.one)
        play.begin(words)
        files.replace(old, new)
        try:
            yield
            play.hold(1.0)
        finally:
            play.mend("named has its own files again")
            files.restore()

    return fault


def filtered(words: str, rule: str) -> Fault:
    """A packet filter on the host."""

    @contextmanager
    def fault(play: Play) -> Iterator[None]:
        host = play.one.host
        play.begin(words)
        # In one transaction.
        chain = f"chain in {{ type filter hook input priority 0; {rule}; }}"
        host.run(["nft", "-f", "-"], stdin=f"table inet lab {{\n{chain}\n}}\n")
        try:
            yield
            play.hold(1.0)
        finally:
            play.mend("the filter is gone")
            host.run(["nft", "delete table inet lab"])

    return fault


@contextmanager
def both_services_fail(play: Play) -> Iterator[None]:
    """The zone that both services are probed with does not load any more."""
    host = play.victims[0]
    play.routes.await_came(host, SECOND, play.began)
    play.lab.await_quiet()
    with amended("named loses its zone file", *NO_ZONE)(play):
        yield
        took = play.routes.await_gone(host, SECOND, play.began, within=PROMPT)
        play.mark(f"{SECOND} was gone after {took:.2f} s", host)


@contextmanager
def zone_expires(play: Play) -> Iterator[None]:
    """Every node's zone comes from the gateway, which stops serving it."""
    play.victims[:] = [wrapper.host.name for wrapper in play.cluster.wrappers]
    play.begin("the primary name server stops; the zone expires after 3 s")
    play.lab.gateway.stop_primary()
    try:
        yield
    finally:
        play.mend("the primary name server serves again")
        hosts = [host.address for host in play.lab.hosts]
        play.lab.gateway.start_primary(expire=3, notify=hosts)
        # A refresh that is under way when it comes swallows a notice.
        eventually(lambda: _heard_of(play), awaiting="the zone on every host", every=0.5)


def _heard_of(play: Play) -> bool:
    """Whether every host has the zone; those that have not are told of it once more."""
    if all(wrapper.service()["wanted"] == "preferred" for wrapper in play.cluster.wrappers):
        return True
    play.lab.gateway.primary.rndc("notify", ZONE)
    return False


@contextmanager
def upstream_fails_everywhere(play: Play) -> Iterator[None]:
    """What every node depends on fails, on one first and then on all."""
    flags = [wrapper.directory / "upstream-down" for wrapper in play.cluster.wrappers]
    try:
        play.begin("the upstream of one node fails")
        flags[0].touch()
        play.one.await_rank("last-resort")
        play.lab.gateway.await_nodes(
            play.cluster.addresses[0], {w.host.name for w in play.cluster.wrappers[1:]}
        )
        play.hold(1.5)
        play.mark("the upstream of every node fails")
        for flag in flags[1:]:
            flag.touch()
        for wrapper in play.cluster.wrappers:
            wrapper.await_rank("last-resort")
        play.cluster.await_both()
        play.hold(1.5)
        yield
    finally:
        play.mend("the upstream works again")
        for flag in flags:
            flag.unlink(missing_ok=True)
    for wrapper in play.cluster.wrappers:
        wrapper.await_rank("preferred")


NO_ZONE = ('file "example.test.zone"', 'file "no-such-file"')
SECOND = "192.0.2.55"

CONTENT = Stage(probe=CONTENT_PROBE)
TWO_SERVICES = Stage(
    addresses=("192.0.2.53", "2001:db8:53::53"),
    more=f"""
[[service]]
name = "second"
addresses = ["{SECOND}"]
{PROBE.replace('"example.test"', '"www.example.test"').replace('"SOA"', '"A"')}
""",
)
SHARED_UPSTREAM = Stage(
    addresses=("192.0.2.53", "2001:db8:53::53"),
    probe=PROBE
    + """
[[service.probe]]
name = "upstream"
type = "command"
command = ["test", "!", "-e", "@DIR@/upstream-down"]
on-failure = "last-resort"
""",
)

SCENARIOS = (
    Scenario(
        "servfail",
        "named answers SERVFAIL: its zone does not load.",
        amended("named loses its zone file", *NO_ZONE),
        Expected(PROMPT, gone=PROMPT, back=BACK, reason="probe-servfail", detail="SERVFAIL"),
        CONTENT,
    ),
    Scenario(
        "refused",
        "named answers REFUSED: its configuration lets nobody ask.",
        amended("named lets nobody ask", "recursion no;", "recursion no; allow-query { none; };"),
        Expected(PROMPT, gone=PROMPT, back=BACK, reason="probe-refused"),
        CONTENT,
        slow=True,
    ),
    Scenario(
        "wrong-answer",
        "named answers, with another address than it should.",
        amended("the zone has a wrong address", "www A 203.0.113.80", "www A 203.0.113.81"),
        # To a client that does not compare, nothing is lost.
        Expected(gone=PROMPT, back=BACK, reason="probe-wrong-answer"),
        CONTENT,
        slow=True,
    ),
    Scenario(
        "tcp-reset",
        "TCP to named is refused, UDP is answered.",
        filtered("TCP to port 53 is reset", "tcp dport 53 reject with tcp reset"),
        Expected(PROMPT, gone=PROMPT, back=BACK, reason="probe-connection-refused", detail="tcp"),
        CONTENT,
        needs=("nft",),
        slow=True,
    ),
    Scenario(
        "tcp-silent",
        "TCP to named is dropped, UDP is answered.",
        filtered("TCP to port 53 is dropped", "tcp dport 53 drop"),
        # The timeout of a good question and that of its recheck come on top.
        Expected(2.2, gone=2.2, back=BACK, reason="probe-timeout", detail="tcp"),
        CONTENT,
        needs=("nft",),
    ),
    Scenario(
        "two-services",
        "Both services of one node fail at once: every address goes at once.",
        both_services_fail,
        Expected(PROMPT, gone=PROMPT, back=BACK + 2.2, reason="probe-servfail"),
        TWO_SERVICES,
    ),
    Scenario(
        "shared-upstream",
        "What all nodes depend on fails: they degrade, and none leaves.",
        upstream_fails_everywhere,
        Expected(outage=0.002, reason="probe-command-failed"),
        SHARED_UPSTREAM,
        known="usually 0; one of 17,000 was lost once, as the gateway took a next hop more into an "
        "IPv6 route that it had",
        slow=True,
    ),
    Scenario(
        "zone-expires",
        "The zone of all nodes expires: its primary is gone.",
        zone_expires,
        # All nodes are equally wrong, and a probe that withdraws is what was asked for.
        Expected(None, gone=3.0 + 1.0 + PROMPT, back=BACK + 2.0, reason="probe-servfail"),
        Stage(
            addresses=("192.0.2.53", "2001:db8:53::53"),
            host=HostOptions(secondary=True),
            primary=True,
        ),
        slow=True,
    ),
)
