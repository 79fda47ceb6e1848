"""``config``: look at the configuration without running anything."""

import json
from pathlib import Path

import click

from anycast_wrapper.config.load import load
from anycast_wrapper.config.schema import Config
from anycast_wrapper.config.show import toml


@click.group()
def config() -> None:
    """Check and show the configuration."""


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
