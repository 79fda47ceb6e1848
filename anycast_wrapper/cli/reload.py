"""``reload``: take the configuration file over while running."""

from pathlib import Path

import click

from .asking import ask


@click.command()
@click.pass_obj
def reload(path: Path) -> None:
    """Read the configuration again, and have the daemon read its own again.

    A file with a mistake changes nothing: the mistake is reported and the old configuration stays.
    """
    ask(path, "reload", seconds=30.0)
    click.echo("reloaded")
