"""Fixtures: where contrib/ is, and LANs of real routers that use its files as they are."""

from __future__ import annotations

import os
import pathlib
import shutil
import uuid
from collections.abc import Callable, Iterator

import frr_lan as lab
import pytest

CONTRIB = pathlib.Path(__file__).resolve().parents[2] / "contrib"


@pytest.fixture(scope="session")
def contrib() -> pathlib.Path:
    return CONTRIB


@pytest.fixture(scope="session")
def shipped(contrib: pathlib.Path) -> Callable[[str, str], str]:
    """Give the text of a routing daemon's configuration, by the daemon and the file's name."""
    return lambda kind, name: (contrib / kind / f"{name}.{kind}.conf").read_text()


def missing() -> list[str]:
    """Say what a lab test lacks on this machine."""
    wanted = [(f"{lab.FRR}/{name}", (lab.FRR / name).exists()) for name in lab.DAEMONS]
    wanted += [(tool, shutil.which(tool)) for tool in ("vtysh", "ip", "sysctl")]
    wanted += [("/dev/net/tun", pathlib.Path("/dev/net/tun").exists())]
    wanted += [("root", os.geteuid() == 0)]
    return [name for name, there in wanted if not there]


@pytest.fixture(scope="session")
def _lab_machine() -> None:
    if lacks := missing():
        said = f"the FRR lab lacks: {', '.join(lacks)}"
        if os.environ.get("CI") == "true":
            pytest.fail(said)
        pytest.skip(said)


@pytest.fixture(scope="module")
def make_lan(_lab_machine: None) -> Iterator[Callable[[], lab.Lan]]:
    """Build LANs with a name of their own; take them down at the end of the module."""
    made: list[lab.Lan] = []

    def make() -> lab.Lan:
        made.append(lab.Lan(f"awc{uuid.uuid4().hex[:6]}"))
        return made[-1]

    yield make
    for lan in made:
        lan.close()
