"""How the wrapper's cost grows with services, addresses and probes."""

import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil

from anycast_wrapper.lab.eventually import NeverHappenedError, eventually
from anycast_wrapper.lab.host import Host
from anycast_wrapper.lab.topology import Lab
from anycast_wrapper.lab.wrapper import PROBE, Wrapper

from .processes import sample, status_latency

STEPS = (1, 10, 100, 1000)
QUICK_STEPS = (1, 10, 100)
SECONDS = 8.0
PATIENCE = 15.0
"""Seconds: addresses are announced 1.1 s apart, so a hundred of them take longer; what is asked
here is what it costs meanwhile."""


@dataclass(frozen=True)
class Shape:
    """What a configuration has.

    Attributes:
        addresses: Of the first service.
        probes: Of the first service, as TOML.
        more: Further services.
    """

    addresses: list[str]
    probes: str = PROBE
    more: str = ""


def address(number: int) -> str:
    """The service address of a number from 0 on."""
    return f"198.18.{number // 250}.{number % 250 + 1}"


def services(count: int) -> Shape:
    """So many services, each with an address and a probe of its own."""
    more = "".join(
        f'[[service]]\nname = "s{n}"\naddresses = ["{address(n)}"]\n{PROBE}'
        for n in range(1, count)
    )
    return Shape([address(0)], more=more)


def addresses(count: int) -> Shape:
    """One service with so many addresses, each of which the probe asks."""
    return Shape([address(n) for n in range(count)])


def probes(count: int) -> Shape:
    """One service and address with so many probes."""
    named = [PROBE.replace("qname", f'name = "p{n}"\nqname') for n in range(count)]
    return Shape([address(0)], probes="".join(named))


KINDS: dict[str, Callable[[int], Shape]] = {
    "services": services,
    "addresses": addresses,
    "probes": probes,
}


def growth(kind: str, *, quick: bool = False) -> dict[str, Any]:
    """The cost of one, ten, a hundred and a thousand of a kind.

    Returns:
        ``rows``: ``count``, ``share`` of a core, ``rss`` and ``pss`` in MB, ``status`` in seconds,
        ``preferred``: how many services were announced, ``failing``: how many probes failed; or
        ``ended``: why there is nothing to tell.
    """
    shape, steps = KINDS[kind], QUICK_STEPS if quick else STEPS
    with Lab(1) as lab:
        host = lab.hosts[0]
        return {"rows": [{"count": n, **tried(host, shape(n))} for n in steps]}


def tried(host: Host, shape: Shape) -> dict[str, Any]:
    """One step; ``ended`` with its last words if it did not live through it."""
    try:
        return step(host, shape)
    except (psutil.Error, KeyError, json.JSONDecodeError) as error:
        return {"ended": f"{type(error).__name__}: {error}"}


def step(host: Host, shape: Shape) -> dict[str, Any]:
    """Run one, watch it, end it."""
    wrapper = Wrapper(host, shape.addresses, probe=shape.probes, more=shape.more)
    # In the foreground: its start would return only once all is announced.
    process = wrapper.popen()
    try:
        with suppress(NeverHappenedError):
            eventually(lambda: announced(wrapper), awaiting="it", within=PATIENCE, every=0.5)
        row = sample({"anycast-wrap": process.pid}, SECONDS)[0]
        row["status"] = status_latency(wrapper, times=3)
        told = wrapper.status()["services"]
        row["preferred"] = sum(one["rank"] == "preferred" for one in told)
        row["failing"] = sum(not probe["ok"] for one in told for probe in one["probes"])
        return row
    finally:
        end(wrapper, process.pid)
        process.wait(timeout=10)


def announced(wrapper: Wrapper) -> bool:
    """Whether every service is."""
    try:
        told = wrapper.status()["services"]
    except (json.JSONDecodeError, KeyError):
        return False
    return bool(told) and all(one["rank"] == "preferred" for one in told)


def end(wrapper: Wrapper, pid: int) -> None:
    """At once: its own stop would pace what is many."""
    with suppress(OSError, LookupError, ValueError):
        daemon = wrapper.daemon_pid
        os.kill(pid, signal.SIGKILL)
        os.kill(daemon, signal.SIGKILL)
    wrapper("withdraw", check=False)
