"""What a contender is, and what one that is deployed on a host can be asked to do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from anycast_wrapper.lab.host import Host, HostOptions

ADDRESS = "192.0.2.53"
"""The one service address: several of the tools check and announce one address at a time."""

TOOLS = Path(__file__).resolve().parent.parent / "tools"


class Deployment(Protocol):
    """A tool and a name server on one host."""

    host: Host

    def start(self) -> None:
        """Start both; the route comes when the tool thinks fit."""

    def settle(self) -> None:
        """Wait for what is to be there before a fault, beyond the route."""

    def end(self) -> None:
        """End what runs, whatever state it is in, and leave things as before the start."""

    def named(self) -> int:
        """The pid of the name server."""

    def checkers(self) -> list[int]:
        """The pids of the process that decides, which a fault may kill."""

    def processes(self) -> dict[str, int]:
        """Everything that runs because of the tool, by name; not the name server."""

    def stop(self, await_gone: Callable[[], None]) -> None:
        """Take the node out and stop the name server, the way that the tool's users do it.

        Args:
            await_gone: Returns once the router has no route to the host, or when it is too late.
        """


@dataclass(frozen=True)
class Contender:
    """A tool in one setting.

    Attributes:
        name: What it is called on the command line and in the results.
        tool: What it is called in a table.
        setting: ``default``, or what was made of it.
        words: What the setting is.
        interval: Seconds from check to check, over which the faults are spread; 0: no checks.
        cap: Seconds after which a route that is still there counts as never gone.
        deploy: Makes it ready on a host.
        ospf: Whether OSPF carries the route; else BGP does, to bgpd on the gateway.
        classic: Whether ospfd announces what is on ``lo``.
        needs: Programs, as paths or names.
        parent: Whether it runs the name server itself.
    """

    name: str
    tool: str
    setting: str
    words: str
    interval: float
    cap: float
    deploy: Callable[[Host], Deployment]
    ospf: bool = False
    classic: bool = False
    needs: Sequence[str | Path] = field(default=())
    parent: bool = False

    @property
    def options(self) -> HostOptions:
        """For the hosts of its lab."""
        return HostOptions(classic=self.classic)

    @property
    def title(self) -> str:
        """Both names."""
        return f"{self.tool}, {self.setting}" if self.setting else self.tool
