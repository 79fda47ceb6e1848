"""BIND in a namespace: configuration and zone, and named itself where no wrapper starts it."""

import os
import pwd
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from anycast_wrapper.lab.namespace import Namespace, run

ZONE = "example.test"
RNDC_KEY = "ZG8tbm90LXVzZS10aGlzLWtleS1vdXRzaWRlLXRoZS1sYWI="
SEARCH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))


def program(name: str) -> str | None:
    """Where a program is, the sbin directories included."""
    return shutil.which(name, path=SEARCH)


@cache
def named_version() -> tuple[int, int]:
    """The version of named, such as (9, 18)."""
    said = run([program("named") or "named", "-v"]).stdout
    found = re.search(r"(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (9, 0)


@cache
def named_user() -> str:
    """Whom named runs as: the package's user where there is one."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("bind", "named") if name in names), "root")


class NameServer:
    """The name server of one node: its files, and its process if the lab is asked to run it.

    Args:
        namespace: Where it runs.
        directory: Private to it.
        identity: Its ``server-id``.
        port: Where it listens.
    """

    def __init__(
        self, namespace: Namespace, directory: Path, identity: str, port: int = 53
    ) -> None:
        self.namespace = namespace
        self.directory = directory
        self.identity = identity
        self.port = port
        self.process: subprocess.Popen[str] | None = None
        directory.mkdir(parents=True)
        self.configure()

    @property
    def config(self) -> Path:
        """The path of ``named.conf``."""
        return self.directory / "named.conf"

    @property
    def command(self) -> list[str]:
        """The argv that runs it in the foreground, inside its namespace."""
        named = program("named") or "named"
        return [named, "-f", "-u", named_user(), "-n", "1", "-c", str(self.config)]

    def configure(
        self,
        *,
        primary: str = "",
        rndc: bool = False,
        expire: int = 86400,
        notify: Sequence[str] = (),
    ) -> None:
        """Write the configuration and the zone. Call it before named starts, or reload named after.

        Args:
            primary: Where to transfer the zone from, ``ADDRESS port PORT``; "" makes it a primary.
            rndc: Whether rndc may control it.
            expire: The zone's SOA expire, in seconds.
            notify: The secondaries that a primary tells of its zone.
        """
        self.config.write_text(self._config_text(primary, notify, rndc=rndc), encoding="ascii")
        (self.directory / "rndc.conf").write_text(_rndc_text(), encoding="ascii")
        self.write_zone(expire=expire)

    def write_zone(self, *, serial: int = 1, expire: int = 86400, broken: bool = False) -> None:
        """Write the zone file; ``broken`` leaves out the SOA, so that named refuses to load it."""
        soa = f"@ SOA ns hostmaster {serial} 1 1 {expire} 60\n"
        records = f'@ NS ns\nns A 192.168.53.1\nwww A 203.0.113.80\n@ TXT "{self.identity}"\n'
        text = f"$TTL 60\n$ORIGIN {ZONE}.\n{'' if broken else soa}{records}"
        (self.directory / f"{ZONE}.zone").write_text(text, encoding="ascii")
        for path in (self.directory, *self.directory.iterdir()):
            shutil.chown(path, named_user())

    def start(self) -> subprocess.Popen[str]:
        """Start named and do not wait for it; its output goes to ``named.log``."""
        with (self.directory / "named.log").open("a", encoding="utf-8") as output:
            self.process = self.namespace.popen(self.command, stdout=output, stderr=output)
        return self.process

    def stop(self, signum: int = signal.SIGTERM) -> None:
        """End named, if the lab started it, and wait for it."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signum)
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def rndc(self, *arguments: str) -> str:
        """Run rndc against it (needs ``configure(rndc=True)``)."""
        config = str(self.directory / "rndc.conf")
        return self.namespace.run([program("rndc") or "rndc", "-c", config, *arguments]).stdout

    def log(self) -> str:
        """The end of what named wrote."""
        path = self.directory / "named.log"
        return path.read_text(encoding="utf-8")[-2000:] if path.exists() else ""

    def _config_text(self, primary: str, notify: Sequence[str], *, rndc: bool) -> str:
        # Two nameds on one file system would fight over one default lock file; 9.20 has no lock.
        lock = "" if named_version() >= (9, 20) else "lock-file none;"
        control = "inet 127.0.0.1 port 953 allow { 127.0.0.1; } keys { lab; };" if rndc else ""
        zone = f'file "{ZONE}.zone";'
        if primary:
            zone = (
                f'type secondary; primaries {{ {primary}; }}; file "{ZONE}.copy"; '
                "min-refresh-time 1; max-refresh-time 1; min-retry-time 1; max-retry-time 1;"
            )
        else:
            zone = f"type primary; {zone}"
            if notify:
                zone += f" notify explicit; also-notify {{ {'; '.join(notify)}; }};"
        return f"""options {{
    directory "{self.directory}";
    pid-file "{self.directory}/named.pid"; {lock}
    session-keyfile "{self.directory}/session.key";
    managed-keys-directory "{self.directory}";
    listen-on port {self.port} {{ any; }};
    listen-on-v6 port {self.port} {{ any; }};
    server-id "{self.identity}";
    recursion no;
    notify no;
    dnssec-validation no;
    allow-transfer {{ any; }};
}};
{_key_text()}
controls {{ {control} }};
zone "{ZONE}" {{ {zone} }};
"""


def _key_text() -> str:
    return f'key lab {{ algorithm hmac-sha256; secret "{RNDC_KEY}"; }};'


def _rndc_text() -> str:
    return f"{_key_text()}\noptions {{ default-key lab; default-server 127.0.0.1; }};\n"
