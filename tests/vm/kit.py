"""What the machine is made of: Debian packages, downloaded and unpacked, never installed here.

::

    .vm/packages    what apt has downloaded
    .vm/root        unpacked, as if it were installed on this machine
    .vm/vmlinuz     the kernel
    .vm/initramfs   what it boots from
    .vm/stamp       which packages all that was made of; written last

Source: apt-get(8), dpkg-deb(1), depmod(8).
"""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import initramfs

HERE = Path(__file__).parent
FOLDER = HERE.parent.parent / ".vm"

KERNEL = "linux-image-amd64"
"""Not the cloud kernel, which has no 9p."""
PROGRAMS = ("busybox-static", "ipvsadm", "keepalived", "kmod")
MERGED = ("bin", "lib", "lib64", "sbin")
"""Links into ``usr`` on the machine: a folder of that name laid over it would hide the link."""


class KitError(RuntimeError):
    """The kit cannot be made; the sentence says why."""


@dataclass(frozen=True)
class Kit:
    """Where the parts are."""

    folder: Path

    @property
    def root(self) -> Path:
        """What is laid over the machine's own files."""
        return self.folder / "root"

    @property
    def kernel(self) -> Path:
        """What qemu boots."""
        return self.folder / "vmlinuz"

    @property
    def initramfs(self) -> Path:
        """What that finds first."""
        return self.folder / "initramfs"


def prepare(folder: Path = FOLDER) -> Kit:
    """The kit, made if it is not there or the distribution has newer packages.

    Raises:
        KitError: apt does not give what is needed.
    """
    kit = Kit(folder)
    names = packages()
    stamp = folder / "stamp"
    wanted = "".join(f"{line}\n" for line in names)
    if not stamp.exists() or stamp.read_text("utf-8") != wanted:
        stamp.unlink(missing_ok=True)
        unpack(download(names, folder / "packages"), kit.root)
        shutil.copy(newest(kit.root / "boot", "vmlinuz-*"), kit.kernel)
        stamp.write_text(wanted, "utf-8")
    # The script inside may have changed since: this is made anew each time, in a blink.
    modules = newest(kit.root / "usr/lib/modules", "*")
    busybox = kit.root / "usr/bin/busybox"
    kit.initramfs.write_bytes(initramfs.build(busybox, HERE / "init", modules))
    return kit


def packages() -> list[str]:
    """``name=version`` of the kernel, and of those programs and their needs that are not here.

    Raises:
        KitError: apt has none of these, or is not there.
    """
    depends = said("apt-cache", "depends", "--important", KERNEL)
    kernel = re.search(r"Depends: (linux-image-\S+)", depends)
    if kernel is None:
        raise KitError(f"apt-cache depends {KERNEL}: names no kernel: {depends.strip()!r}")
    policy = said("apt-cache", "policy", kernel[1])
    candidate = re.search(r"Candidate: (\S+)", policy)
    if candidate is None:
        raise KitError(f"apt-cache policy {kernel[1]}: names no version")
    plan = said("apt-get", "-s", "--no-install-recommends", "--reinstall", "install", *PROGRAMS)
    needed = re.findall(r"^Inst (\S+) (?:\[\S+\] )?\((\S+)", plan, re.MULTILINE)
    return [f"{kernel[1]}={candidate[1]}", *(f"{name}={version}" for name, version in needed)]


def download(names: Sequence[str], folder: Path) -> list[Path]:
    """The packages' files.

    Raises:
        KitError: apt cannot get them.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    said("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *names, folder=folder)
    return sorted(folder.glob("*.deb"))


def unpack(files: Sequence[Path], root: Path) -> None:
    """Lay the packages' files together, with all in ``usr``, and index the kernel's modules.

    Raises:
        KitError: one cannot be unpacked.
    """
    shutil.rmtree(root, ignore_errors=True)
    for file in files:
        part = root.parent / "part"
        shutil.rmtree(part, ignore_errors=True)
        said("dpkg-deb", "-x", str(file), str(part))
        for name in MERGED:
            if (part / name).is_dir():
                shutil.copytree(part / name, part / "usr" / name, symlinks=True, dirs_exist_ok=True)
                shutil.rmtree(part / name)
        shutil.copytree(part, root, symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(part)
    version = newest(root / "usr/lib/modules", "*").name
    # kmod goes by the name that it is called.
    said("depmod", "-b", str(root / "usr"), version, program=root / "usr/bin/kmod")


def newest(folder: Path, pattern: str) -> Path:
    """The one that is there.

    Raises:
        KitError: there is none.
    """
    found = sorted(folder.glob(pattern))
    if not found:
        raise KitError(f"{folder} has no {pattern}: the kernel's package is not what it was")
    return found[-1]


def said(*argv: str, folder: Path | None = None, program: Path | None = None) -> str:
    """What a command prints.

    Raises:
        KitError: it is not there or fails.
    """
    try:
        done = subprocess.run(
            argv, executable=program, cwd=folder, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise KitError(f"{argv[0]}: {error.strerror}") from None
    if done.returncode != 0:
        raise KitError(f"{' '.join(argv)}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout
