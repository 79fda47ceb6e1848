"""Who announces what, as a document for programs: ``peers --json`` and the page."""

from collections.abc import Mapping, Sequence
from typing import Any

from anycast_wrapper.core.model import Address

from .census import Announcer, Census

Answers = Mapping[int, Census | str]
"""By IP version: what the database says, or why nobody knows."""


def document(addresses: Sequence[Address], answers: Answers) -> dict[str, Any]:
    """The document behind ``peers --json``. Its keys are a contract.

    ``announced`` is None where nobody knows; ``why`` then says why, and with true, why there may be
    more announcers than are listed.
    """
    return {
        "routers": {
            f"ipv{version}": None if isinstance(answer, str) else answer.router
            for version, answer in answers.items()
        },
        "addresses": [_address(address, answers) for address in addresses],
    }


def _address(address: Address, answers: Answers) -> dict[str, Any]:
    answer = answers.get(address.version, "not asked yet")
    if isinstance(answer, str):
        return {"address": str(address), "announced": None, "why": answer, "announcers": []}
    found = answer.announcers(address)
    entry = {
        "address": str(address),
        "announced": any(one.reachable for one in found),
        "announcers": [_announcer(one) for one in found],
    }
    if not answer.blind:
        return entry
    # What we see is so; what we do not see may be there all the same.
    return entry | {"announced": entry["announced"] or None, "why": answer.blind}


def _announcer(one: Announcer) -> dict[str, Any]:
    preference = one.offer.preference
    return ({} if preference is None else {"preference": preference}) | {
        "router": one.offer.router,
        "here": one.here,
        "reachable": one.reachable,
        "cost": one.offer.cost,
        "age": one.offer.age,
        "area": one.offer.area or None,
        "origin": one.offer.origin,
    }
