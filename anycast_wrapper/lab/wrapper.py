"""The wrapper on a host of the lab: its configuration, its commands, its log."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.host import Host
from anycast_wrapper.lab.load import PACKAGE_ROOT

PROBE = """
[[service.probe]]
qname = "example.test"
qtype = "SOA"
expect = { aa = true }
"""


def toml_list(words: Sequence[str]) -> str:
    """A list of strings as TOML."""
    return json.dumps(list(words))


class Wrapper:
    """``anycast-wrap`` on one host.

    Args:
        host: Where it runs.
        addresses: The service addresses.
        probe: TOML of the service's probes.
        daemon: TOML lines for ``[daemon]``; ``command`` is set.
        interfaces: TOML lines for ``[interfaces]``.
        linger: How long a withdrawn node goes on answering.
        command: What ``[daemon]`` runs; the host's named when absent.
        ceiling: Of the service.
        more: TOML appended as it is, such as further services.
        environment: For every command of it, and so for what it starts.

    ``@DIR@`` in any TOML is the wrapper's directory, ``@HOST@`` the host's own IPv4 address.
    """

    def __init__(  # noqa: PLR0913 - keywords that every call but a few leaves alone
        self,
        host: Host,
        addresses: Sequence[str],
        *,
        probe: str = PROBE,
        daemon: str = "",
        interfaces: str = "",
        linger: str = "500ms",
        command: Sequence[str] | None = None,
        ceiling: str = "preferred",
        more: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.host = host
        self.directory = host.directory / "wrapper"
        self.directory.mkdir(exist_ok=True)
        # named runs as another user and has to reach the socket that it notifies.
        self.directory.chmod(0o755)
        self.config = self.directory / "anycast-wrap.toml"
        self.addresses = tuple(addresses)
        self.environment = dict(environment or {})
        text = f"""
[control]
socket = "{self.directory}/run/control.sock"
[drain]
linger = "{linger}"
file = "{self.directory}/drained"
[log]
to = "{self.directory}/log"
level = "debug"
[routing]
{_routing(host)}
[daemon]
command = {toml_list(command or host.named_command())}
{daemon}
[interfaces]
{interfaces}
[[service]]
name = "resolver"
addresses = {toml_list(addresses)}
ceiling = "{ceiling}"
{probe}
{more}
"""
        self.write(text.replace("@DIR@", str(self.directory)).replace("@HOST@", host.address))

    def write(self, text: str) -> None:
        """Write the configuration file anew."""
        self.config.write_text(text, encoding="utf-8")

    def amend(self, old: str, new: str) -> None:
        """Replace a piece of the configuration file."""
        text = self.config.read_text(encoding="utf-8")
        if old not in text:
            raise LookupError(f"{old!r} is not in {self.config}")
        self.write(text.replace(old, new))

    def __call__(
        self, *arguments: str, check: bool = True, timeout: float = 90.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of the wrapper on the host, to its end."""
        return self.host.run(self.argv(*arguments), check=check, timeout=timeout)

    def argv(self, *arguments: str) -> list[str]:
        """A command of the wrapper."""
        variables = {"PYTHONPATH": str(PACKAGE_ROOT), **self.environment}
        program = (sys.executable, "-m", "anycast_wrapper")
        settings = (f"{name}={value}" for name, value in variables.items())
        return ["env", *settings, *program, "-c", str(self.config), *arguments]

    def start(self) -> None:
        """Start it, and return once it announces."""
        self("start")

    def popen(self) -> subprocess.Popen[str]:
        """Start it in the foreground, and do not wait for it."""
        return self.host.popen(self.argv("start", "--foreground"))

    def status(self) -> dict[str, Any]:
        """What ``status --json`` says."""
        document: dict[str, Any] = json.loads(self("status", "--json", check=False).stdout)
        return document

    @property
    def pid(self) -> int:
        """Of the wrapper itself."""
        lock = self.directory / "run" / "control.sock.lock"
        return int(lock.read_text(encoding="ascii"))

    @property
    def daemon_pid(self) -> int:
        """Of the name server that it supervises."""
        record = self.directory / "run" / "daemon.json"
        return int(json.loads(record.read_text(encoding="utf-8"))["pid"])

    def kill(self, signum: int = signal.SIGKILL) -> None:
        """Send the wrapper a signal."""
        os.kill(self.pid, signum)

    def kill_daemon(self, signum: int = signal.SIGKILL) -> None:
        """Send the name server a signal."""
        os.kill(self.daemon_pid, signum)

    def log(self) -> str:
        """What the wrapper has written."""
        path = self.directory / "log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def service(self, name: str = "resolver") -> dict[str, Any]:
        """What ``status`` says of a service."""
        found: dict[str, Any] = next(s for s in self.status()["services"] if s["name"] == name)
        return found

    def await_rank(self, rank: str, within: float = 20.0) -> dict[str, Any]:
        """Wait until the service has a rank; what ``status`` then says of it."""

        def reached() -> dict[str, Any] | None:
            service = self.service()
            return service if service["rank"] == rank else None

        found = eventually(
            reached, awaiting=f"{self.host.name} {rank}", within=within, seen=self.log
        )
        if found is None:  # `eventually` returns nothing that is not true
            raise AssertionError
        return found


def _routing(host: Host) -> str:
    protocol = f'protocol = "{"ospf" if host.bgp is None else "bgp"}"\n'
    if host.bird is not None:
        return f'{protocol}daemon = "bird"\nbird-socket = "{host.bird.socket}"'
    if host.bgp is not None and not host.options.speaker:
        return f'{protocol}daemon = "none"'
    return f'{protocol}vtysh = ["vtysh", "--vty_socket", "{host.router.directory}"]'


def left_on(host: Host) -> list[str]:
    """The interfaces of a wrapper that are on a host."""
    said = host.run(["ip", "-o", "link", "show"]).stdout
    names = [line.split(": ")[1].split("@")[0] for line in said.splitlines()]
    return [name for name in names if name.startswith("anycast")]
