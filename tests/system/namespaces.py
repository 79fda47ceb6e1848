"""A machine that is made of namespaces: systemd is the first process of its own, and our kernel's.

Its files are those of this machine, under a layer that is thrown away; what is installed here and
would start at a boot does not. It has the package's unit, and the code of this checkout. It boots
within a second, and its figures are those of this processor.

Source: namespaces(7), cgroups(7), overlay (kernel documentation), "The container interface" of
systemd.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

from anycast_wrapper.lab.eventually import eventually

from .furnishing import HERE, Load, furnish, start_at_boot
from .machine import Machine

ROOT = HERE.parents[1]
FIRST = HERE / "inside" / "first"
CODE = "usr/lib/anycast-wrap"
BOOT = 30.0
"""Seconds until it takes commands, at most."""

MANAGED = ("", "name=systemd", "blkio", "cpu", "cpuacct", "devices", "memory", "pids")
"""Hierarchies in which systemd makes groups of processes; the first is that of version 2."""

LAYER = """
set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
mkdir -p "$1/root/$2/modules"
mount --bind "$3" "$1/root/$2/modules"
echo ready
exec cat
"""
"""Holds the machine's files for as long as its input is open: FOLDER CODE MODULES."""

PYTHON = Path(f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}")
"""Of the version that our modules are for, where the unit's sandbox lets it be found."""

LAUNCHER = f"""#!{PYTHON} -I
import sys
sys.path[:0] = ["/{CODE}/modules", "/{CODE}"]
from anycast_wrapper.__main__ import main
main()
"""


class Contained(Machine):
    """One whose disk is a layer over our own.

    Raises:
        AssertionError: its files cannot be mounted.
    """

    load = Load(pause=0.002, patience=1.0)

    def __init__(self, folder: Path) -> None:
        self._groups = [path / f"anycast-wrap-test-{os.getpid()}" for path in own_groups()]
        self._console = folder / "console"
        self._place = folder
        modules = sysconfig.get_path("platlib")
        self._holder = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", LAYER, "sh", str(folder), CODE, modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"ready\n", "its files cannot be mounted"
        self._child: subprocess.Popen[bytes] | None = None
        self._fill(Path(f"/proc/{self._holder.pid}/root{folder}/root"))

    def _fill(self, root: Path) -> None:
        """What a package would bring, and nothing that this machine starts at its own boot."""
        shutil.rmtree(root / "etc/systemd/system")
        for level in "0123456S":
            shutil.rmtree(root / f"etc/rc{level}.d", ignore_errors=True)
        for name in ("fstab", "crypttab"):
            (root / "etc" / name).write_text("", "ascii")
        furnish(root, self.load)
        for name in ("frr", "named"):
            start_at_boot(root, root / f"lib/systemd/system/{name}.service", "multi-user.target")
        for unit in (ROOT / "contrib/systemd").glob("anycast-wrap*.service"):
            shutil.copy(unit, root / "etc/systemd/system")
        groups = root / "etc/sysusers.d"
        groups.mkdir(exist_ok=True)
        shutil.copy(ROOT / "contrib/systemd/anycast-wrap.sysusers", groups / "anycast-wrap.conf")
        (root / "etc/anycast-wrap").mkdir(exist_ok=True)
        shutil.copy(ROOT / "debian/anycast-wrap.toml", root / "etc/anycast-wrap")
        shutil.copytree(ROOT / "anycast_wrapper", root / CODE / "anycast_wrapper")
        launcher = root / "usr/bin/anycast-wrap"
        launcher.write_text(LAUNCHER, "ascii")
        launcher.chmod(0o755)

    def switch_on(self) -> None:
        for group in self._groups:
            group.mkdir(exist_ok=True)
        join = "".join(f"echo $$ >{group}/cgroup.procs; " for group in self._groups)
        with self._console.open("ab") as console:
            self._child = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL", "sh", "-ec", f'{join}exec "$@"', "sh"),
                    *("nsenter", "-t", str(self._holder.pid), "-m"),
                    *("unshare", "-m", "-p", "-n", "-u", "-i", "-C", "--fork", "--kill-child"),
                    *("sh", str(FIRST), f"{self._place}/root"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        deadline = time.monotonic() + BOOT
        while self.tried("test -e /run/systemd/private")[0] != 0:
            if self._child.poll() is not None or time.monotonic() > deadline:
                raise TimeoutError(f"it does not boot: {self._console.read_text('utf-8')}")
            time.sleep(0.1)

    def tried(self, command: str, seconds: float = 60.0) -> tuple[int | None, str]:
        assert self._child is not None
        children = Path(f"/proc/{self._child.pid}/task/{self._child.pid}/children").read_text()
        if not children:
            return 1, "it is not there"
        inside = ["nsenter", "-t", children.strip(), "-m", "-p", "-n", "-u", "-i", "-C", "-r", "-w"]
        try:
            done = subprocess.run(
                [*inside, "sh", "-c", command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"},
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            return None, (error.stdout or b"").decode(errors="replace")
        return done.returncode, done.stdout.decode(errors="replace")

    def reboot(self) -> None:
        assert self._child is not None
        self.tried("systemctl --no-block reboot")
        self._child.wait(timeout=60)
        self.switch_on()

    def cut_power(self) -> None:
        if self._child is not None:
            # With its first process the kernel ends all others.
            self._child.kill()
            self._child.wait()
            self._child = None
        for group in self._groups:
            remove(group)

    def remove(self) -> None:
        self.cut_power()
        self._holder.communicate()


def own_groups() -> list[Path]:
    """The directories of the groups of processes that this one is in, one a hierarchy."""
    mine = {}
    for line in Path("/proc/self/cgroup").read_text("utf-8").splitlines():
        _, names, path = line.split(":", 2)
        mine.update(dict.fromkeys(names.split(","), path))
    found = []
    for line in Path("/proc/self/mounts").read_text("utf-8").splitlines():
        _, place, kind, options, *_ = line.split()
        names = {"cgroup2": [""], "cgroup": options.split(",")}.get(kind, [])
        found += [Path(place + mine[name]) for name in names if name in MANAGED and name in mine]
    return sorted(set(found))


def remove(group: Path) -> None:
    """A group whose processes are dying."""
    for folder, _, _ in os.walk(group, topdown=False):
        eventually(lambda one=Path(folder): one.rmdir() or True, within=BOOT, awaiting=folder)
