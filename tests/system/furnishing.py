"""What a machine has besides Debian: its neighbours, the load, and their configuration."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
FILES = {
    "neighbourhood": "opt/test/neighbourhood",
    "neighbourhood.service": "etc/systemd/system/neighbourhood.service",
    "load": "opt/test/load",
    "gateway.conf": "opt/test/gateway.conf",
    "peer.conf": "opt/test/peer.conf",
    "peer.named.conf": "opt/test/peer.named.conf",
    "peer.zone": "opt/test/peer.zone",
    "host.zone": "etc/bind/host.zone",
    "host.frr.conf": "etc/frr/frr.conf",
    "named.conf.local": "etc/bind/named.conf.local",
    "anycast-wrap.toml": "opt/test/anycast-wrap.toml",
}
"""Files of ``inside``, and where they are in the machine."""


@dataclass(frozen=True)
class Load:
    """Questions, one after the other.

    Attributes:
        pause: seconds between two.
        patience: seconds after which one is lost.
    """

    pause: float
    patience: float


def furnish(root: Path, load: Load) -> None:
    """Put all that into a machine's files."""
    for name, place in FILES.items():
        target = root / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / "inside" / name, target)
    (root / "opt/test/load.args").write_text(f"{load.pause} {load.patience}\n", "ascii")
    start_at_boot(root, root / "etc/systemd/system/neighbourhood.service")
    (root / "etc/hostname").write_text("host\n", "utf-8")
    # A machine without one makes one, and waits for it, at its first boot.
    (root / "etc/machine-id").write_text(f"{os.urandom(16).hex()}\n", "ascii")
    daemons = root / "etc/frr/daemons"
    daemons.write_text(daemons.read_text("utf-8").replace("ospfd=no", "ospfd=yes"), "utf-8")
    (root / "var/log/journal").mkdir(exist_ok=True)


def start_at_boot(root: Path, unit: Path, target: str = "sysinit.target") -> None:
    """Have systemd start a unit of the machine's files, before it does most others."""
    wanted = root / "etc/systemd/system" / f"{target}.wants"
    wanted.mkdir(parents=True, exist_ok=True)
    (wanted / unit.name).symlink_to(Path("/") / unit.relative_to(root))
