"""``withdraw``: the emergency exit. It talks to nobody but the kernel."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import click

from anycast_wrapper import wiring
from anycast_wrapper.config.load import load
from anycast_wrapper.config.schema import Config
from anycast_wrapper.kernel import remove_counting, withdraw_all
from anycast_wrapper.ports import KernelError, RerouteError
from anycast_wrapper.reroute import remove_left_behind


@click.command()
@click.pass_obj
def withdraw(path: Path) -> None:
    """Take down whatever could announce a service address here, whoever left it there.

    For when the wrapper is dead or deaf, and for systemd's ExecStopPost. A wrapper that runs will
    announce again: stop or drain it instead.
    """
    done = asyncio.run(_withdraw(load(path)))
    for sentence in done or ("nothing was announced",):
        click.echo(sentence)


async def _withdraw(config: Config) -> tuple[str, ...]:
    kernel = wiring.kernel(config)
    try:
        done = await withdraw_all(kernel, wiring.cards(config), wiring.policy(config).addresses)
    finally:
        await kernel.close()
    return (*done, *[words async for words in _rules()])


async def _rules() -> AsyncIterator[str]:
    """Take rules of ours out of nftables; each failure keeps nothing else from being done."""
    try:
        if await remove_left_behind():
            yield "rules that diverted queries removed"
    except RerouteError as error:
        yield str(error)
    try:
        if await remove_counting():
            yield "rules that counted queries removed"
    except KernelError as error:
        yield str(error)
