"""What may be said on the command line of ``check``.

The one table from which the words are read here, and from which `cli.check` makes what click needs
for ``--help`` and for completion: to read them with click would cost a start of 40 ms.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

ARGUMENTS = ("server", "name", "type")
REQUIRED = 2

STYLES = ("nagios", "exit")


class UsageError(Exception):
    """What was said makes no sense: a sentence."""


class Option:
    """An option.

    Attributes:
        flags: as it is written.
        key: how it is found in what `read` returns.
        metavar: what follows it, for people; empty for a switch.
        help: what it is for.
        default: its value where it is not given, as it would be written.
        choices: what it may be, or nothing if there is no list of that.
    """

    __slots__ = ("choices", "default", "flags", "help", "key", "metavar")

    def __init__(
        self,
        flags: tuple[str, ...],
        metavar: str,
        help: str,  # noqa: A002 - as click calls it
        default: str = "",
        choices: tuple[str, ...] = (),
    ) -> None:
        self.flags = flags
        self.key = flags[-1].lstrip("-")
        self.metavar = metavar
        self.help = help
        self.default = default
        self.choices = choices


OPTIONS = (
    Option(("-b", "--source"), "ADDRESS", "Ask from this address."),
    Option(("-p", "--port"), "PORT", "The server's port.", "53"),
    Option(("--class",), "CLASS", "The class to ask for.", "IN", ("IN", "CH")),
    Option(
        ("--transport",),
        "HOW",
        "What it must answer over.",
        "both",
        ("udp", "tcp", "both"),
    ),
    Option(("-t", "--timeout"), "TIME", "How long it may take altogether.", "2s"),
    Option(("--tries",), "N", "How many questions, within the timeout.", "1"),
    Option(("--rcode",), "CODES", "Good answer codes, separated by commas.", "NOERROR"),
    Option(("--aa",), "", "The answer must be authoritative."),
    Option(("--answer",), "REGEX", "What one record of the answer must match."),
    Option(("-w", "--warning"), "TIME", "A slower answer is a warning."),
    Option(("-c", "--critical"), "TIME", "A slower answer is a failure."),
    Option(("--style",), "STYLE", "Who listens: Nagios, or an exit status.", "nagios", STYLES),
)

_BY_FLAG = {flag: option for option in OPTIONS for flag in option.flags}


class Said:
    """What was said.

    Attributes:
        values: by key or name of an argument, what was written or is its default; a switch that was
            given is not empty.
        wrong: the first thing that makes no sense, or None. The rest is read all the same: who is
            to be told of it depends on ``--style``.
    """

    __slots__ = ("values", "wrong")

    def __init__(self) -> None:
        self.values = {option.key: option.default for option in OPTIONS}
        self.wrong: str | None = None

    def complain(self, words: str) -> None:
        """Note what makes no sense, if it is the first."""
        self.wrong = self.wrong or words


def read(words: Sequence[str]) -> Said:
    """Read a command line, without the program and the command."""
    said = Said()
    arguments: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            arguments += rest
            break
        if word.startswith("-") and word != "-":
            _option(said, word, rest)
        else:
            arguments.append(word)
    if len(arguments) < REQUIRED:
        said.complain(f"the {ARGUMENTS[len(arguments)]} is missing: check SERVER NAME [TYPE]")
    if len(arguments) > len(ARGUMENTS):
        said.complain(f"one word too many: {arguments[len(ARGUMENTS)]}")
    said.values |= dict(zip(ARGUMENTS, (*arguments, *[""] * len(ARGUMENTS)), strict=False))
    return said


def _option(said: Said, word: str, rest: list[str]) -> None:
    """One option, with its value from the same word or from the next."""
    if word.startswith("--"):
        flag, given, value = word.partition("=")
    else:
        flag, value = word[:2], word[2:]
        given = value
    option = _BY_FLAG.get(flag)
    if option is None:
        said.complain(f"there is no option {flag}")
        return
    if not option.metavar:
        said.values[option.key] = "yes"
        if given:
            said.complain(f"{flag} takes no value")
        return
    if not given:
        if not rest:
            said.complain(f"{flag} needs a value: {option.metavar}")
            return
        value = rest.pop(0)
    if option.choices and value not in option.choices:
        said.complain(f"{flag} is one of {', '.join(option.choices)}, not {value!r}")
        return
    said.values[option.key] = value
