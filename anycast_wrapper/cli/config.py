"""``config``: begin a configuration, and look at it, without running anything."""

import json
import os
from pathlib import Path

import click

from anycast_wrapper.config.load import load, parse
from anycast_wrapper.config.schema import Config, Interfaces
from anycast_wrapper.config.show import toml
from anycast_wrapper.errors import AnycastWrapError


@click.group()
def config() -> None:
    """Begin, check and show the configuration."""


@config.command()
@click.pass_obj
def check(path: Path) -> None:
    """Check the configuration file; every mistake is reported, exit status 6 if there is one."""
    count = len(load(path).services)
    click.echo(f"{path}: good, {count} service{'s' if count > 1 else ''}")


@config.command()
@click.pass_obj
def show(path: Path) -> None:
    """Show the whole configuration, with everything that was left to its default."""
    click.echo(toml(load(path)), nl=False)


@config.command()
def schema() -> None:
    """Print the JSON schema of the configuration."""
    click.echo(json.dumps(Config.model_json_schema(by_alias=True), indent=2))


@config.command()
@click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True)
@click.option("--write", is_flag=True, help="Write the file (-c FILE), which must not exist yet.")
@click.option("--frr", is_flag=True, help="Print the lines for FRR and nothing else.")
@click.pass_obj
def init(path: Path, addresses: tuple[str, ...], *, write: bool, frr: bool) -> None:
    """Begin a configuration for these service addresses, out of what this host has.

    named's command line, a zone of its for the probe, the default routes. It is printed, unless
    it is to be written.
    """
    # Here, so that the other commands do not wait for what looks at a host.
    from anycast_wrapper import starting  # noqa: PLC0415

    if write and frr:
        raise click.UsageError("--frr prints lines for FRR; there is nothing of it to write")
    found = starting.look()
    names = Interfaces()
    ours = {names.preferred, names.last_resort, names.hold}
    try:
        wanted = starting.accepted(addresses, found.interfaces, ours)
    except starting.RefusedAddressError as error:
        raise click.UsageError(str(error)) from None
    if frr:
        click.echo("\n".join(starting.frr_lines(wanted)))
        return
    text = starting.text(wanted, found)
    parse(text, "what config init has made")  # nobody is handed what does not work
    if not write:
        click.echo(text, nl=False)
        return
    _create(path, text)
    click.echo(f"wrote {path}; the lines for FRR are at its end, and `doctor` looks at the rest")


def _create(path: Path, text: str) -> None:
    """Write a file that is not there yet.

    Raises:
        AnycastWrapError: it is there, or cannot be written.
    """
    try:
        # exist_ok alone would tell of a parent that is no directory as of a file that exists.
        if not path.parent.is_dir():
            path.parent.mkdir(mode=0o755, parents=True)
    except OSError as error:
        raise AnycastWrapError(f"cannot write {path}: {error.strerror}") from None
    try:
        # O_EXCL: not even the target of a dangling link (open(2)).
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        raise AnycastWrapError(f"{path} exists; it was left as it is") from None
    except OSError as error:
        raise AnycastWrapError(f"cannot write {path}: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        path.unlink(missing_ok=True)  # ours, and half of it is of no use to anybody
        raise AnycastWrapError(f"cannot write {path}: {error.strerror}") from None
