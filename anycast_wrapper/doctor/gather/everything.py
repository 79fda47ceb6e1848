"""All facts, gathered at once."""

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from anycast_wrapper.config import peek
from anycast_wrapper.doctor.facts import Facts, Plan, Unknown

from . import bird, frr, host, named, processes, systemd
from . import plan as configuration
from .running import in_thread, in_time

_NO_PLAN = Unknown("the configuration is not good: see configuration")
VTYSH = ("vtysh",)
PLAN_SECONDS = 1.0
ALL_SECONDS = 3.5
"""For everything else, whatever of it waits for what."""


async def gather(path: Path) -> Facts:
    """Find out everything, in less than five seconds. Never raises, never changes anything.

    Args:
        path: the configuration file.
    """
    plan = await in_thread("the configuration", lambda: configuration.plan(path), PLAN_SECONDS)
    if isinstance(plan, Plan):
        asked = _of_plan(plan) | _of_host() | _of_routing(plan)
    else:
        asked = _without_plan(path) | _of_host() | _of_frr(VTYSH)
    answers = await asyncio.gather(
        *(in_time(what.replace("_", " "), one, ALL_SECONDS) for what, one in asked.items())
    )
    found: dict[str, Any] = dict(zip(asked, answers, strict=True))
    conf, verdict = _pair(found.pop("conf", _NO_PLAN))
    running, process = _pair(found.pop("processes"))
    by_version: dict[str, Any] = {
        name: {
            version: found.pop(f"{name}{version}", Unknown("nobody has asked"))
            for version in (4, 6)
        }
        for name in ("neighbours", "originated", "router_ids", "bgp")
    }
    return Facts(
        plan=plan,
        named=conf,
        named_verdict=verdict,
        running=running,
        process=process,
        **by_version,
        **found,
    )


def _pair(answer: Any) -> tuple[Any, Any]:
    """Two facts of one question: both, or why there is neither."""
    return answer if isinstance(answer, tuple) else (answer, answer)


def _of_plan(plan: Plan) -> dict[str, Any]:
    """What is asked because of the configuration."""
    command = plan.command
    return {
        "conf": named.conf(command),
        "named_version": named.version(command),
        "named_file": _named_file(command),
        "program": in_thread(command[0], lambda: shutil.which(command[0])),
        "processes": in_thread("the processes", lambda: _alive(plan.control_socket, command)),
        "control": in_thread(plan.control_socket, lambda: host.place(plan.control_socket)),
        "drain": in_thread(plan.drain_file, lambda: host.place(plan.drain_file)),
        "network_manager": systemd.network_manager(plan.ours),
        "networkd": in_thread("systemd-networkd", lambda: systemd.networkd(plan.ours)),
    }


def _without_plan(path: Path) -> dict[str, Any]:
    """What can be asked without one."""
    socket = str(peek.control_socket(path))
    return {"processes": in_thread("the processes", lambda: _alive(socket, ("named",)))}


def _of_host() -> dict[str, Any]:
    return {
        "listeners": in_thread("the sockets", processes.listeners),
        "interfaces": in_thread("the interfaces", host.interfaces),
        "sources": in_thread("the source addresses", host.sources),
        "default_routes": in_thread("the routes", host.default_routes),
        "sysctls": in_thread("/proc/sys", host.sysctls),
        "tun": in_thread("/dev/net/tun", host.tun),
        "units": systemd.units(),
    }


def _of_routing(plan: Plan) -> dict[str, Any]:
    """What the routing daemon is asked. What is FRR's alone does not arise with another one."""
    if plan.routing_daemon == "frr":
        return _of_bgp(plan) if plan.by_bgp else _of_frr(plan.vtysh)
    asked: dict[str, Any] = {"daemons": bird.no_frr(), "frr": bird.no_frr()}
    for version in (4, 6):
        for what in ("neighbours", "router_ids", "bgp"):
            asked[f"{what}{version}"] = bird.no_frr()
        asked[f"originated{version}"] = bird.originated(plan, version)
    return asked


def _of_bgp(plan: Plan) -> dict[str, Any]:
    """What is asked of FRR where bgpd announces."""
    asked: dict[str, Any] = {"daemons": frr.daemons(plan.vtysh), "frr": frr.config(plan.vtysh)}
    for version in (4, 6):
        asked[f"bgp{version}"] = frr.sessions(plan.vtysh, version)
        asked[f"originated{version}"] = frr.originated_by_bgp(plan, version)
        asked[f"router_ids{version}"] = frr.bgp_router_id(plan.vtysh, version)
    return asked


def _of_frr(vtysh: Sequence[str]) -> dict[str, Any]:
    asked: dict[str, Any] = {"daemons": frr.daemons(vtysh), "frr": frr.config(vtysh)}
    for version in (4, 6):
        asked[f"neighbours{version}"] = frr.neighbours(vtysh, version)
        asked[f"originated{version}"] = frr.originated(vtysh, version)
        asked[f"router_ids{version}"] = frr.router_id(vtysh, version)
    return asked


async def _named_file(command: Sequence[str]) -> str:
    found = await in_thread("named.conf", lambda: named.file(command))
    return found if isinstance(found, str) else "named.conf"


def _alive(socket: str, command: Sequence[str]) -> tuple[Any, Any]:
    running, pid = processes.running(Path(socket))
    return running, processes.daemon(pid, command)
