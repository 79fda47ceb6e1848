"""A container without a container runtime: the wrapper as the first process of bare namespaces."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from anycast_wrapper.lab.host import Host
from anycast_wrapper.lab.load import PACKAGE_ROOT
from anycast_wrapper.lab.wrapper import Wrapper

CAPABILITIES = ("net_admin", "net_bind_service", "setuid", "setgid", "dac_override")
"""What contrib/containers/pod.yaml adds, after it has dropped all."""

# What a runtime makes of the pod: mounts of its own, a root that is read-only, devices that were
# asked for and no other, /proc/sys and /sys read-only; then these capabilities, and PID 1.
SETUP = r"""
mount --make-rprivate /
mount -t tmpfs -o mode=755 none /mnt
mkdir /mnt/lab
mount --bind "$LAB" /mnt/lab
mount -t tmpfs -o mode=755 none /run
mkdir -p "$LAB"
mount --bind /mnt/lab "$LAB"
mount -o remount,bind,ro "$LAB"
for volume in $VOLUMES; do mount --bind "/mnt/lab/$volume" "$LAB/$volume"; done
umount -l /mnt
mount -t tmpfs -o mode=755 none /dev
mknod -m 666 /dev/null c 1 3
mknod -m 666 /dev/zero c 1 5
mknod -m 666 /dev/random c 1 8
mknod -m 666 /dev/urandom c 1 9
if [ -n "$TUN" ]; then mkdir /dev/net; mknod -m 666 /dev/net/tun c 10 200; fi
ln -s /proc/self/fd /dev/fd
ln -s /proc/self/fd/0 /dev/stdin
ln -s /proc/self/fd/1 /dev/stdout
ln -s /proc/self/fd/2 /dev/stderr
mount -o remount,ro /dev
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mount -o remount,bind,ro /sys
mount -o remount,bind,ro /
cd /
exec setpriv --bounding-set "$CAPS" --inh-caps "$CAPS" --no-new-privs -- "$@"
"""


class Contained(Wrapper):
    """``anycast-wrap start --foreground`` in a container on one host, beside the host's FRR.

    Its network namespace is the host's, as it is in a pod; everything else is its own. ``run``
    beside its configuration is a volume of the pod: it outlives the container.

    Args:
        host: where the pod is.
        addresses: the service addresses.
        daemon: of ``[routing]``: "none" where FRR's sockets are not shared.
    """

    def __init__(self, host: Host, addresses: tuple[str, ...], *, daemon: str = "frr") -> None:
        super().__init__(host, addresses)
        self.amend(f'file = "{self.directory}/drained"', f'file = "{self.directory}/run/drained"')
        self.amend(f'to = "{self.directory}/log"', 'to = "stderr"')
        if daemon == "none":
            self.amend("[routing]", '[routing]\ndaemon = "none"')
        (self.directory / "run").mkdir(exist_ok=True)
        self.output = self.directory / "run" / "output"
        self.process: subprocess.Popen[str] | None = None

    def run_container(
        self, *, without: str = "", tun: bool = True, command: tuple[str, ...] = ()
    ) -> subprocess.Popen[str]:
        """Start it, and do not wait for it.

        Args:
            without: a capability that it is not given.
            tun: whether it is given /dev/net/tun.
            command: run in the place of the wrapper.
        """
        given = [f"+{name}" for name in CAPABILITIES if name != without]
        lab = self.host.directory
        volumes = [str(path.relative_to(lab)) for path in (self.directory / "run", lab / "dns")]
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PACKAGE_ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LAB": str(lab),
            "VOLUMES": " ".join(volumes),
            "TUN": "yes" if tun else "",
            "CAPS": ",".join(["-all", *given]),
        }
        program = (sys.executable, "-m", "anycast_wrapper", "-c", str(self.config))
        argv = [
            *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
            *("sh", "-ec", SETUP, "sh"),
            *(command or (*program, "start", "--foreground")),
        ]
        with self.output.open("a", encoding="utf-8") as output:
            self.process = self.host.popen(argv, env=environment, stdout=output, stderr=output)
        return self.process

    def start(self) -> None:
        """Start it, and return once it announces."""
        self.run_container()
        self.await_rank("preferred")

    @property
    def first(self) -> int:
        """The pid, outside, of the container's first process."""
        if self.process is None:
            raise AssertionError
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(path.read_text(encoding="ascii").split()[0])

    def inside(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the container, as an exec probe of a kubelet does."""
        enter = ("nsenter", "--target", str(self.first), "--mount", "--pid", "--")
        return self.host.run([*enter, *argv], check=False)

    def probe(self) -> int:
        """The exit status of ``anycast-wrap status``, run in the container."""
        program = f"PYTHONPATH={PACKAGE_ROOT}", sys.executable, "-m", "anycast_wrapper"
        return self.inside("env", *program, "-c", str(self.config), "status").returncode

    def processes(self) -> dict[int, str]:
        """The container's processes, by their pid inside: their names, and Z if they are dead."""
        found = {}
        for line in self.inside("ps", "-A", "-o", "pid=,stat=,comm=").stdout.splitlines():
            pid, state, name = line.split(None, 2)
            if name != "ps":
                found[int(pid)] = f"{name} {state[0]}" if state[0] == "Z" else name
        return found

    def pid_of(self, name: str) -> int:
        """The pid, outside, of the container's process of that name."""
        return self.outer_pid(next(pid for pid, each in self.processes().items() if each == name))

    def outer_pid(self, inner: int) -> int:
        """The pid, outside, of the container's process with this pid inside."""
        namespace = Path(f"/proc/{self.first}/ns/pid").stat().st_ino
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                # NSpid has it in every namespace from ours to its own (proc_pid_status(5)).
                words = (path / "status").read_text().split("NSpid:", 1)[1].split("\n", 1)[0]
                own = words.split()[-1] == str(inner)
                if own and (path / "ns/pid").stat().st_ino == namespace:
                    return int(path.name)
        raise LookupError(f"no pid {inner} in {self.processes()}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the first process a signal, as a kubelet does; the container's exit status."""
        if self.process is None:
            raise AssertionError
        os.kill(self.first, number)
        return self.process.wait(timeout=60)

    def log(self) -> str:
        """What the container has written."""
        return self.output.read_text(encoding="utf-8") if self.output.exists() else ""
