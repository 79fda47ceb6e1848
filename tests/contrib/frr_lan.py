"""A LAN of real FRR routers in network namespaces, small and private to these tests.

Every daemon gets its own directory for sockets, pid files and configuration, so neither the
machine's FRR nor another lab is touched. Only what was started or created here is ended here.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from anycast_wrapper.lab.private import privately

FRR = pathlib.Path("/usr/lib/frr")
DAEMONS = ("zebra", "bfdd", "ospfd", "ospf6d")
MANAGER = ("mgmtd",) if (FRR / "mgmtd").exists() else ()  # FRR 9 and later
TUNSETIFF = 0x400454CA
IFF_TAP_NO_PI = 0x1002
CLONE_NEWNET = 0x40000000
POLL = 0.02

T = TypeVar("T")


def run(*argv: str, check: bool = True) -> str:
    """Run a short command and return what it printed (both streams)."""
    done = subprocess.run(
        argv, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30
    )
    if check and done.returncode:
        raise AssertionError(f"{' '.join(argv)}: exit {done.returncode}: {done.stdout}")
    return done.stdout


def wait_for(what: Callable[[], T], bound: float, why: str | Callable[[], str]) -> T:
    """Poll until `what` is true, at most `bound` seconds; return its value."""
    end = time.monotonic() + bound
    while not (value := what()):
        if time.monotonic() > end:
            said = why() if callable(why) else why
            raise AssertionError(f"not within {bound} s: {said}")
        time.sleep(POLL)
    return value


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Move this thread into a network namespace and back."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{namespace}") as there:  # noqa: PTH123
        if libc.setns(there.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {namespace}")
        try:
            yield
        finally:
            libc.setns(home.fileno(), CLONE_NEWNET)


class Node:
    """One network namespace with, when asked, its own FRR."""

    def __init__(self, prefix: str, name: str) -> None:
        self.namespace = f"{prefix}-{name}"
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.namespace}-"))
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.taps: dict[str, int] = {}
        run("ip", "netns", "add", self.namespace)
        self.ip("link", "set", "lo", "up")

    def exec(self, *argv: str, check: bool = True) -> str:
        return run("ip", "netns", "exec", self.namespace, *argv, check=check)

    def ip(self, *argv: str, check: bool = True) -> str:
        return run("ip", "-n", self.namespace, *argv, check=check)

    # --- FRR ---------------------------------------------------------------

    def start_frr(self, daemons: Sequence[str] = DAEMONS) -> None:
        shutil.chown(self.directory, "frr", "frr")
        for daemon in (*MANAGER, *daemons):
            self.start_daemon(daemon)

    def start_daemon(self, daemon: str) -> None:
        where = self.directory
        empty = where / f"{daemon}.conf"
        empty.write_text("")
        pathlib.Path("/run/frr").mkdir(exist_ok=True)
        places = ((where, pathlib.Path("/run/frr")), (where, pathlib.Path("/etc/frr")))
        config = [] if daemon in MANAGER else ["-f", str(empty)]
        log = (where / f"{daemon}.log").open("ab")
        self.processes[daemon] = subprocess.Popen(
            [
                *("ip", "netns", "exec", self.namespace, *privately(places), f"{FRR}/{daemon}"),
                *("--vty_socket", str(where), "-z", f"{where}/zserv.api"),
                *("-i", f"{where}/{daemon}.pid", *config),
                *("-A", "127.0.0.1", "-P", "0", "--log", "stdout"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        log.close()
        wait_for((where / f"{daemon}.vty").exists, 10, f"{daemon} in {self.namespace} opens a vty")

    def vtysh(self, *commands: str, check: bool = True) -> str:
        argv = [word for command in commands for word in ("-c", command)]
        base = ["vtysh", "--vty_socket", str(self.directory), "--config_dir", str(self.directory)]
        return run(*base, *argv, check=check)

    def load(self, text: str) -> list[str]:
        """Load an integrated configuration as at boot; return every complaint."""
        (self.directory / "vtysh.conf").write_text("service integrated-vtysh-config\n")
        config = self.directory / "frr.conf"
        config.write_text(text)
        base = ["vtysh", "--vty_socket", str(self.directory), "--config_dir", str(self.directory)]
        said = run(*base, "-f", str(config), check=False)
        noise = ("sending configuration", "done", "Waiting for children", "MGMTD: No changes found")
        return [line for line in said.splitlines() if line and not any(n in line for n in noise)]

    def pid(self, daemon: str) -> int:
        return int((self.directory / f"{daemon}.pid").read_text())

    def freeze(self) -> None:
        """Stop every daemon dead: the nearest thing to a host that lost power."""
        for process in self.processes.values():
            process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGCONT)

    # --- interfaces --------------------------------------------------------

    def open_tap(self, name: str, *addresses: str) -> None:
        """Make a TAP as the wrapper does: owned by this process, gone with its descriptor."""
        with inside(self.namespace):
            descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
            fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP_NO_PI))
        self.taps[name] = descriptor
        self.exec("sysctl", "-qw", f"net.ipv6.conf.{name}.accept_dad=0")
        for address in addresses:
            self.ip("addr", "add", address, "dev", name)
        self.ip("link", "set", name, "up")

    def close_tap(self, name: str) -> None:
        os.close(self.taps.pop(name))

    def routes(self, prefix: str) -> list[dict]:
        """The kernel's routes for one prefix; a multipath route counts its next hops."""
        family = "-6" if ":" in prefix else "-4"
        found = json.loads(self.ip("-j", family, "route", "show", prefix) or "[]")
        return [hop for route in found for hop in route.get("nexthops", [route])]

    def close(self) -> None:
        for name in list(self.taps):
            self.close_tap(name)
        self.thaw()
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        run("ip", "netns", "del", self.namespace, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)


class Lan:
    """Nodes behind one bridge; each has `eth0` with 192.168.1.N and 2001:db8:1::N."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.switch = Node(prefix, "sw")
        self.nodes = [self.switch]
        self.switch.ip("link", "add", "br0", "type", "bridge")
        self.switch.ip("link", "set", "br0", "up")

    def node(self, name: str, number: int) -> Node:
        node = Node(self.prefix, name)
        self.nodes.append(node)
        port = f"p{number}"
        self.switch.ip("link", "add", port, "type", "veth", "peer", "eth0", "netns", node.namespace)
        self.switch.ip("link", "set", port, "master", "br0", "up")
        node.exec("sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=0")
        node.ip("addr", "add", f"192.168.1.{number}/24", "dev", "eth0")
        node.ip("addr", "add", f"2001:db8:1::{number}/64", "dev", "eth0")
        node.ip("link", "set", "eth0", "up")
        return node

    def wire(self, one: Node, other: Node, net: int) -> None:
        """A second link `eth1` between two nodes, 10.0.NET.0/24."""
        ends = ["eth1", "netns", one.namespace, "type", "veth", "peer"]
        run("ip", "link", "add", *ends, "eth1", "netns", other.namespace)
        for number, node in enumerate((one, other), 1):
            node.exec("sysctl", "-qw", "net.ipv6.conf.eth1.accept_dad=0")
            node.ip("addr", "add", f"10.0.{net}.{number}/24", "dev", "eth1")
            node.ip("addr", "add", f"2001:db8:a{net}::{number}/64", "dev", "eth1")
            node.ip("link", "set", "eth1", "up")

    def close(self) -> None:
        for node in reversed(self.nodes):
            node.close()
