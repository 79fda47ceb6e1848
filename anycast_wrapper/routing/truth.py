"""Whether the routing daemons do what we mean: what we announce, held against what they originate.

Two lies are possible. What we announce is not originated: somebody forgot ``ip ospf area``, or a
filter takes it away; then nobody is sent here. And what is only held is originated all the same, by
``redistribute connected`` or another interface that has the address; then queries come here while
nobody vouches for an answer.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import StrEnum

from anycast_wrapper.core.effects import Effect
from anycast_wrapper.core.ladder import announced
from anycast_wrapper.core.model import Address
from anycast_wrapper.core.state import State

from .daemon import Answer, Manner
from .frr import MANNER
from .lookout import Sighting

SETTLES = 10.0
"""Seconds until a change has to be in the database.

ospfd may take 5 s to originate an LSA anew (RFC 2328, MinLSInterval), and several addresses are
announced 1.1 s apart.
"""

Answers = Mapping[int, Answer]
"""What is originated, by IP version."""

MISSING = "announcement-missing"
LEAKS = "announcement-leaks"
TRUE = "announcement-true"


class Truth(StrEnum):
    """What is to be thought of an address."""

    AGREES = "agrees"
    NOT_ORIGINATED = "not-originated"
    LEAKING = "leaking"
    SETTLING = "settling"
    UNKNOWN = "unknown"


LIES = {Truth.NOT_ORIGINATED: MISSING, Truth.LEAKING: LEAKS}
"""The notice that each lie is worth."""


class Meant:
    """An `Audience` that knows of every service address whether we announce it, and since when.

    Args:
        clock: the event loop's.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[Address, tuple[bool, float]] = {}
        self._heard: tuple[object, object] = (None, None)

    def hear(self, state: State, told: Sequence[Effect]) -> None:
        """After every step."""
        del told
        have = announced(state.links, state.policy, state.known)
        heard, self._heard = self._heard, (have, state.policy)
        if heard[0] is have and heard[1] is state.policy:
            return  # As after most steps, of which there are many a second.
        now = self._clock()
        before = self._known
        self._known = {
            address: known
            if (known := before.get(address)) is not None and known[0] is (address in have)
            else (address in have, now)
            for address in state.policy.addresses
        }

    def truth(self, address: Address, seen: Sighting[Answers] | None) -> Truth:
        """What to think of an address, by what was heard at some time."""
        meant, since = self._known.get(address, (False, self._clock()))
        answer = None if seen is None else seen.heard.get(address.version)
        if seen is None or answer is None or isinstance(answer, str):
            return Truth.UNKNOWN
        if (address in answer) is meant:
            return Truth.AGREES
        if seen.at < since + SETTLES:
            return Truth.SETTLING
        return Truth.NOT_ORIGINATED if meant else Truth.LEAKING

    def truths(self, seen: Sighting[Answers] | None) -> dict[Address, Truth]:
        """The same of every service address."""
        return {address: self.truth(address, seen) for address in self._known}


class Herald:
    """Makes notices of truths that change, each said once.

    Args:
        manner: how the routing daemon is spoken of.
    """

    def __init__(self, manner: Manner = MANNER) -> None:
        self._manner = manner
        self._told: dict[Address, Truth] = {}

    def notices(self, truths: Mapping[Address, Truth]) -> Iterator[tuple[str, str]]:
        """The name and the words of what is new.

        A lie holds until the address is found true: that nobody can say does not heal it.
        """
        for address, truth in truths.items():
            before = self._told.get(address)
            if truth in LIES and truth is not before:
                self._told[address] = truth
                yield LIES[truth], f"{address}: {words(truth, address, self._manner)}"
            elif truth is Truth.AGREES and before is not None:
                del self._told[address]
                yield (
                    TRUE,
                    f"{address}: {self._manner.protocol} originates what is announced here again",
                )
        self._forget(truths)

    def _forget(self, truths: Collection[Address]) -> None:
        for address in [address for address in self._told if address not in truths]:
            del self._told[address]


def words(truth: Truth, address: Address, manner: Manner = MANNER) -> str:
    """What a lie means and what to do about it, in a sentence; "" for anything else."""
    daemon = manner.who[address.version]
    if truth is Truth.NOT_ORIGINATED:
        return (
            f"announced here, but {daemon} does not originate it: {manner.missing[address.version]}"
        )
    if truth is Truth.LEAKING:
        return (
            f"not announced here, but {daemon} originates it: queries come and nobody vouches for "
            f"the answers; {manner.leaking}"
        )
    return ""
