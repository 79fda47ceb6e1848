"""What is safely ours to mend: the kernel settings of a host that holds a service address."""

from collections.abc import Sequence
from pathlib import Path

from anycast_wrapper.errors import AnycastWrapError
from anycast_wrapper.memory import write_atomically

from .check import Outcome, Result
from .checks.host import SYSCTL_FILE

MARK = "# anycast-wrap:"
"""What a file of ours begins with, such as the one that contrib/sysctl/ ships."""

SETTINGS = {
    "net.ipv4.conf.all.arp_ignore": "1",
    "net.ipv4.conf.all.arp_announce": "2",
    "net.ipv4.conf.all.rp_filter": "2",
}
"""By the checks' reasons; the words are those of contrib/sysctl/anycast-wrap.conf, in short."""

MAX_BYTES = 65536


class NotMendedError(AnycastWrapError):
    """Something was left as it was."""


PROC = Path("/proc/sys")


def mend(
    results: Sequence[Result], sysctl: Path = Path(SYSCTL_FILE), proc: Path = PROC
) -> list[str]:
    """Mend what is found and ours; in sentences, what was done.

    Args:
        results: of the checks; where none of what we can mend is found, nothing is done.
        sysctl: the drop-in file.
        proc: where the kernel takes its settings.

    Raises:
        NotMendedError: it could not be done; the file is as it was.
    """
    found = [r for r in results if r.check.fixable and r.outcome is Outcome.FOUND]
    if not found:
        return []
    done = [_written(sysctl)]
    done += [_applied(name, value, proc) for name, value in SETTINGS.items()]
    return done


def text() -> str:
    """The drop-in file."""
    lines = [f"{name} = {value}" for name, value in SETTINGS.items()]
    head = (
        f"{MARK} kernel settings of a host. Written by `anycast-wrap doctor --fix`.\n"
        "# ARP only for addresses of the interface that was asked, and never from a service\n"
        "# address; answers may leave by another interface than the one the query came in by.\n"
    )
    return head + "\n".join(lines) + "\n"


def _written(path: Path) -> str:
    try:
        if path.is_symlink() or path.exists():
            _check_ours(path)
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_atomically(path, text())
        path.chmod(0o644)
    except OSError as error:
        refused = f"cannot write {path}: {error.strerror}; nothing was changed"
        raise NotMendedError(refused) from None
    return f"wrote {path}"


def _check_ours(path: Path) -> None:
    """Whether we may replace a file.

    Raises:
        NotMendedError: it is not one of ours.
        OSError: it cannot be read.
    """
    if path.is_symlink() or not path.is_file():
        raise NotMendedError(f"{path} is no plain file, so it is not ours; nothing was changed")
    with path.open("rb") as file:
        content = file.read(MAX_BYTES)
    if not content.startswith(MARK.encode()):
        raise NotMendedError(
            f"{path} is not ours (it does not begin with {MARK!r}); nothing was changed"
        )


def _applied(name: str, value: str, proc: Path) -> str:
    path = proc / name.replace(".", "/")
    try:
        if path.read_text().strip() != value:
            path.write_text(value)
    except OSError as error:
        raise NotMendedError(
            f"{SYSCTL_FILE} is written, and {name} cannot be set now: {error.strerror}; "
            "`sysctl --system` sets it, or the next boot does"
        ) from None
    return f"set {name} = {value}"
