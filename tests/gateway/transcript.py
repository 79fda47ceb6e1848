"""Golden transcripts of the tracker: a scenario in plain words, and what its core does about it.

As those of the wrapper (`tests/core/transcript.py`): ``#`` lines say what is shown, commands
follow, each with what the core did until the next one, indented and stamped with the time. These
are the commands::

    pool ADDRESS... [servers=N] [version=4|6|46] [minimum=N] [below=keep|withdraw] [weight=N]
        [fall=N]
    policy [linger=SECONDS] [on-exit=keep]
    left ADDRESS SERVER-ADDRESS...        (what a predecessor left in the kernel)
    answers SERVER-ADDRESS REASON
    refuse ADDRESS / allow ADDRESS
    unreachable SERVER-ADDRESS / reachable SERVER-ADDRESS
    at T EVENT [ARGUMENT]

Set REWRITE=1 in the environment to write what happens as what is expected.
"""

from dataclasses import replace
from ipaddress import ip_address

from anycast_wrapper.core.model import Outcome, Probe, Reason
from anycast_wrapper.gateway import effects, events
from anycast_wrapper.gateway.model import Below
from anycast_wrapper.gateway.plan import Policy

from .simulation import GOOD, World, pool, servers


class Play:
    """A transcript while it is played."""

    def __init__(self):
        self.policy = Policy(())
        self.left = {}
        self.world = None
        self.out = []

    def line(self, line):
        word, *rest = line.split()
        if word == "at":
            self._world().run_until(float(rest[0]))
            self._show()
            self.out.append(line)
            if len(rest) > 1:
                EVENTS[rest[1]](self, rest[2:])
        else:
            self._show()
            self.out.append(line)
            COMMANDS[word](self, rest)
        self._show()

    def _world(self):
        if self.world is None:
            self.world = World(self.policy, leads=self.left)
        return self.world

    def _show(self):
        if self.world is None:
            return
        for time, effect in self.world.log:
            if not isinstance(effect, effects.RunProbe):
                self.out.append(f"    {time:.3f} {_words(effect)}")
        self.world.log.clear()


def run(text):
    """The transcript as it is played now."""
    play = Play()
    for line in text.splitlines():
        if line.startswith("    "):
            continue
        if line.startswith("#") or not line.strip():
            play.out.append(line)
        else:
            play.line(line)
    return "\n".join(play.out) + "\n"


def _pool(words):
    keys = dict(word.split("=", 1) for word in words if "=" in word)
    addresses = [word for word in words if "=" not in word]
    members = servers(
        int(keys.pop("servers", 4)),
        tuple(int(v) for v in keys.pop("version", "4")),
        weight=int(keys.pop("weight", 1)),
    )
    probe = Probe("soa", fall=int(keys.pop("fall", 1)))
    made = pool(
        *addresses,
        name=keys.pop("name", "resolver"),
        members=members,
        probes=(probe,),
        minimum=int(keys.pop("minimum", 1)),
        below=Below(keys.pop("below", "withdraw")),
    )
    assert not keys, keys
    return made


def _policy(play, words):
    keys = dict(word.split("=", 1) for word in words)
    play.policy = replace(
        play.policy,
        linger=float(keys.get("linger", 2)),
        keep=keys.get("on-exit") == "keep",
    )


def _add_pool(play, words):
    play.policy = replace(play.policy, pools=(*play.policy.pools, _pool(words)))


def _leave(play, words):
    play.left[ip_address(words[0])] = dict.fromkeys(map(ip_address, words[1:]), 1)


def _answers(play, words):
    reason = Reason(words[1])
    good = reason is Reason.HEALTHY
    play.world.answers[ip_address(words[0])] = GOOD if good else Outcome(ok=False, reason=reason)


COMMANDS = {
    "policy": _policy,
    "pool": _add_pool,
    "left": _leave,
    "answers": _answers,
    "refuse": lambda play, words: play.world.refused.add(ip_address(words[0])),
    "allow": lambda play, words: play.world.refused.discard(ip_address(words[0])),
    "unreachable": lambda play, words: play.world.unreachable.add(ip_address(words[0])),
    "reachable": lambda play, words: play.world.unreachable.discard(ip_address(words[0])),
}


def _names(words):
    return tuple(tuple(word.split("/")) for word in words)


EVENTS = {
    "started": lambda play, words: play.world.start(drained=_names(words)),
    "drain": lambda play, words: play.world.feed(events.Drained(_names(words))),
    "undrain": lambda play, words: play.world.feed(events.Undrained(_names(words))),
    "changed": lambda play, _: play.world.feed(events.WorldChanged()),
    "time": lambda play, _: play.world.feed(events.TimePassed()),
    "stop": lambda play, _: play.world.feed(events.StopAsked()),
    "reconfigured": lambda play, words: play.world.reconfigure(
        replace(play.world.policy, pools=(_pool(words),)),
    ),
}


def _words(effect):
    match effect:
        case effects.Apply(address, members):
            return f"{address} to {', '.join(map(_member, members)) or 'nobody'}"
        case effects.RememberDrains(drained):
            return f"remember as drained: {', '.join(map('/'.join, drained)) or 'none'}"
        case effects.ServerChanged(_, server, address, before, known, reason):
            return f"* {server} {address}: {before} -> {known} ({reason})"
        case effects.AddressChanged(_, address, before, how, members, possible):
            led = f"{before} -> {how}" if before is not how else f"{how}"
            return f"* {address}: {led}, {len(members)} of {possible}"
        case effects.Noticed(event, detail):
            return f"* {event}: {detail}"
        case effects.Exit(code, detail):
            return f"exit {code}" + (f": {detail}" if detail else "")
    raise AssertionError(effect)


def _member(member):
    return member.server if member.weight == 1 else f"{member.server} x {member.weight}"
