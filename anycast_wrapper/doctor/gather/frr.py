"""FRR, asked through vtysh: a process for each question, so that none waits for another."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from anycast_wrapper.core.model import Address
from anycast_wrapper.doctor.facts import Neighbour, Plan, Session, Unknown
from anycast_wrapper.doctor.frrconfig import FrrConfig, parse
from anycast_wrapper.routing import BgpTable, Vtysh

from .running import Ran, run

NEIGHBOURS = {4: "show ip ospf neighbor json", 6: "show ipv6 ospf6 neighbor json"}
SESSIONS = "show bgp neighbors json"
PROCESS = {4: "show ip ospf json", 6: "show ipv6 ospf6 json"}

_NOBODY = "failed to connect to any daemons"


async def _ask(argv: Sequence[str], question: str) -> str | Unknown:
    ran = await run((*argv, "-c", question))
    if not isinstance(ran, Ran):
        return ran
    if _NOBODY in ran.output + ran.errors:
        return Unknown(f"{argv[0]}: {_NOBODY}")
    return ran.output if ran.output.strip() else Unknown(f"{argv[0]}: {ran.complaint}")


async def daemons(argv: Sequence[str]) -> frozenset[str] | Unknown:
    """The daemons that run: ``show daemons`` names them on one line."""
    text = await _ask(argv, "show daemons")
    if isinstance(text, Unknown):
        # Root may talk to every daemon that runs; for others, vtysh says the same of both.
        nobody = os.geteuid() == 0 and text.why.endswith(_NOBODY)
        return frozenset() if nobody else text
    words = text.split()
    if not all(word.isalnum() and len(word) <= 16 for word in words):
        return Unknown(f"{argv[0]}: {text.strip().splitlines()[0][:120]}")
    return frozenset(words)


async def config(argv: Sequence[str]) -> FrrConfig | Unknown:
    """The running configuration."""
    text = await _ask(argv, "show running-config")
    if isinstance(text, Unknown):
        return text
    if "Current configuration:" not in text:
        return Unknown(f"{argv[0]}: {text.strip().splitlines()[0][:120]}")
    return parse(text.partition("Current configuration:")[2])


async def _document(argv: Sequence[str], question: str) -> Mapping[str, Any] | Unknown:
    text = await _ask(argv, question)
    if isinstance(text, Unknown):
        return text
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        first = text.strip().splitlines()[0][:120]
        return Unknown(f"`{question}` gives no JSON, but: {first}")
    return document if isinstance(document, dict) else Unknown(f"`{question}` gives no object")


async def neighbours(argv: Sequence[str], version: int) -> tuple[Neighbour, ...] | Unknown:
    """The neighbours of ospfd (4) or ospf6d (6)."""
    document = await _document(argv, NEIGHBOURS[version])
    if isinstance(document, Unknown):
        return document
    try:
        return tuple(_four(document) if version == 4 else _six(document))
    except (AttributeError, KeyError, TypeError, ValueError):
        return Unknown(f"`{NEIGHBOURS[version]}` answers in a form that is not known here")


def _four(document: Mapping[str, Any]) -> Iterator[Neighbour]:
    for router, entries in document.get("neighbors", {}).items():
        for entry in entries:
            # "eth0:192.168.1.6": the interface and our address on it.
            interface = str(entry["ifaceName"]).partition(":")[0]
            # FRR 8 has both keys, FRR 10 the longer one only.
            yield Neighbour(str(router), interface, str(entry.get("nbrState") or entry["state"]))


def _six(document: Mapping[str, Any]) -> Iterator[Neighbour]:
    for entry in document.get("neighbors", []):
        where = str(entry["interfaceName"])
        yield Neighbour(str(entry["neighborId"]), where, str(entry["state"]))


async def router_id(argv: Sequence[str], version: int) -> str | Unknown:
    """Who the daemon takes itself for."""
    document = await _document(argv, PROCESS[version])
    if isinstance(document, Unknown):
        return document
    found = document.get("routerId")
    return found if isinstance(found, str) else Unknown(f"`{PROCESS[version]}` gives no routerId")


async def sessions(argv: Sequence[str], version: int) -> tuple[Session, ...] | Unknown:
    """The sessions of bgpd that carry this IP version."""
    document = await _document(argv, SESSIONS)
    if isinstance(document, Unknown):
        return document
    try:
        return tuple(_session(address, one) for address, one in _carrying(document, version))
    except (AttributeError, KeyError, TypeError, ValueError):
        return Unknown(f"`{SESSIONS}` answers in a form that is not known here")


def _carrying(document: Mapping[str, Any], version: int) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for address, one in document.items():
        if isinstance(one, dict) and f"ipv{version}Unicast" in one["addressFamilyInfo"]:
            yield str(address), one


def _session(address: str, one: Mapping[str, Any]) -> Session:
    hold = float(one.get("bgpTimerHoldTimeMsecs", 0)) / 1000
    bfd, external = "peerBfdInfo" in one, bool(one.get("nbrExternalLink"))
    return Session(address, str(one["bgpState"]), hold, bfd=bfd, external=external)


async def bgp_router_id(argv: Sequence[str], version: int) -> str | Unknown:
    """Who bgpd takes itself for, as it tells a neighbour."""
    document = await _document(argv, SESSIONS)
    if isinstance(document, Unknown):
        return document
    try:
        found = [str(one["localRouterId"]) for _, one in _carrying(document, version)]
    except (AttributeError, KeyError, TypeError, ValueError):
        return Unknown(f"`{SESSIONS}` answers in a form that is not known here")
    return found[0] if found else Unknown(f"bgpd has no neighbour for IPv{version}")


async def originated(argv: Sequence[str], version: int) -> frozenset[Address] | Unknown:
    """The host addresses that the daemon really originates."""
    return await _originated(Vtysh(argv), version)


async def originated_by_bgp(plan: Plan, version: int) -> frozenset[Address] | Unknown:
    """Those of the service addresses that bgpd originates, and tells somebody of."""
    return await _originated(BgpTable(plan.vtysh, plan.addresses), version)


async def _originated(daemon: Vtysh | BgpTable, version: int) -> frozenset[Address] | Unknown:
    answer = (await daemon.originated([version]))[version]
    return answer if isinstance(answer, frozenset) else Unknown(str(answer))
