"""The group of all commands, and the one place where an error becomes a sentence and a status."""

import io
import logging
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click

from anycast_wrapper import __version__
from anycast_wrapper.config import DEFAULT_FILE
from anycast_wrapper.errors import AnycastWrapError

COMMANDS = {
    "start": "Start the daemon, prove that it answers, announce it.",
    "stop": "Withdraw, linger, stop the daemon.",
    "restart": "Stop and start, if all configuration is good.",
    "reload": "Take the configuration file over while running.",
    "status": "Show what is announced, and why or why not.",
    "drain": "Take the node out of service.",
    "undrain": "Put a drained node back.",
    "peers": "Show which nodes announce each service address.",
    "config": "Begin, check and show the configuration.",
    "doctor": "Look for what is wrong with this host, or about to be.",
    "withdraw": "Emergency: take down whatever could announce.",
    "track": "On a gateway: send a service's queries to the servers that answer.",
    "exabgp": "Tell ExaBGP what is announced; run by it as its process.",
    "check": "Ask a server once, for Nagios and for keepalived.",
    "identify": "Show who answers at an address, how evenly, and if all agree.",
    "lab": "See on this machine what faults cost, with real daemons.",
}
"""Every command with its summary. What a command needs is imported when it is called: ``status`` is
run every few seconds by monitoring, and must not load the supervisor for that."""

_MODULES = {"restart": "stop", "undrain": "drain"}


class _Commands(click.Group):
    """Imports a command's module when the command is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All of them, in the order in which a reader needs them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, loaded now."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f".{_MODULES.get(cmd_name, cmd_name)}", __package__)
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The help's list, without loading anything."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=DEFAULT_FILE,
    show_default=True,
    help="The configuration file.",
)
@click.version_option(__version__, prog_name="anycast-wrap")
@click.pass_context
def cli(context: click.Context, path: Path) -> None:
    """Announce an anycast DNS service address for exactly as long as the name server answers."""
    context.obj = path.absolute()


def main() -> NoReturn:
    """Run the command line. Whatever goes wrong is a sentence on stderr, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # whatever the locale can write
    try:
        code = cli.main(prog_name="anycast-wrap", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except AnycastWrapError as error:
        from . import exits  # noqa: PLC0415 - only an error needs the table and what it knows

        for line in str(error).splitlines():
            click.echo(f"anycast-wrap: {line}", err=True)
        sys.exit(exits.of(error))
    except BrokenPipeError:
        # Whoever read our output has had enough (such as `| head`); keep Python from complaining.
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        # Only our own output is left to fail like this: a full disk behind `>`.
        _drop_output()
        click.echo(f"anycast-wrap: {error.strerror or error}", err=True)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - a fault of ours, and still no traceback
        _confess(error)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _drop_output() -> None:
    # Python tries again at its end, and from 3.13 on has words and a status of its own for that.
    if sys.stdout is not None:
        with Path(os.devnull).open("w", encoding="ascii") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _confess(error: Exception) -> None:
    log = logging.getLogger("anycast_wrapper")
    if log.handlers:  # where no log is open, logging would print the traceback itself
        log.error("internal-error", exc_info=error)
    click.echo(f"anycast-wrap: internal error: {error!r}", err=True)
