"""The archive that the kernel boots from: busybox, a script, and the modules that reach the root.

Source: Documentation/driver-api/early-userspace/buffer-format.rst of Linux (cpio, "newc").
"""

import lzma
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

REACH_ROOT = (
    *("virtio_pci", "9pnet_virtio", "9p", "overlay", "virtio_console"),
    *("virtio_blk", "crc32c_generic", "ext4"),
)
"""Modules without which there is no root file system and nowhere to print to."""

_DIRECTORY = 0o040755
_PROGRAM = 0o100755


def archive(entries: Iterable[tuple[str, int, bytes]]) -> bytes:
    """Files as a cpio archive.

    Args:
        entries: path without a leading slash, mode with the type's bits, content.
    """
    everything = [*entries, ("TRAILER!!!", 0, b"")]
    return b"".join(_entry(number, *entry) for number, entry in enumerate(everything, 1))


def _entry(number: int, path: str, mode: int, content: bytes) -> bytes:
    name = path.encode() + b"\0"
    # ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(header + name) + _padded(content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def in_order(wanted: Sequence[str], dependencies: Mapping[str, Sequence[str]]) -> list[str]:
    """The modules and what they need, each after what it needs itself.

    Args:
        wanted: names of modules, such as ``9p``; one that is built into the kernel is left out.
        dependencies: by path of a module, the paths of what it needs (modules.dep(5)).
    """
    by_name = {name_of(path): path for path in dependencies}
    order: list[str] = []

    def visit(path: str) -> None:
        if path not in order:
            for needed in dependencies[path]:
                visit(needed)
            order.append(path)

    for name in wanted:
        if name in by_name:
            visit(by_name[name])
    return order


def name_of(path: str) -> str:
    """``kernel/fs/9p/9p.ko.xz`` is the module ``9p``."""
    return path.rpartition("/")[2].partition(".ko")[0]


def dependencies_in(text: str) -> dict[str, list[str]]:
    """What modules.dep(5) says."""
    pairs = (line.partition(":") for line in text.splitlines() if line)
    return {path: needs.split() for path, _, needs in pairs}


def build(busybox: Path, script: Path, modules: Path) -> bytes:
    """The archive.

    Args:
        busybox: a static one.
        script: what the kernel starts as ``/init``.
        modules: the folder of the kernel's version, with its modules.dep.
    """
    order = in_order(REACH_ROOT, dependencies_in((modules / "modules.dep").read_text("utf-8")))
    contents = [(f"modules/{name_of(path)}", plain(modules / path)) for path in order]
    listing = "".join(f"/{name}\n" for name, _ in contents).encode()
    folders = ("bin", "dev", "host", "kit", "modules", "overlay", "proc", "root", "sys")
    return archive(
        [
            *((folder, _DIRECTORY, b"") for folder in folders),
            ("bin/busybox", _PROGRAM, busybox.read_bytes()),
            ("init", _PROGRAM, script.read_bytes()),
            ("modules.list", _PROGRAM, listing),
            *((name, _PROGRAM, content) for name, content in contents),
        ]
    )


def plain(path: Path) -> bytes:
    """A module's content; Debian 13 compresses them."""
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data
