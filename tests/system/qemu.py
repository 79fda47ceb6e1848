"""A machine under qemu: a kernel, a disk and a clock of its own, and a processor that is emulated.

Commands go over a port, to ``inside/agent``.

Source: qemu-system-x86_64(1).
"""

import itertools
import json
import socket
import subprocess
import time
from pathlib import Path

from .image import LOAD, Image
from .machine import Machine

QEMU = "qemu-system-x86_64"
MEMORY = "1G"
PROCESSORS = 2
BOOT = 400.0
"""Seconds until it answers, at most; 40 where nobody else needs the processors."""


class Emulated(Machine):
    """One with a disk of its own."""

    load = LOAD

    def __init__(self, image: Image, folder: Path) -> None:
        self._image = image
        self._folder = folder
        self._disk = folder / "disk"
        subprocess.run(
            ["cp", "--sparse=always", "--reflink=auto", image.disk, self._disk], check=True
        )
        self._numbers = itertools.count()
        self._child: subprocess.Popen[bytes] | None = None
        self._port: socket.socket
        self._received = b""

    def switch_on(self) -> None:
        place = self._folder / "agent"
        place.unlink(missing_ok=True)
        with (self._folder / "qemu").open("ab") as complaints:
            self._child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "nice", "-n", "19", *self._argv(place)],
                stdin=subprocess.DEVNULL,
                stdout=complaints,
                stderr=complaints,
            )
        deadline = time.monotonic() + BOOT
        while not place.exists():
            self._still_there(deadline)
            time.sleep(0.1)
        self._port = socket.socket(socket.AF_UNIX)
        self._port.connect(str(place))
        self._await_hello(deadline)

    def _await_hello(self, deadline: float) -> None:
        while "hello" not in self._line(deadline):
            pass

    def _argv(self, place: Path) -> list[str]:
        return [
            QEMU,
            *("-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max"),
            *("-m", MEMORY, "-smp", str(PROCESSORS), "-nodefaults", "-no-user-config"),
            *("-display", "none", "-kernel", str(self._image.kernel)),
            *("-initrd", str(self._image.initramfs)),
            *("-append", "console=ttyS0 quiet panic=-1 systemd.show_status=0"),
            *("-chardev", f"file,id=console,path={self.console},append=on"),
            *("-serial", "chardev:console"),
            *("-drive", f"file={self._disk},format=raw,if=virtio"),
            *("-chardev", f"socket,id=agent,path={place},server=on,wait=off"),
            *("-device", "virtio-serial-pci"),
            *("-device", "virtserialport,chardev=agent,name=agent"),
            *("-object", "rng-random,id=rng,filename=/dev/urandom"),
            *("-device", "virtio-rng-pci,rng=rng"),
        ]

    @property
    def console(self) -> Path:
        """What the kernel said."""
        return self._folder / "console"

    def _still_there(self, deadline: float) -> None:
        said = self.console.read_text("utf-8", "replace") if self.console.exists() else ""
        ended = self._child is None or self._child.poll() is not None or "Kernel panic" in said
        if ended or time.monotonic() > deadline:
            complaints = (self._folder / "qemu").read_text("utf-8", "replace")
            raise TimeoutError(f"the machine {'ended' if ended else 'hangs'}: {complaints}{said}")

    def _line(self, deadline: float) -> dict[str, object]:
        while b"\n" not in self._received:
            self._still_there(deadline)
            self._port.settimeout(1.0)
            try:
                self._received += self._port.recv(1 << 20)
            except TimeoutError:
                continue
        line, self._received = self._received.split(b"\n", 1)
        document: dict[str, object] = json.loads(line)
        return document

    def tried(self, command: str, seconds: float = 240.0) -> tuple[int | None, str]:
        number = next(self._numbers)
        request = {"number": number, "command": command, "seconds": seconds}
        self._port.sendall(json.dumps(request).encode() + b"\n")
        deadline = time.monotonic() + seconds + 60
        while True:
            reply = self._line(deadline)
            if reply.get("number") == number:
                return reply["status"], str(reply["output"])  # type: ignore[return-value]

    def reboot(self) -> None:
        self.tried("systemctl --no-block reboot")
        self._await_hello(time.monotonic() + BOOT)

    def cut_power(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None
            self._port.close()
            self._received = b""
