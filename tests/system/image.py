"""The disk that the machine boots from.

::

    .system/packages.tar  what debootstrap has downloaded
    .system/root          Debian, with FRR, BIND and our package
    .system/disk          the same as an ext4 file system, which each machine copies
    .system/initramfs     what reaches it
    .system/stamp         what all that was made of; written last

The kernel is that of ``tests.vm``. Source: debootstrap(8), mke2fs(8), depmod(8).
"""

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.vm import initramfs, kit

from . import furnishing
from .furnishing import Load, furnish, start_at_boot

HERE = Path(__file__).parent
FOLDER = HERE.parent.parent / ".system"
SUITE = "bookworm"
PACKAGES = (
    *("systemd", "systemd-sysv", "udev", "dbus", "kmod", "iproute2", "procps", "python3"),
    *("bind9", "bind9-utils", "bind9-dnsutils", "frr", "nftables", "logrotate"),
)
MODULES = ("net", "lib", "crypto", "arch", "fs/autofs", "drivers/net", "drivers/char", "virt")
NEWER = "9999"
"""The version of a package that differs from ours in nothing else."""

SIZE = "2G"
MADE_BY = (Path(__file__), Path(furnishing.__file__))
LOAD = Load(pause=0.025, patience=4.0)
"""What an emulated processor can bear."""


@dataclass(frozen=True)
class Image:
    """What is needed to switch a machine on."""

    disk: Path
    kernel: Path
    initramfs: Path


def prepare(package: Path, folder: Path = FOLDER) -> Image:
    """The image, made if it is not there or not of this package.

    Args:
        package: the .deb of anycast-wrap.
        folder: where it is kept.

    Raises:
        KitError: Debian does not give what is needed.
    """
    parts = kit.prepare()
    image = Image(folder / "disk", parts.kernel, folder / "initramfs")
    stamp = folder / "stamp"
    wanted = digest(package)
    if not stamp.exists() or stamp.read_text("utf-8") != wanted:
        folder.mkdir(exist_ok=True)
        stamp.unlink(missing_ok=True)
        root = folder / "root"
        bootstrap(root, folder / "packages.tar")
        add_modules(parts, root)
        add_package(package, root, folder)
        furnish(root, LOAD)
        add_agent(root)
        image.disk.unlink(missing_ok=True)
        kit.said("mkfs.ext4", "-q", "-d", str(root), str(image.disk), SIZE)
        shutil.rmtree(root)
        stamp.write_text(wanted, "utf-8")
    modules = kit.newest(parts.root / "usr/lib/modules", "*")
    archive = initramfs.build(parts.root / "usr/bin/busybox", HERE / "inside" / "init", modules)
    image.initramfs.write_bytes(archive)
    return image


def digest(package: Path) -> str:
    """Of all that an image is made of."""
    total = hashlib.sha256()
    for file in (package, *sorted((HERE / "inside").iterdir()), *MADE_BY):
        total.update(file.read_bytes())
    return total.hexdigest()


def bootstrap(root: Path, packages: Path) -> None:
    """A Debian in a folder; its packages are downloaded once."""
    shutil.rmtree(root, ignore_errors=True)
    base = ("debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}")
    if not packages.exists():
        kit.said(*base, f"--make-tarball={packages}", SUITE, str(root))
        shutil.rmtree(root, ignore_errors=True)
    kit.said(*base, f"--unpack-tarball={packages.absolute()}", SUITE, str(root))


def add_modules(parts: kit.Kit, root: Path) -> None:
    """The kernel's modules, but for hardware that there is none of."""
    source = kit.newest(parts.root / "usr/lib/modules", "*")
    target = root / "lib/modules" / source.name
    for name in MODULES:
        if (source / "kernel" / name).is_dir():
            shutil.copytree(source / "kernel" / name, target / "kernel" / name)
    for file in source.glob("modules.*"):
        shutil.copy(file, target)
    kit.said("depmod", "-b", str(root), source.name, program=parts.root / "usr/bin/kmod")


def add_package(package: Path, root: Path, folder: Path) -> None:
    """Ours, installed; and beside it the same with a higher version, to upgrade to."""
    shutil.copy(package, root / "opt/anycast-wrap.deb")
    inside = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"}
    argv = ["chroot", root, "dpkg", "-i", "/opt/anycast-wrap.deb"]
    done = subprocess.run(argv, env=inside, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise kit.KitError(f"the package does not install: {done.stdout}{done.stderr}")
    part = folder / "part"
    shutil.rmtree(part, ignore_errors=True)
    kit.said("dpkg-deb", "-R", str(package), str(part))
    control = part / "DEBIAN/control"
    lines = control.read_text("utf-8").splitlines()
    lines = [f"Version: {NEWER}" if line.startswith("Version:") else line for line in lines]
    control.write_text("\n".join([*lines, ""]), "utf-8")
    kit.said("dpkg-deb", "-Zgzip", "-z1", "-b", str(part), str(root / "opt/newer.deb"))
    shutil.rmtree(part)


def add_agent(root: Path) -> None:
    """What takes commands."""
    shutil.copy(HERE / "inside/agent", root / "opt/test/agent")
    unit = root / "etc/systemd/system/agent.service"
    shutil.copy(HERE / "inside/agent.service", unit)
    start_at_boot(root, unit)
