"""Counts visits as they come, in bounded space, and makes findings of them at any time. Pure."""

import statistics
from collections.abc import Iterable

from . import judging
from .answers import Answer, Identity, KnownBy, Topic, Transport, Visit
from .evenness import evenness
from .findings import Balance, Findings, NodeFindings
from .presence import Presence
from .serials import newer
from .tally import NodeCount, Spread, Tally, Wrong

NODES = 256
"""Names that are told apart; whoever makes up more is counted as saying nothing."""

KINDS = 1000
"""Kinds of losses and wrong answers that are told apart."""


class Count:
    """Everything that is counted.

    Args:
        zone: whose SOA is asked for, "" for none.
        asked: who is asked, and how, in the order in which it is told of.
    """

    def __init__(self, zone: str = "", asked: Iterable[tuple[str, Transport]] = ()) -> None:
        self._tally = Tally(zone, {each: Spread() for each in asked})
        self._presence = Presence()
        self._until = 0.0

    def add(self, visit: Visit) -> None:
        """Count a visit."""
        spread = self._tally.spreads.setdefault((visit.address, visit.transport), Spread())
        self._until = max(self._until, visit.at)
        who = visit.node
        if who is None:
            spread.lost += 1
            self._presence.add_lost(visit.at, visit.address)
        else:
            name = self._node(who)[0]
            self._tally.nodes[name].visits += 1
            spread.shares[name] += 1
            spread.split += len(visit.nodes) > 1
            self._presence.add(visit.at, visit.address, name)
        for answer in visit.answers:
            spread.asked += 1
            spread.answered += answer.trouble is None
            spread.truncated += answer.truncated
            self._tally.topics[answer.topic, answer.trouble is None] += 1
            self._add_answer(visit, answer)

    def _node(self, who: Identity) -> tuple[str, NodeCount]:
        name = who.name if who.name in self._tally.nodes or len(self._tally.nodes) < NODES else ""
        by = who.by if name else KnownBy.NOTHING
        return name, self._tally.nodes.setdefault(name, NodeCount(by))

    def _add_answer(self, visit: Visit, answer: Answer) -> None:
        if answer.trouble is not None:
            loss = judging.loss(visit, answer)
            if loss in self._tally.lost or len(self._tally.lost) < KINDS:
                self._tally.lost[loss] += 1
            return
        name, node = self._node(visit.node_of(answer))
        node.answers += 1
        node.latencies.append(answer.latency)
        if answer.truncated:
            return  # the whole answer comes over TCP
        if answer.topic is Topic.SOA and answer.serial is not None:
            node.serials.add(answer.serial)
            if len(node.data) < KINDS:
                node.data.add((answer.serial, answer.text))
        elif answer.topic is Topic.VERSION and answer.text and len(node.versions) < KINDS:
            node.versions.add(answer.text)
        if words := judging.wrong(answer, self._tally.zone):
            wrong = Wrong(name, visit.address, visit.transport, *words)
            if wrong in self._tally.wrong or len(self._tally.wrong) < KINDS:
                self._tally.wrong[wrong] += 1

    def findings(self) -> Findings:
        """What all of it comes to."""
        spreads = {key: one for key, one in self._tally.spreads.items() if one.asked}
        return Findings(
            zone=self._tally.zone,
            seconds=self._until,
            asked=sum(spread.asked for spread in spreads.values()),
            answered=sum(spread.answered for spread in spreads.values()),
            balances=tuple(self._balance(*key) for key in spreads),
            nodes=tuple(self._of_node(name) for name in sorted(self._tally.nodes)),
            problems=tuple(judging.problems(self._tally)),
            notes=tuple(judging.notes(self._tally)),
            events=tuple(sorted(self._presence.events, key=lambda event: event.at)),
        )

    def _balance(self, address: str, transport: Transport) -> Balance:
        spread = self._tally.spreads[address, transport]
        if spread.shares[""]:
            verdict = judging.unknown_spread("some nodes say nothing of themselves")
        elif not self._presence.is_steady(address):
            verdict = judging.unknown_spread("nodes came or went meanwhile")
        else:
            verdict = evenness(list(spread.shares.values()))
        shares = tuple((name, n) for name, n in sorted(spread.shares.items()) if n)
        return Balance(address, transport, shares, spread.lost, verdict)

    def _of_node(self, name: str) -> NodeFindings:
        node = self._tally.nodes[name]
        serials = node.serials.current
        others = {one for each in self._tally.nodes.values() for one in each.serials.current}
        median, p95 = quantiles(node.latencies)
        return NodeFindings(
            identity=Identity(name, node.by),
            visits=node.visits,
            answers=node.answers,
            median=median,
            p95=p95,
            serials=serials,
            stale=any(newer(other, one) for other in others for one in serials),
            versions=tuple(sorted(node.versions)),
        )


def quantiles(values: Iterable[float]) -> tuple[float, float]:
    """The median, and the value that 95 % do not exceed (nearest rank); zeros for no values."""
    ordered = sorted(values)
    if not ordered:
        return 0.0, 0.0
    rank = -(-95 * len(ordered) // 100)
    return statistics.median(ordered), ordered[rank - 1]
