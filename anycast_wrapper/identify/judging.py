"""What is wrong, and what is worth knowing, in sentences. Pure."""

from collections import Counter
from collections.abc import Iterator

from .answers import CHAOS, Answer, Topic, Transport, Trouble, Visit
from .evenness import Evenness, Verdict
from .findings import Problem
from .serials import newest
from .tally import Loss, Tally

SAYS_NOTHING = frozenset({"REFUSED", "NOTIMP", "NXDOMAIN", "NOTAUTH", "NOERROR"})
"""Answers to a question for a name by which a server may well keep it to itself, and to a question
for the root by one that does not serve it."""

SET_SERVER_ID = (
    'nodes that say nothing are told apart by nothing: set `server-id "NAME";` (or `server-id '
    "hostname;`) in the options of named.conf on each node; NSD and Unbound have `nsid`, Knot DNS "
    "`nsid` and `identity`"
)


def loss(visit: Visit, answer: Answer) -> Loss:
    """The kind of an answer that is none."""
    trouble = answer.trouble or Trouble.TIMEOUT
    return Loss(visit.address, visit.transport, answer.topic, trouble, answer.detail)


def wrong(answer: Answer, zone: str) -> tuple[str, str] | None:
    """The slug of what is wrong with an answer, and words; None if it is right.

    Who does not tell its name is not wrong; who fails to answer at all is.
    """
    if answer.topic is not Topic.SOA:
        asked = "the SOA of the root" if answer.topic is Topic.ROOT else f"{answer.topic} TXT"
        wrong = answer.rcode not in SAYS_NOTHING
        return ("rcode", f"{answer.rcode} to {asked}") if wrong else None
    if answer.rcode != "NOERROR":
        return "rcode", f"{answer.rcode} to the SOA of {zone}"
    if answer.serial is None:
        return "no-soa", f"NOERROR and no SOA to the SOA of {zone}"
    return None


def who(name: str) -> str:
    """A node in a sentence."""
    return name or "a node that says nothing"


def _times(number: int) -> str:
    return f"{number:,} times" if number != 1 else "once"


def unknown_spread(reason: str) -> Evenness:
    """The verdict where there can be none."""
    return Evenness(Verdict.UNKNOWN, f"whether it is even cannot be told: {reason}")


def problems(tally: Tally) -> Iterator[Problem]:
    """Everything that is wrong."""
    yield from _losses(tally)
    yield from _wrong_answers(tally)
    yield from _serials(tally)
    yield from _different_data(tally)


def _losses(tally: Tally) -> Iterator[Problem]:
    deaf = set(_unanswered(tally))
    grouped: Counter[tuple[str, Transport, Trouble, str]] = Counter()
    for one, times in tally.lost.items():
        if one.topic not in deaf and not _is_limited(one):
            grouped[one.address, one.transport, one.trouble, one.detail] += times
    for (address, transport, trouble, detail), times in sorted(grouped.items()):
        spread = tally.spreads[address, transport]
        where = f"{address} over {transport}"
        if spread.answered:
            words = f"{where}: {times:,} of {spread.asked:,} questions lost: {detail}"
        else:
            words = f"{where}: nothing answers: {detail} ({_times(times)})"
        yield Problem(trouble.value, words, times, None, address, transport)


def _is_limited(one: Loss) -> bool:
    """Whether it is lost to named's own limit, in all likelihood: see `asking.CHAOS_RATE`."""
    udp = one.transport is Transport.UDP
    return udp and one.topic in CHAOS and one.trouble is Trouble.TIMEOUT


def _unanswered(tally: Tally) -> Iterator[Topic]:
    """What nobody ever answered, while other things were: that is a filter, and not a loss."""
    if any(answered for _, answered in tally.topics):
        for topic in Topic:
            asked = tally.topics[topic, False]
            if topic in CHAOS and asked and not tally.topics[topic, True]:
                yield topic


def _wrong_answers(tally: Tally) -> Iterator[Problem]:
    ordered = sorted(tally.wrong.items(), key=lambda item: (item[0].node, item[0].words))
    for one, times in ordered:
        how = f"{one.address}, {one.transport}, {_times(times)}"
        words = f"{who(one.node)} answers {one.words} ({how})"
        yield Problem(one.slug, words, times, one.node, one.address, one.transport)


def _serials(tally: Tally) -> Iterator[Problem]:
    holders: dict[int, list[str]] = {}
    for name, node in sorted(tally.nodes.items()):
        for serial in node.serials.current:
            holders.setdefault(serial, []).append(name)
    if len(holders) < 2:
        return
    latest = newest(holders)
    parts = []
    for serial, names in sorted(holders.items(), key=lambda item: item[0] != latest):
        state = "the newest" if serial == latest else "stale" if latest is not None else "?"
        parts.append(f"{_together(names)} {serial} ({state})")
    words = f"serials of {tally.zone} differ: {'; '.join(parts)}"
    if latest is None:
        words += "; none is newer than all others (RFC 1982)"
    yield Problem("serials-differ", words, len(holders))


def _different_data(tally: Tally) -> Iterator[Problem]:
    """The same serial and another SOA: then the same serial is not the same zone."""
    said: dict[int, dict[str, set[str]]] = {}
    for name, node in sorted(tally.nodes.items()):
        for serial, text in node.data:
            said.setdefault(serial, {}).setdefault(text, set()).add(name)
    for serial, texts in sorted(said.items()):
        if len(texts) < 2:
            continue
        parts = [f"{_together(sorted(names))} {text!r}" for text, names in sorted(texts.items())]
        words = f"different answers under serial {serial} of {tally.zone}: {'; '.join(parts)}"
        yield Problem("different-data", words, len(texts))


def _together(names: list[str]) -> str:
    verb = "have" if len(names) > 1 else "has"
    return f"{', '.join(map(who, names))} {verb}"


def notes(tally: Tally) -> Iterator[str]:
    """What is worth knowing, and not wrong."""
    if "" in tally.nodes:
        yield SET_SERVER_ID
    for topic in _unanswered(tally):
        asked = tally.topics[topic, False]
        yield f"nobody answers {topic} ({asked:,} questions), while other questions are answered"
    if limited := sum(times for one, times in tally.lost.items() if _is_limited(one)):
        yield (
            f"{limited:,} questions for names over UDP had no answer: named answers three of a "
            "kind a second (the rate-limit of its view _bind), to all clients of a network together"
        )
    for (address, transport), spread in tally.spreads.items():
        if spread.truncated:
            yield (
                f"{address} over {transport}: {spread.truncated:,} answers were truncated, and "
                "asked for again over TCP"
            )
        if spread.split:
            yield (
                f"{address} over {transport}: from {spread.split:,} source ports, one question was "
                "answered by one node and the next by another: a route changed meanwhile, or a "
                "router spreads packet by packet, which breaks TCP"
            )
        if transport is Transport.UDP and _lost_over_udp_only(tally, address):
            yield (
                f"{address}: answers were lost over UDP, and none over TCP: if the server limits "
                "its responses (rate-limit in named.conf), ask with a lower --rate"
            )


def _lost_over_udp_only(tally: Tally, address: str) -> bool:
    over_tcp = tally.spreads.get((address, Transport.TCP))
    lost_over_udp = any(
        one.address == address and one.transport is Transport.UDP and not _is_limited(one)
        for one in tally.lost
        if one.trouble is Trouble.TIMEOUT
    )
    return lost_over_udp and over_tcp is not None and over_tcp.asked == over_tcp.answered
