"""anycast-wrap itself."""

from collections.abc import Callable
from functools import partial

from anycast_wrapper.lab.eventually import eventually
from anycast_wrapper.lab.host import Host
from anycast_wrapper.lab.wrapper import Wrapper

from .model import ADDRESS, Contender

LINGER = "2s"
"""The default; the lab's own runs shorten it."""


class AnycastWrap:
    """The wrapper and its named on one host.

    Args:
        host: Where.
        more: Beside the defaults.
        peers: How many other nodes it is to know before anything happens.
    """

    def __init__(self, host: Host, more: str = "", peers: int = 0) -> None:
        self.host = host
        self.wrapper = Wrapper(host, (ADDRESS,), more=more, linger=LINGER)
        self._peers = peers

    def start(self) -> None:
        """Start it, and with it named."""
        self.wrapper.start()

    def settle(self) -> None:
        """With reroute: it knows whom to send queries to."""
        if not self._peers:
            return

        def known() -> bool:
            reroute = self.wrapper.status()["reroute"]
            return bool(reroute["working"]) and all(
                len(address["peers"]) == self._peers for address in reroute["addresses"]
            )

        eventually(known, awaiting=f"the peers of {self.host.name}", within=30)

    def end(self) -> None:
        """Both; named has its own files again."""
        for pid in self.host.namespace.pids():
            if pid in self.checkers() or pid == self._named_of_record():
                self.host.run(["kill", "-CONT", str(pid)], check=False)
        self.host.configure_dns()
        self.wrapper("stop", check=False)
        self.wrapper("withdraw", check=False)

    def named(self) -> int:
        """The pid of named."""
        return self.wrapper.daemon_pid

    def checkers(self) -> list[int]:
        """The wrapper."""
        return list(self.processes().values())

    def processes(self) -> dict[str, int]:
        """The wrapper."""
        try:
            return {"anycast-wrap": self.wrapper.pid}
        except (OSError, ValueError):
            return {}

    def stop(self, await_gone: Callable[[], None]) -> None:
        """``anycast-wrap stop``."""
        self.wrapper("stop")
        await_gone()

    def _named_of_record(self) -> int:
        try:
            return self.wrapper.daemon_pid
        except (OSError, ValueError, LookupError):
            return 0


CONTENDERS = (
    Contender(
        "anycast-wrap",
        "anycast-wrap",
        "default",
        "sees named end; asks every second, fall 2, again after 100 ms",
        interval=1,
        cap=10,
        deploy=AnycastWrap,
        ospf=True,
        parent=True,
    ),
    Contender(
        "anycast-wrap-reroute",
        "anycast-wrap",
        "[reroute]",
        "the same, and queries without a server go to the other node",
        interval=1,
        cap=10,
        deploy=partial(AnycastWrap, more="[reroute]\nenabled = true\n", peers=1),
        ospf=True,
        needs=("nft",),
        parent=True,
    ),
)
