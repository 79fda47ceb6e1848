"""``lab``: real daemons and measured faults in namespaces of their own."""

import os
import re
import sys
from pathlib import Path

import click

from .exits import Exit, NotInstalledError

MOST_HOSTS = 24
"""Every ospfd has zebra enter each neighbour into the ARP table, and the kernel has one limit for
the tables of all namespaces together (arp(7), gc_thresh3: 1,024 entries). 32 hosts exceed it, and
OSPF's packets are dropped; it is not ours to raise."""

PACKAGES = {"FRR": "frr", "vtysh": "frr", "named": "bind9", "ip": "iproute2"}


@click.group()
def lab() -> None:
    """See on this machine what would happen: FRR, BIND and anycast-wrap in namespaces.

    Nothing outside of these namespaces is touched, and everything is removed at the end.
    """


@lab.command("list")
def list_scenarios() -> None:
    """List the scenarios."""
    from anycast_wrapper.lab.scenarios import ALL  # noqa: PLC0415 - a lab is not always wanted

    width = max(map(len, ALL))
    for scenario in ALL.values():
        click.echo(f"{scenario.name:<{width}}  {scenario.sentence}")
        click.echo(f"{'':<{width}}  {click.style(str(scenario.expected), dim=True)}")


@lab.command()
@click.argument("names", metavar="[SCENARIO]...", nargs=-1)
@click.option(
    "--hosts", type=click.IntRange(2, MOST_HOSTS), help="How many hosts.  [default: 2, mostly]"
)
@click.option(
    "--rate",
    type=click.FloatRange(100, 20000),
    default=2000.0,
    show_default=True,
    metavar="Q",
    help="Queries per second.",
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write a page (HTML, one file) for people who were not there.",
)
def run(names: tuple[str, ...], hosts: int | None, rate: float, report: Path | None) -> None:
    """Run scenarios, all of them without a name, and show what each fault cost."""
    from anycast_wrapper.lab.scenarios import UnknownScenarioError, called  # noqa: PLC0415

    try:
        scenarios = called(names)
    except UnknownScenarioError as error:
        raise click.UsageError(str(error)) from None
    _require_possible()
    try:
        from anycast_wrapper.lab.report.command import run_and_show  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise NotInstalledError(
            f"the lab shows its results with {error.name}, which is not installed: "
            "pip install anycast-wrap[lab]"
        ) from None
    sys.exit(run_and_show(scenarios, hosts=hosts, rate=rate, page=report))


@lab.command()
@click.option(
    "--hosts", type=click.IntRange(1, MOST_HOSTS), default=2, show_default=True, help="How many."
)
def up(hosts: int) -> None:
    """Make a lab that stays up, and say how it is used."""
    from anycast_wrapper.lab import standing  # noqa: PLC0415

    _require_possible()
    click.echo(f"making a lab of {hosts} hosts; this takes some ten seconds", err=True)
    found = standing.up(hosts)
    width = max(map(len, found.machines))
    click.echo(f"The lab {found.name} is up; {' and '.join(found.addresses)} are announced.")
    for name, machine in found.machines.items():
        click.echo(f"  {name:<{width}}  namespace {machine.namespace}")
    click.echo(
        "anycast-wrap lab shell host1      a shell there: anycast-wrap status, vtysh, ip, kill\n"
        "anycast-wrap lab shell client dig +nsid @192.0.2.53 www.example.test\n"
        "anycast-wrap lab shell gateway ip route show 192.0.2.53\n"
        "anycast-wrap lab down             removes all of it"
    )


@lab.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("host")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def shell(host: str, command: tuple[str, ...]) -> None:
    """Open a shell on a machine of the lab that is up, or run a command there.

    HOST is host1, host2, ..., gateway or client. There, anycast-wrap and vtysh are those of that
    machine.
    """
    from anycast_wrapper.lab import standing  # noqa: PLC0415

    _require_possible()
    found, machine = standing.machine(host)
    environment = {**os.environ, "PATH": f"{machine.tools}:{os.environ.get('PATH', os.defpath)}"}
    if not command:
        prompt = f"PS1='{host} ({found.name}) \\w# '"
        rcfile = Path(machine.tools) / ".bashrc"
        path = f'PATH={machine.tools}:"$PATH"'
        own = "[ -r ~/.bashrc ] && . ~/.bashrc"
        rcfile.write_text(f"{own}\n{path}\n{prompt}\n", encoding="utf-8")
        command = ("bash", "--rcfile", str(rcfile), "-i")
    sys.stdout.flush()
    argv = ["ip", "netns", "exec", machine.namespace, *command]
    os.execvpe("ip", argv, environment)  # noqa: S606, S607 - no shell, and the PATH of root


@lab.command()
def down() -> None:
    """Remove the lab that is up."""
    from anycast_wrapper.lab import standing  # noqa: PLC0415

    _require_possible()
    click.echo(standing.down())


def _require_possible() -> None:
    from anycast_wrapper.lab.topology import missing  # noqa: PLC0415

    lacks = missing()
    if "root" in lacks:
        click.echo("anycast-wrap: lab: must be run as root, for network namespaces", err=True)
        sys.exit(Exit.NOT_PERMITTED)
    if lacks:
        words = re.findall(r"\w+", " ".join(lacks))
        packages = sorted({PACKAGES[word] for word in words if word in PACKAGES})
        hint = f"; on Debian: apt-get install {' '.join(packages)}" if packages else ""
        raise NotInstalledError(f"this machine lacks {', '.join(lacks)}{hint}")
