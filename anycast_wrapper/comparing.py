"""What a running node announces, held against what OSPF says of it and of the other nodes.

Built out of the configuration, like `observing` and `showing`. Nothing here announces or withdraws.
"""

import asyncio
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from . import wiring
from .config.schema import Config
from .core.ladder import announced
from .core.state import State
from .ports import Audience
from .routing import Answers, Departure, Herald, Lookout, Meant, Sighting, departure

Document = dict[str, Any]

Tell = Callable[[str, str], None]
"""Tells people of an event, by its stable name, in a few words."""


class Comparing:
    """Asks the routing daemons for one node.

    Attributes:
        audiences: to be told after every step.
        lookout: asks what this host originates; for whoever wants to know.
    """

    def __init__(self, config: Config, state: Callable[[], State], tell: Tell) -> None:
        """Nothing is asked before somebody wants to know.

        Args:
            config: the one that the node starts with.
            state: the core's, as it is now.
            tell: told of what people should know.
        """
        self._config = config
        self._state = state
        self._tell = tell
        self._meant = Meant()
        self._herald = Herald(wiring.manner(config.routing))
        self.lookout: Lookout[Answers] = Lookout(self._ask)
        self.audiences: tuple[Audience, ...] = (self._meant,)

    async def close(self) -> None:
        """Give up what is being asked."""
        await self.lookout.close()

    def reconfigure(self, config: Config) -> None:
        """Another configuration is in force."""
        self._config = config

    def compare(self, seen: Sighting[Answers]) -> None:
        """Tell when what we announce turns out to be a lie, and when that is healed."""
        for event, detail in self._herald.notices(self._meant.truths(seen)):
            self._tell(event, detail)

    async def complete(self, document: Document) -> None:
        """Put into a status document what the routing daemons say.

        ``routing_daemon`` and ``routing_protocol``; ``routing`` and ``routing_age``: who answers,
        and how many seconds ago it was asked; of every address ``originated``, None where nobody
        knows, and ``truth``, see `Meant`.
        """
        seen = await self.lookout.look()
        document["routing_daemon"] = self._config.routing.daemon
        document["routing_protocol"] = self._config.routing.protocol
        document["routing"] = {
            f"ipv{version}": answer if isinstance(answer, str) else "answers"
            for version, answer in seen.heard.items()
        }
        document["routing_age"] = round(asyncio.get_running_loop().time() - seen.at, 3)
        for service in document["services"]:
            for entry in service["addresses"]:
                address = ip_address(entry["address"])
                answer = seen.heard.get(address.version, "not asked yet")
                known = not isinstance(answer, str)
                entry["originated"] = address in answer if known else None
                entry["truth"] = str(self._meant.truth(address, seen))

    async def departure(self, *, force: bool) -> Departure:
        """Whether the node may leave, and what is to be said about that.

        Signals do not ask: whoever shuts a host down has decided. See `routing.departure` for what
        this cannot prevent.

        Args:
            force: nobody is asked, and it may.
        """
        state = self._state()
        have = announced(state.links, state.policy, state.known)
        ours = [address for address in state.policy.addresses if address in have]
        minimum = 0 if force else self._config.drain.minimum
        found = await departure(wiring.routing_daemon(self._config.routing, ours), ours, minimum)
        if found.refusal:
            self._tell("departure-refused", found.refusal)
        return found

    async def _ask(self) -> Answers:
        addresses = self._state().policy.addresses
        versions = sorted({address.version for address in addresses})
        return await wiring.routing_daemon(self._config.routing, addresses).originated(versions)
