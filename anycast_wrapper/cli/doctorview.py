"""The doctor's report on a terminal, in colours; rich is there only if the operator has it."""

from collections.abc import Iterable

from anycast_wrapper.doctor.report import Line

STYLES = {
    "error": "bold red",
    "warning": "bold yellow",
    "info": "bold cyan",
    "unknown": "magenta",
    "good": "green",
    "irrelevant": "dim",
    "why": "dim",
}


def show(lines: Iterable[Line]) -> bool:
    """Print them with rich; False, and nothing printed, if it is not installed."""
    try:
        from rich.console import Console  # noqa: PLC0415 - an extra
        from rich.padding import Padding  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415
    except ModuleNotFoundError:
        return False
    console = Console(highlight=False)
    for line, kind in lines:
        text = Text(line.lstrip(" "), style=STYLES.get(kind, ""))
        # Whatever is too long for the terminal goes on below its beginning.
        console.print(Padding(text, (0, 0, 0, len(line) - len(line.lstrip(" ")))), soft_wrap=False)
    return True
