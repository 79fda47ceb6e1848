"""Golden transcripts: a scenario in plain words, and what the core does about it.

A transcript begins with ``#`` lines that say what it shows. Then come commands, each followed by
what the core did until the next one, indented and stamped with the time::

    policy addresses=192.0.2.53,2001:db8::53 linger=2
    at 0 started
        0.000 create anycast-hold

Commands are ``policy KEY=VALUE...`` (first), ``answers PROBE REASON``, ``refuse IF`` and ``allow
IF``, ``routes PREFIX...``, and ``at T EVENT [ARGUMENT]``, which lets time pass until ``T`` and then
feeds the event. Set REWRITE=1 in the environment to write what happens as what is expected.
"""

import ipaddress
from collections.abc import Callable
from dataclasses import replace

from anycast_wrapper.core import effects, events
from anycast_wrapper.core.model import (
    DaemonPolicy,
    Interface,
    Link,
    Outcome,
    Policy,
    Probe,
    Rank,
    Readiness,
    Reason,
    Restart,
    Service,
    Switch,
)

from .simulation import GOOD, World


def run(text: str) -> str:
    """The transcript as it is played now."""
    lines = [line for line in text.splitlines() if not line.startswith("    ")]
    out: list[str] = []
    world: World | None = None
    for line in lines:
        if not line.startswith("#") and line.strip():
            word, *rest = line.split()
            if word == "policy":
                world = World(_policy(dict(r.split("=", 1) for r in rest)))
            else:
                seen = len(world.log)
                _command(world, word, rest)
                # What happened before this command's own time belongs to the one before.
                at = world.now if word == "at" else None
                before = [(t, e) for t, e in world.log[seen:] if at is None or t < at]
                out += [_shown(t, e) for t, e in before if _told(e)]
                out.append(line)
                rest_log = world.log[seen + len(before) :]
                out += [_shown(t, e) for t, e in rest_log if _told(e)]
                continue
        out.append(line)
    return "\n".join(out) + "\n"


def _told(effect: effects.Effect) -> bool:
    """Every probe of a healthy service would drown the rest."""
    return not isinstance(effect, effects.RunProbe)


def _command(world: World, word: str, rest: list[str]) -> None:
    match word:
        case "answers":
            reason = Reason(rest[1])
            ok = reason is Reason.HEALTHY
            world.answers[rest[0]] = GOOD if ok else Outcome(ok=False, reason=reason)
        case "refuse":
            world.refused.add(rest[0])
        case "allow":
            world.refused.discard(rest[0])
        case "leave":
            addresses = frozenset(ipaddress.ip_address(a) for a in rest[1:])
            world.links[rest[0]] = Link(up=True, addresses=addresses)
        case "at":
            world.run_until(float(rest[0]))
            if len(rest) > 1:
                world.feed(EVENTS[rest[1]](world, " ".join(rest[2:])))
        case _:
            raise ValueError(f"unknown command {word!r}")


def _observed(world: World, text: str) -> events.Event:
    """``observed IF up|down|gone [ADDRESS...]``: somebody else changed it."""
    name, state, *addresses = text.split()
    if state == "gone":
        world.links.pop(name, None)
    else:
        held = frozenset(ipaddress.ip_address(a) for a in addresses)
        world.links[name] = Link(up=state == "up", addresses=held)
    return events.Observed(world.observation)


def _routes(world: World, text: str) -> events.Event:
    world.routes = frozenset(ipaddress.ip_network(p) for p in text.split())
    return events.Observed(world.observation)


def _reconfigured(world: World, text: str) -> events.Event:
    world.policy = _policy(dict(r.split("=", 1) for r in text.split()))
    return events.Reconfigured(world.policy)


