"""A machine that is switched on: commands in it, over a port of its own.

Source: qemu-system-x86_64(1).
"""

import base64
import itertools
import json
import socket
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from .image import Image

QEMU = "qemu-system-x86_64"
MEMORY = "1G"
PROCESSORS = 2
BOOT = 400.0
"""Seconds until it answers, at most; 40 where nobody else needs the processors."""


@dataclass(frozen=True)
class Answers:
    """What became of the load's questions over some time: how many, by who answered."""

    by: Counter[str]

    @property
    def lost(self) -> int:
        return self.by["-"]

    def __str__(self) -> str:
        others = ", ".join(f"{n} by the {who}" for who, n in sorted(self.by.items()) if who != "-")
        return f"{self.lost} of {self.by.total()} lost ({others})"


class Machine:
    """One with a disk of its own, which outlives a power cut."""

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
        """Start it; returns once it takes commands, which is long before it has booted."""
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

    def run(self, command: str, *, check: bool = True, seconds: float = 240.0) -> str:
        """What a shell's command prints.

        Raises:
            AssertionError: it fails, and ``check`` says that it must not.
        """
        status, output = self.tried(command, seconds)
        assert status == 0 or not check, f"{command}: {status}: {output}"
        return output

    def tried(self, command: str, seconds: float = 240.0) -> tuple[int | None, str]:
        """Its exit status, None if it was not done in time, and what it prints."""
        number = next(self._numbers)
        request = {"number": number, "command": command, "seconds": seconds}
        self._port.sendall(json.dumps(request).encode() + b"\n")
        deadline = time.monotonic() + seconds + 60
        while True:
            reply = self._line(deadline)
            if reply.get("number") == number:
                return reply["status"], str(reply["output"])  # type: ignore[return-value]

    def write(self, path: str, text: str) -> None:
        """A file."""
        coded = base64.b64encode(text.encode()).decode()
        self.run(f"echo {coded} | base64 -d >{path}")

    def until(self, command: str, within: float = 120.0) -> float:
        """Run it until it succeeds; the seconds that took.

        Raises:
            AssertionError: it does not in time.
        """
        began = time.monotonic()
        while True:
            status, output = self.tried(command)
            took = time.monotonic() - began
            if status == 0:
                return took
            assert took < within, f"{command}: still {status} after {took:.0f} s: {output}"
            time.sleep(0.3)

    def now(self) -> float:
        """The machine's clock."""
        return float(self.run("date +%s.%N"))

    def answers(self, since: float, until: float | None = None) -> Answers:
        """What became of the questions that were asked in this time; the newest are waited for."""
        end = until or self.now()
        self.until(
            f"awk '$1 > {end:.3f} && $2 != \"-\" {{ f = 1 }} END {{ exit !f }}' /run/load.log"
        )
        time.sleep(4.5)  # the load's patience: what is lost is known to be only then
        text = self.run(
            f"awk '$1 >= {since:.3f} && $1 <= {end:.3f} {{ n[$2]++ }} "
            "END { for (w in n) print w, n[w] }' /run/load.log"
        )
        return Answers(Counter({who: int(n) for who, n in map(str.split, text.splitlines())}))

    def reboot(self) -> None:
        """In order; returns once it takes commands again."""
        self.tried("systemctl --no-block reboot")
        self._await_hello(time.monotonic() + BOOT)

    def cut_power(self) -> None:
        """It is off, now."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None
            self._port.close()
            self._received = b""
