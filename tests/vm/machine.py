"""One run of the machine: boot, run a command, hand on what it prints, and its exit status.

Source: qemu-system-x86_64(1).
"""

import contextlib
import os
import shlex
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .kit import Kit

HERE = Path(__file__).parent
QEMU = "qemu-system-x86_64"
MEMORY = "2G"
PROCESSORS = 2
NOT_TOLD = 125
"""Our status where the command's own is not known, as of timeout(1) and env(1)."""


@dataclass(frozen=True)
class Outcome:
    """What became of a command.

    Attributes:
        status: its exit status; None if the machine ended, or was ended, before it could tell.
        console: what qemu and the kernel said.
    """

    status: int | None
    console: str


def run(
    kit: Kit,
    command: Sequence[str],
    *,
    seconds: float,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    hear: Callable[[bytes], object] = lambda _: None,
) -> Outcome:
    """Boot, run the command as root, power off.

    Args:
        kit: see `kit.prepare`.
        command: argv.
        seconds: after which the machine is switched off.
        folder: where the command is run.
        environment: variables for it.
        hear: is given what the command prints, as it comes, from another thread.
    """
    with tempfile.TemporaryDirectory(prefix="anycast-vm-") as name:
        exchange = Path(name)
        shutil.copy(HERE / "inside", exchange / "inside")
        (exchange / "command").write_text(script(command, folder, environment or {}), "utf-8")
        with (exchange / "qemu").open("wb") as complaints:
            switch_on(arguments(kit, exchange), seconds, hear, complaints.fileno())
        status = None
        with contextlib.suppress(FileNotFoundError, ValueError):
            status = int((exchange / "status").read_text("ascii"))
        files = (exchange / part for part in ("qemu", "console"))
        said = "".join(file.read_text("utf-8", "replace") for file in files if file.exists())
        return Outcome(status, said)


def script(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> str:
    """What the shell inside reads."""
    exports = [f"export {name}={shlex.quote(value)}\n" for name, value in environment.items()]
    return f"{''.join(exports)}cd {shlex.quote(str(folder))} && exec {shlex.join(command)}\n"


def arguments(kit: Kit, exchange: Path) -> list[str]:
    """Of qemu."""
    share = "local,security_model=none,multidevs=remap"
    return [
        QEMU,
        *("-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max"),
        *("-m", MEMORY, "-smp", str(PROCESSORS), "-nodefaults", "-no-user-config", "-no-reboot"),
        *("-display", "none", "-kernel", str(kit.kernel), "-initrd", str(kit.initramfs)),
        *("-append", "console=ttyS0 quiet panic=-1"),
        *("-chardev", f"file,id=console,path={exchange}/console", "-serial", "chardev:console"),
        *("-chardev", "file,id=output,path=/dev/fd/1", "-device", "virtio-serial-pci"),
        *("-device", "virtserialport,chardev=output,name=output"),
        *("-fsdev", f"{share},id=host,path=/,readonly=on"),
        *("-device", "virtio-9p-pci,fsdev=host,mount_tag=host"),
        *("-fsdev", f"{share},id=kit,path={kit.root},readonly=on"),
        *("-device", "virtio-9p-pci,fsdev=kit,mount_tag=kit"),
        *("-fsdev", f"{share},id=exchange,path={exchange}"),
        *("-device", "virtio-9p-pci,fsdev=exchange,mount_tag=exchange"),
    ]


def switch_on(
    argv: Sequence[str], seconds: float, hear: Callable[[bytes], object], complaints: int
) -> None:
    """Run qemu until it ends, or until the time is over; it never outlives us."""
    child = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=complaints,
    )
    listener = threading.Thread(target=_listen, args=(child, hear))
    listener.start()
    try:
        child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        pass
    finally:
        child.kill()
        child.wait()
        listener.join()


def _listen(child: subprocess.Popen[bytes], hear: Callable[[bytes], object]) -> None:
    with contextlib.closing(child.stdout) as output:
        while heard := os.read(output.fileno(), 65536):
            hear(heard)