EVENTS: dict[str, Callable[[World, str], events.Event]] = {
    "started": lambda w, _: events.Started(w.observation),
    "started-disturbed": lambda w, _: events.Started(w.observation, disturbed=True),
    "started-adopting": lambda w, a: events.Started(w.observation, adopted=int(a), disturbed=True),
    "spawned": lambda _, a: events.DaemonSpawned(int(a)),
    "not-spawned": lambda _, a: events.DaemonNotSpawned(a),
    "ready": lambda _w, _a: events.DaemonReady(),
    "leaving": lambda _w, _a: events.DaemonStopping(),
    "exited": lambda _, a: events.DaemonExited(int(a) if a else None),
    "drain": lambda _, a: events.DrainAsked(a),
    "undrain": lambda _w, _a: events.UndrainAsked(),
    "stop": lambda _w, _a: events.StopAsked(),
    "time": lambda _w, _a: events.TimePassed(),
    "queue-stands": lambda _w, _a: events.QueueStands(stands=True),
    "queue-moves": lambda _w, _a: events.QueueStands(stands=False),
    "observed": _observed,
    "routes": _routes,
    "reconfigured": _reconfigured,
}


def _policy(keys: dict[str, str]) -> Policy:  # noqa: C901 - a line a key
    services = []
    ceilings = keys.pop("last-resort", "").split(",")
    for number, text in enumerate(keys.pop("addresses").split(";")):
        addresses = tuple(ipaddress.ip_address(a) for a in text.split(","))
        probes = [Probe("dns" if number == 0 else f"dns{number + 1}")]
        if number == 0 and "upstream" in keys:
            probes.append(Probe("upstream", on_failure=Rank.LAST_RESORT))
        ceiling = Rank.LAST_RESORT if f"s{number + 1}" in ceilings else Rank.PREFERRED
        services.append(Service(f"s{number + 1}", addresses, tuple(probes), ceiling))
    keys.pop("upstream", None)
    policy = Policy(services=tuple(services))
    for key, value in keys.items():
        match key:
            case "linger":
                policy = replace(policy, linger=float(value))
            case "reroute" | "nudge":
                policy = replace(policy, **{key: value == "on"})
            case "routes":
                routes = frozenset(ipaddress.ip_network(p) for p in value.split(","))
                policy = replace(policy, required_routes=routes)
            case "gap":
                policy = replace(policy, gap=float(value))
            case "overlap":
                policy = replace(policy, overlap=value == "on")
            case "layout":
                ranks = {Rank.PREFERRED: Interface("lo", Switch.ADDRESS)}
                policy = replace(policy, hold=None, ranks=ranks)
            case "ready":
                policy = replace(policy, daemon=replace(policy.daemon, ready=Readiness(value)))
            case "restart":
                policy = replace(policy, daemon=DaemonPolicy(restart=Restart(value)))
            case _:
                raise ValueError(f"unknown policy key {key!r}")
    return policy


def _shown(time: float, effect: effects.Effect) -> str:
    return f"    {time:.3f} {_words(effect)}"


def _words(effect: effects.Effect) -> str:  # noqa: C901, PLR0911, PLR0912 - a line an effect
    match effect:
        case effects.CreateLink(name):
            return f"create {name}"
        case effects.DeleteLink(name):
            return f"delete {name}"
        case effects.LinkUp(name):
            return f"up {name}"
        case effects.LinkDown(name):
            return f"down {name}"
        case effects.AddAddress(name, address):
            return f"add {address} to {name}"
        case effects.RemoveAddress(name, address):
            return f"remove {address} from {name}"
        case effects.Divert(addresses):
            return f"divert {', '.join(map(str, addresses)) or 'nothing'}"
        case effects.Nudge():
            return "nudge the routing daemon"
        case effects.SpawnDaemon():
            return "spawn the daemon"
        case effects.TerminateDaemon():
            return "terminate the daemon"
        case effects.KillDaemon():
            return "kill the daemon"
        case effects.RememberDrain(drained):
            return "remember the drain" if drained else "forget the drain"
        case effects.Changed(service, before, rank, reason):
            return f"* {service}: {before.slug} -> {rank.slug} ({reason})"
        case effects.Noticed(event, detail):
            return f"* {event}: {detail}"
        case effects.Exit(code):
            return f"exit {code}"
        case _:
            return repr(effect)
