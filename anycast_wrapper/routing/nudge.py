"""Make FRR's routing daemons originate once more what the routers have dropped.

A router drops an LSA that comes less than a second after the last one (RFC 2328, MinLSArrival),
and the sender sends it again only after RxmtInterval, 5 s by default. So a withdrawal that follows
an announcement too closely is heard seconds late, unless the LSA is originated anew.

FRR has no command for that. These two do it and change nothing else, where what they take away is
not configured:

* ``no max-metric router-lsa on-startup`` (ospfd): originates the router-LSA of every area anew
  (ospfd/ospf_vty.c), sequence number and all. It would take away ``max-metric``.
* ``no ipv6 ospf6 advertise prefix-list`` on a rank interface (ospf6d): makes up its
  intra-area-prefix-LSA anew and, if nothing is left in it, flushes it anew. If something else is in
  it (a /128 on a loopback, say), ospf6d says nothing, as that has not changed; only
  ``ipv6 ospf6 retransmit-interval 1`` on the links between the routers helps then.

So the running configuration is looked at before, and a daemon that has the like is left alone.
"""

import asyncio
from collections.abc import Collection, Sequence

from anycast_wrapper.errors import AnycastWrapError

from .frr import output

SECONDS = 2.0
"""How long vtysh may take."""

_FORBIDDEN = ("max-metric router-lsa", "ospf6 advertise prefix-list")


class NudgeError(AnycastWrapError):
    """A routing daemon was not made to say again what it originates."""


class FrrNudge:
    """A `ports.Nudge` for ospfd and ospf6d.

    Args:
        argv: the vtysh program with what it needs to find the daemons.
        interface: the rank interface that ospf6d is told about.
        versions: the IP versions of the service addresses.
    """

    def __init__(self, argv: Sequence[str], interface: str, versions: Sequence[int]) -> None:
        self._argv = tuple(argv)
        self._interface = f"interface {interface}"
        self._versions = tuple(versions)

    async def nudge(self) -> None:
        """Do it.

        Raises:
            NudgeError: nobody knows that it was done.
        """
        before = await self._run(("show running-config",))
        for words in _FORBIDDEN:
            if words in before:
                raise NudgeError(f"the routing daemon has `{words}`, which would be taken away")
        configured = frozenset(before.splitlines())
        if not any(line.startswith("router ") for line in configured):
            raise NudgeError(f"{self._argv[0]} shows no configuration of any routing protocol")
        commands = self._commands(configured)
        if not commands:
            return  # No OSPF here: whatever announces us has no MinLSArrival.
        said = await self._run(("configure terminal", *commands))
        if wrong := next((line for line in said.splitlines() if line.lstrip()[:1] == "%"), None):
            raise NudgeError(f"{self._argv[0]}: {wrong.strip()[:120]}")

    def _commands(self, configured: Collection[str]) -> list[str]:
        """What to say to the daemons that are configured; to name another one would begin it."""
        commands: list[str] = []
        if 4 in self._versions and "router ospf" in configured:
            commands += ["router ospf", "no max-metric router-lsa on-startup", "exit"]
        if 6 in self._versions and {"router ospf6", self._interface} <= set(configured):
            commands += [self._interface, "no ipv6 ospf6 advertise prefix-list"]
        return commands

    async def _run(self, commands: Sequence[str]) -> str:
        argv = [*self._argv, *(word for command in commands for word in ("-c", command))]
        try:
            async with asyncio.timeout(SECONDS):
                return await output(argv)
        except TimeoutError:
            raise NudgeError(f"{argv[0]} does not answer within {SECONDS:g} s") from None
        except OSError as error:
            raise NudgeError(f"{argv[0]}: {error.strerror}") from None
