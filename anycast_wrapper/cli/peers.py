"""``peers``: which nodes announce each service address, by the OSPF database of this host."""

import asyncio
import errno
import json
import os
import shutil
import sys
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import click

from anycast_wrapper import wiring
from anycast_wrapper.config.load import load
from anycast_wrapper.config.schema import FRR, Routing
from anycast_wrapper.core.model import Address
from anycast_wrapper.errors import AnycastWrapError
from anycast_wrapper.routing.rollcall import Answers, document

from .exits import Exit, NotInstalledError
from .peerview import show

UNCONNECTED = "failed to connect to any daemons"
"""What vtysh says where it may not talk to FRR, and where no FRR runs: it cannot tell either."""

DENIED = os.strerror(errno.EACCES)


def _written(text: str) -> Address:
    try:
        return ip_address(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no IPv4 or IPv6 address") from None


class NoDatabaseError(AnycastWrapError):
    """No routing daemon tells us anything."""


@click.command()
@click.argument("addresses", metavar="[ADDRESS]...", nargs=-1, type=_written)
@click.option("--json", "as_json", is_flag=True, help="A document for programs.")
@click.pass_obj
def peers(path: Path, addresses: tuple[Address, ...], *, as_json: bool) -> None:
    """Show which nodes announce each service address, by the OSPF database of this host.

    Without ADDRESS, those of the configuration. The wrapper need not run, here or anywhere: any
    host or router with FRR or BIRD knows. Routers that died stay in the database for up to an
    hour; they are shown as unreachable once their neighbours miss them.

    \b
    Exit status:
      0  every address is announced by somebody who can be reached
      1  one is not, or a routing daemon does not answer
      4  the routing daemon is not for us
      5  what asks the routing daemon (vtysh) is not installed
    """  # noqa: D301 - \b is for click
    routing = Routing()
    if path.exists() or not addresses:
        config = load(path)
        routing = config.routing
        addresses = addresses or tuple(a for s in config.services for a in s.addresses)
    found = document(tuple(dict.fromkeys(addresses)), _ask(routing, addresses))
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        show(found)
    sys.exit(Exit.DONE if all(one["announced"] for one in found["addresses"]) else Exit.FAILED)


def _ask(routing: Routing, addresses: Sequence[Address]) -> Answers:
    """What the daemons say of the versions that matter.

    Raises:
        NotInstalledError: there is no vtysh.
        NoDatabaseError: nobody says anything.
    """
    vtysh = routing.vtysh[0]
    if routing.daemon == FRR and shutil.which(vtysh) is None:
        raise NotInstalledError(
            f"{vtysh}: no such program, or not executable; install FRR, or set routing.vtysh or "
            "routing.daemon"
        )
    versions = sorted({address.version for address in addresses})
    answers = asyncio.run(wiring.routing_daemon(routing, addresses).census(versions))
    silent = [answer for answer in answers.values() if isinstance(answer, str)]
    if len(silent) == len(answers):
        words = "; ".join(dict.fromkeys(silent))
        if os.geteuid() != 0 and all(UNCONNECTED in answer for answer in silent):
            raise NoDatabaseError(
                f"{words} FRR does not run, or talks to root and the group frrvty only"
            ) from PermissionError(errno.EACCES, DENIED)
        if all(answer.endswith(DENIED) for answer in silent):
            raise NoDatabaseError(words) from PermissionError(errno.EACCES, DENIED)
        raise NoDatabaseError(words)
    return answers
