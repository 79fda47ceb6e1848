"""One effect of the core, done to the world through its port.

What cannot be done raises where something depends on it (`move`), and is a notice for people where
nothing does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .core import effects
from .errors import AnycastWrapError
from .ports import (
    Audience,
    Daemon,
    DaemonError,
    Heartbeat,
    Hint,
    Kernel,
    Memory,
    Nudge,
    Reroute,
    StateError,
)

Notices = Sequence[effects.Noticed]


@dataclass(frozen=True)
class World:
    """Everything outside that the supervisor works with.

    Attributes:
        hint: says when the daemon seems not to read, where the system can tell.
        audiences: told after every step, in order.
        reroute: diverts queries, where the policy asks for it.
        nudge: makes the routing daemon repeat itself, where the policy asks for it.
    """

    kernel: Kernel
    daemon: Daemon
    memory: Memory
    heartbeat: Heartbeat
    audiences: Sequence[Audience] = ()
    hint: Hint | None = None
    reroute: Reroute | None = None
    nudge: Nudge | None = None


async def move(asked: effects.Move, kernel: Kernel) -> None:
    """Change an interface or an address.

    Raises:
        KernelError: it was refused.
    """
    match asked:
        case effects.CreateLink(name):
            await kernel.create(name)
        case effects.DeleteLink(name):
            await kernel.delete(name)
        case effects.LinkUp(name):
            await kernel.up(name)
        case effects.LinkDown(name):
            await kernel.down(name)
        case effects.AddAddress(name, address):
            await kernel.add(name, address)
        case effects.RemoveAddress(name, address):
            await kernel.remove(name, address)


def tell_daemon(
    asked: effects.SpawnDaemon | effects.TerminateDaemon | effects.KillDaemon,
    daemon: Daemon,
) -> Notices:
    """Tell the daemon something; that it cannot hear it is told to people, no more."""
    try:
        match asked:
            case effects.SpawnDaemon():
                daemon.spawn()
            case effects.TerminateDaemon():
                daemon.terminate()
            case effects.KillDaemon():
                daemon.kill()
    except DaemonError as error:
        return (effects.Noticed("daemon-unreachable", str(error)),)
    return ()


def remember(asked: effects.RememberDrain, memory: Memory) -> Notices:
    """Keep or forget an operator's drain; one that cannot be stored is in force all the same."""
    try:
        if asked.drained:
            memory.remember(asked.detail)
        else:
            memory.forget()
    except StateError as error:
        return (effects.Noticed("drain-not-stored", f"{error}; a restart forgets it"),)
    return ()


async def help_routing(asked: effects.Divert | effects.Nudge, world: World) -> Notices:
    """Do what the routing protocol is too slow for, where there is somebody to do it."""
    trouble = "nudge-failed"
    try:
        match asked:
            case effects.Divert(addresses) if world.reroute is not None:
                trouble = "reroute-failed"
                await world.reroute.divert(addresses)
            case effects.Nudge() if world.nudge is not None:
                await world.nudge.nudge()
    except AnycastWrapError as error:
        return (effects.Noticed(trouble, str(error)),)
    return ()
