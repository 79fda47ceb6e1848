"""What whoever follows a running node is told: what is announced, as soon as that is another.

A follower asks ``await`` again and again, each time with the mark of what it was told last. The
answer comes at once if something else is announced now, else as soon as it is, else when the time
that the follower gave is over: that it comes at all is the wrapper's heartbeat. While a follower
waits, its connection ends with the wrapper, whatever way the wrapper ends. Nothing is kept of a
follower between two questions, so none can miss a change, and none can change anything.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable

from .control.protocol import Document, failure
from .core.model import Rank
from .core.query import have
from .core.state import State
from .waiting import Condition

Until = Callable[[Condition[State], float], Awaitable[bool]]
"""Waits until a condition holds after a step, or for so many seconds: see `Supervisor.until`."""

FOLLOWERS = 8
"""Questions that wait at a time; one more is turned away, so that other commands get through."""

LONGEST = 60.0
"""Seconds that a question may wait."""

USAGE = 2


class Following:
    """Answers the followers of one node."""

    def __init__(self, state: Callable[[], State], until: Until) -> None:
        """Nothing happens before somebody asks.

        Args:
            state: the core's, as it is now.
            until: waits for it to change.
        """
        self._state = state
        self._until = until
        self._waiting = 0

    async def reply(self, request: Document) -> Document:
        """What is announced: see `announcement`.

        The request has ``mark``, that of the last reply or anything else, and ``wait``, the seconds
        after which the reply comes even if nothing has changed.
        """
        wait = request.get("wait", 0.0)
        if isinstance(wait, bool) or not isinstance(wait, int | float) or not 0 <= wait <= LONGEST:
            return failure(f"wait: expected seconds from 0 to {LONGEST:g}", USAGE)
        if self._waiting >= FOLLOWERS:
            return failure(f"{FOLLOWERS} followers wait already; try again")
        document = announcement(self._state())
        if document["mark"] == request.get("mark"):
            await self._change(wait)
            document = announcement(self._state())
        return {"ok": True, **document}

    async def _change(self, seconds: float) -> None:
        """Wait until something else is announced, or there is something else to announce."""
        before, policy = have(self._state()), self._state().policy

        def changed(state: State, now: float) -> bool:
            del now
            return state.policy is not policy or have(state) != before

        self._waiting += 1
        try:
            await self._until(changed, seconds)
        finally:
            self._waiting -= 1


def announcement(state: State) -> Document:
    """Of every service, in the order of the configuration, the rank of each of its addresses.

    ``mark`` is the same for as long as all of that is: followers give it back.
    """
    ranks = have(state)
    services = [
        {
            "name": service.name,
            "addresses": {str(a): ranks.get(a, Rank.WITHDRAWN).slug for a in service.addresses},
        }
        for service in state.policy.services
    ]
    digest = hashlib.blake2s(json.dumps(services).encode(), digest_size=8)
    return {"mark": digest.hexdigest(), "services": services}
