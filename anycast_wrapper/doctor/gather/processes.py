"""The wrapper and the name server, if they run."""

import socket
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path, PurePath

import psutil

from anycast_wrapper.control import client
from anycast_wrapper.doctor.facts import DaemonProcess, Listener, Unknown

_SECONDS = 2.0


def running(control: Path) -> tuple[bool | Unknown, int | None]:
    """Whether a wrapper answers, and its daemon's pid if it tells."""
    try:
        reply = client.request(control, "status", seconds=_SECONDS)
    except client.NotRunningError:
        return False, None
    except (client.NotPermittedError, client.NoAnswerError) as error:
        return Unknown(str(error)), None
    try:
        pid = reply["status"]["daemon"]["pid"]
    except (KeyError, TypeError):
        pid = None
    return True, pid if isinstance(pid, int) else None


def daemon(pid: int | None, command: Sequence[str]) -> DaemonProcess | Unknown | None:
    """The daemon's open files and their limit.

    Args:
        pid: its process, None if nobody told; it is looked for by its name then.
        command: how it is started.
    """
    name = PurePath(command[0]).name
    if pid is None:
        pid = next((one for one, _ in command_lines(name)), None)
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        return DaemonProcess(pid, process.num_fds(), _limit(pid))
    except psutil.NoSuchProcess:
        return None
    except (psutil.Error, OSError, ValueError) as error:
        return Unknown(f"{name} (pid {pid}): {error}")


def command_lines(name: str) -> Iterator[tuple[int, list[str]]]:
    """The processes of that name on this host, by pid, and how each was started."""
    for process in psutil.process_iter(["name", "cmdline"]):
        if process.info["name"] == name[:15] and in_our_network(process.pid):
            yield process.pid, process.info["cmdline"] or []


def in_our_network(pid: int) -> bool:
    """Whether a process is in our network namespace: what a container runs is not this host's."""
    try:
        return Path(f"/proc/{pid}/ns/net").samefile("/proc/self/ns/net")
    except OSError:
        return not Path("/proc/self/ns/net").exists()  # where there are none, there is one


def listeners(port: int = 53) -> tuple[Listener, ...]:
    """Who takes queries or connections at a port."""
    found: dict[tuple[str, int | None], Listener] = {}
    for one in psutil.net_connections("inet"):
        udp = one.type == socket.SOCK_DGRAM and not one.raddr
        if one.laddr and one.laddr.port == port and (udp or one.status == psutil.CONN_LISTEN):
            where = ip_address(one.laddr.ip.partition("%")[0])
            found[str(where), one.pid] = Listener(where, one.pid, _name(one.pid))
    return tuple(found.values())


def _name(pid: int | None) -> str:
    try:
        return "" if pid is None else str(psutil.Process(pid).name())
    except psutil.Error:
        return ""


def _limit(pid: int) -> int:
    """RLIMIT_NOFILE, soft: proc_pid_limits(5) shows it to whoever may look at the process."""
    for line in Path(f"/proc/{pid}/limits").read_text().splitlines():
        if line.startswith("Max open files"):
            soft = line.split()[3]
            return 1 << 30 if soft == "unlimited" else int(soft)
    raise ValueError("the kernel tells no limit of its open files")
