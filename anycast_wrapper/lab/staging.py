"""Setting the stage: a lab as a scenario needs it, kept for the next one that needs the same."""

import stat
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from anycast_wrapper.lab.cluster import Cluster
from anycast_wrapper.lab.fakeclock import FakeClock
from anycast_wrapper.lab.host import Host
from anycast_wrapper.lab.namespace import run
from anycast_wrapper.lab.scenarios.model import Scenario, Stage
from anycast_wrapper.lab.topology import Lab
from anycast_wrapper.lab.watched import WatchedWrapper
from anycast_wrapper.lab.wrapper import Wrapper

LAUNCHER = """#!/bin/sh
# Starts named the way that the scenario wants it: see the files beside this one.
here=${0%/*}
[ -e "$here/crash" ] && exit 3
[ -e "$here/slow" ] && sleep "$(cat "$here/slow")"
exec "$@"
"""


class Staging:
    """Labs for one scenario after the other.

    Args:
        say: Is told what is being done.
        hosts: How many hosts; the scenario's own number when absent.
    """

    def __init__(self, say: Callable[[str], None], hosts: int | None = None) -> None:
        self._say = say
        self._hosts = hosts
        self._stack = ExitStack()
        self._standing: tuple[Stage, int] | None = None
        self._cluster: Cluster

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.strike()

    def strike(self) -> None:
        """Remove the lab that stands, if one does."""
        self._standing = None
        self._stack.close()

    def ready(self, scenario: Scenario) -> Cluster:
        """A cluster on which every host announces, all is quiet and IPv6 is mended."""
        hosts = self._hosts or scenario.hosts
        if self._standing != (scenario.stage, hosts):
            self.strike()
            self._set(scenario.stage, hosts)
            self._standing = scenario.stage, hosts
        else:
            self._cluster.lab.await_converged()
            self._cluster.start_wrappers()
            self._cluster.settle()
            self._cluster.lab.mend_ipv6()
        return self._cluster

    def _set(self, stage: Stage, hosts: int) -> None:
        self._say(f"making {hosts} hosts, a gateway and a client, each with its own network")
        lab = self._stack.enter_context(
            Lab(
                [stage.host] * hosts,
                services=stage.addresses,
                announce_clients=stage.announce_clients,
                bgp=stage.bgp,
            )
        )
        if lab.removed:
            self._say(f"removed what a killed run had left: {', '.join(lab.removed)}")
        if stage.primary:
            lab.gateway.start_primary(expire=3, notify=[host.address for host in lab.hosts])
        wrappers = [self._wrapper(stage, host) for host in lab.hosts]
        cluster = self._cluster = Cluster(lab, stage.addresses, wrappers)
        # Classic: OSPF does not run on the interface that is measured. BGP: the gateway takes
        # service addresses only.
        if not stage.host.classic and stage.bgp is None:
            self._say("measuring what the routing protocol itself takes")
            cluster.measure_protocol(rounds=1)
        self._say("starting anycast-wrap and named on every host")
        cluster.start()

    def _wrapper(self, stage: Stage, host: Host) -> Wrapper:
        directory = host.directory / "wrapper"
        if stage.small_disk:
            directory.mkdir()
            run(["mount", "-t", "tmpfs", "-o", f"size={stage.small_disk}k", "lab", str(directory)])
        first = host.number == 1
        kind = WatchedWrapper if stage.systemd and first else Wrapper
        interfaces = stage.first_interfaces if first and stage.first_interfaces else None
        wrapper = kind(
            host,
            stage.addresses,
            probe=stage.probe,
            daemon=stage.daemon,
            interfaces=stage.interfaces if interfaces is None else interfaces,
            more=stage.more,
            command=_command(stage, host),
            environment=FakeClock(host.directory).environment if stage.fake_clock else None,
        )
        if isinstance(wrapper, WatchedWrapper):
            self._stack.callback(wrapper.close)
        return wrapper


def _command(stage: Stage, host: Host) -> list[str] | None:
    """The command that the wrapper is to run; None for its usual one."""
    if stage.launcher:
        return launched(host)
    if stage.fake_clock:
        # named's allocator (jemalloc) and libfaketime wait for each other for ever.
        return ["env", "-u", "LD_PRELOAD", *host.named_command()]
    return None


def launched(host: Host) -> list[str]:
    """The command that runs the host's named through the launcher."""
    script = launcher_directory(host) / "launch"
    script.parent.mkdir(exist_ok=True)
    script.write_text(LAUNCHER, encoding="ascii")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return [str(script), *host.named_command()]


def launcher_directory(host: Host) -> Path:
    """Where the launcher is, and the files that it goes by."""
    return host.directory / "launcher"
