"""``withdraw``: the emergency exit. It talks to nobody but the kernel."""

import asyncio
from pathlib import Path

import click

from anycast_wrapper import wiring
from anycast_wrapper.config.load import load
from anycast_wrapper.config.schema import Config
from anycast_wrapper.kernel import withdraw_all
from anycast_wrapper.ports import RerouteError
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
    try:
        left = await remove_left_behind()
    except RerouteError as error:
        return (*done, str(error))
    return (*done, "rules that diverted queries removed") if left else done
