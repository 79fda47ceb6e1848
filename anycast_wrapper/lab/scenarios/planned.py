"""What an operator does to one node: nothing is lost."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from anycast_wrapper.lab.play import Play
from anycast_wrapper.lab.scenarios.model import Expected, Scenario
from anycast_wrapper.lab.wrapper import left_on

AT_ONCE = 1.5
"""Seconds: a command has to start before it can do anything, on a machine that may be busy."""


@contextmanager
def stop_and_start(play: Play) -> Iterator[None]:
    """``stop``, and ``start`` some time later."""
    play.begin("anycast-wrap stop")
    play.one("stop")
    play.require(not left_on(play.one.host), "stop left an interface behind")
    yield
    play.hold(1.0)
    play.mend("anycast-wrap start")
    play.one("start")


@contextmanager
def restart(play: Play) -> Iterator[None]:
    """``restart``."""
    play.begin("anycast-wrap restart")
    play.one("restart")
    yield


@contextmanager
def drain_and_undrain(play: Play) -> Iterator[None]:
    """``drain``, and ``undrain`` some time later."""
    play.begin("anycast-wrap drain")
    play.one("drain", "new", "disk")
    yield
    play.hold(1.0)
    play.mend("anycast-wrap undrain")
    play.one("undrain")


@contextmanager
def reload(play: Play) -> Iterator[None]:
    """``reload``, with a file that differs."""
    play.one.amend('linger = "500ms"', 'linger = "600ms"')
    try:
        play.begin("anycast-wrap reload, linger changed")
        play.one("reload")
        play.hold(2.0)
        yield
    finally:
        play.one.amend('linger = "600ms"', 'linger = "500ms"')
    play.one("reload")


@contextmanager
def bad_named_conf(play: Play) -> Iterator[None]:
    """``start`` with a ``named.conf`` that named refuses."""
    play.one("stop")
    config = play.one.host.dns.config
    good = config.read_text(encoding="ascii")
    config.write_text(good.replace("recursion no;", "recursion perhaps;"), encoding="ascii")
    try:
        play.begin("anycast-wrap start, with a mistake in named.conf")
        reply = play.one("start", check=False)
        took = time.monotonic() - play.began
        play.mark(f"exit {reply.returncode}: {reply.stderr.strip()}", play.victims[0])
    finally:
        config.write_text(good, encoding="ascii")
    play.require(reply.returncode == 1, f"start ended with {reply.returncode} instead of 1")
    play.require("perhaps" in reply.stderr, f"not named's own words: {reply.stderr.strip()}")
    play.require(took < 2.0, f"start took {took:.1f} s to fail, expected 2 s")
    play.require(not left_on(play.one.host), "an interface was left behind")
    yield
    play.hold(1.0)
    play.mend("the mistake mended, anycast-wrap start")
    play.one("start")


SCENARIOS = (
    Scenario(
        "stop-start",
        "An operator stops one node and starts it again.",
        stop_and_start,
        # Three IPv4 addresses 1.1 s apart: their routers would drop what comes sooner.
        Expected(gone=AT_ONCE, back=3.5 + AT_ONCE),
    ),
    Scenario(
        "restart",
        "An operator restarts one node.",
        restart,
        Expected(gone=AT_ONCE, back=8.0),
    ),
    Scenario(
        "drain",
        "An operator drains one node and puts it back.",
        drain_and_undrain,
        Expected(gone=AT_ONCE, back=3.5 + AT_ONCE, reason="drained"),
    ),
    Scenario(
        "reload",
        "An operator reloads a changed configuration.",
        reload,
        Expected(stays=True),
    ),
    Scenario(
        "bad-named-conf",
        "A node is started with a mistake in its named.conf.",
        bad_named_conf,
        Expected(back=3.5 + AT_ONCE),
    ),
)
