"""What ExaBGP is told, in stories and in any order of events whatsoever."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anycast_wrapper.core.model import Rank
from anycast_wrapper.exabgp.speaker import AGAIN_AT_MOST, ANSWER, CHUNK, REPEAT, Speaker
from anycast_wrapper.exabgp.words import Attributes, Routes, Watchdogs

from .router import Router

RANKS = {rank.slug: rank for rank in Rank}
A, B = "192.0.2.1/32", "192.0.2.2/32"

STORIES = {
    "at the beginning everything is said, as nobody knows what was": """
        want a preferred, b withdrawn
        > withdraw route b
        > announce route a
        """,
    "nothing is said before anything is known": """
        wait 3
        """,
    "what changes is said, and nothing else": """
        want a preferred, b preferred
        > announce route a
        > announce route b
        want a preferred, b withdrawn
        > withdraw route b
        want a preferred, b withdrawn
        wait 60
        """,
    "what was there and is nowhere any more is withdrawn": """
        want a preferred, b preferred
        > announce route a
        > announce route b
        want b preferred
        > withdraw route a
        """,
    "another rank takes the place of the first": """
        want a preferred, b withdrawn
        > withdraw route b
        > announce route a
        want a last-resort, b withdrawn
        > announce route a med 100
        """,
    "what was not read is never said if it is no longer wanted": """
        full
        want a preferred, b preferred
        want a withdrawn, b withdrawn
        read
        > withdraw route a
        > withdraw route b
        """,
    "what is refused is said again, later every time, with all the rest": """
        want a preferred, b withdrawn
        > withdraw route b
        > announce route a
        < done
        < error
        ! refused announce route a
        wait 0.9
        wait 0.2
        > withdraw route b
        > announce route a
        < error
        < error
        ! refused withdraw route b
        ! refused announce route a
        wait 1.8
        wait 0.3
        > withdraw route b
        > announce route a
        < done
        < done
        want a withdrawn, b withdrawn
        > withdraw route a
        < error
        ! refused withdraw route a
        wait 1.1
        > withdraw route a
        > withdraw route b
        """,
    "a withdrawal does not wait for what was refused": """
        want a preferred, b preferred
        > announce route a
        > announce route b
        < error
        ! refused announce route a
        want a preferred, b withdrawn
        > withdraw route b
        """,
    "where nobody answers, nobody is waited for": """
        want a preferred, b withdrawn
        > withdraw route b
        > announce route a
        wait 60
        """,
    "where answers cease, what was not answered is said once more": """
        want a preferred, b withdrawn
        > withdraw route b
        > announce route a
        < done
        < done
        want a withdrawn, b withdrawn
        > withdraw route a
        wait 5.1
        ! unanswered withdraw route a
        > withdraw route a
        > withdraw route b
        wait 60
        """,
    "an answer that nobody has asked for does no harm": """
        < done
        < error
        ! refused
        """,
}


class Teller:
    """Plays a story, and writes down what is said."""

    def __init__(self):
        style = Routes({Rank.LAST_RESORT: Attributes(med=100)})
        self.speaker = Speaker(style, [A, B])
        self.now = 0.0
        self.full = False
        self.heard = []

    def turn(self):
        self.hear(self.speaker.overdue(self.now))
        while not self.full and (lines := self.speaker.lines(self.now)):
            self.heard += [f"> {short(line.text)}" for line in lines]

    def hear(self, trouble):
        if trouble is not None:
            word = type(trouble).__name__.lower()
            self.heard.append(f"! {word} {short(trouble.line)}".strip())

    def play(self, step):
        word, _, rest = step.partition(" ")
        if word == "want":
            pairs = [one.split() for one in rest.split(", ")]
            names = {"a": A, "b": B}
            self.speaker.want({names[name]: RANKS[rank] for name, rank in pairs})
        elif word == "<":
            self.hear(self.speaker.answer(rest, self.now))
        elif word == "wait":
            self.now += float(rest)
        else:
            self.full = word == "full"
        self.turn()


def short(line):
    return line.replace(" next-hop self", "").replace(A, "a").replace(B, "b")


@pytest.mark.parametrize("title", STORIES)
def test_story(title):
    steps = [line.strip() for line in STORIES[title].strip().splitlines()]
    teller = Teller()
    told = []
    while steps:
        # Answers to several lines come in one go.
        step = steps.pop(0)
        told.append(step)
        del teller.heard[:]
        teller.play(step)
        while step.startswith("<") and steps and steps[0].startswith("<"):
            step = steps.pop(0)
            told.append(step)
            teller.play(step)
        told += teller.heard
        while steps and steps[0][0] in ">!":
            steps.pop(0)
    expected = [line.strip() for line in STORIES[title].strip().splitlines()]
    assert told == expected


def test_it_is_said_again_ever_less_often_but_said():
    speaker, gaps, now = Speaker(Routes()), [], 0.0
    speaker.want({A: Rank.PREFERRED})
    for _ in range(12):
        assert len(speaker.lines(now)) == 1
        refused = speaker.answer("error", now)
        gaps.append(refused.seconds)
        assert speaker.deadline() == now + refused.seconds
        now = speaker.deadline()
    assert gaps == sorted(gaps)
    assert gaps[0] == 1.0
    assert gaps[-1] == AGAIN_AT_MOST


def test_a_thousand_addresses_go_in_pieces_that_a_pipe_takes_whole():
    speaker = Speaker(Routes({Rank.PREFERRED: Attributes(med=0)}))
    speaker.want({f"2001:db8::{n:x}/128": Rank.PREFERRED for n in range(1000)})
    said = []
    while lines := speaker.lines(0.0):
        assert sum(len(line.text) + 1 for line in lines) <= CHUNK
        said += lines
    assert len(said) == len(set(said)) == 1000


# --- whatever happens, in any order ---

ADDRESSES = [ip_address(one) for one in ("192.0.2.1", "192.0.2.2", "2001:db8::1")]
SERVICES = {"x": ADDRESSES[:2], "y": ADDRESSES[2:]}
STATIC = {
    name + group: {f"{a}/{a.max_prefixlen}": words for a in addresses}
    for name, addresses in SERVICES.items()
    for group, words in (("", "strong"), ("-last-resort", "weak"))
}
STYLES = {
    "routes": (
        Routes({Rank.PREFERRED: Attributes(med=0), Rank.LAST_RESORT: Attributes(med=9)}),
        {Rank.PREFERRED: "med 0", Rank.LAST_RESORT: "med 9"},
    ),
    "watchdogs": (Watchdogs(), {Rank.PREFERRED: "strong", Rank.LAST_RESORT: "weak"}),
}

rank = st.sampled_from(Rank)
known = st.fixed_dictionaries(
    {name: st.fixed_dictionaries(dict.fromkeys(a, rank)) for name, a in SERVICES.items()}
)
taken = st.one_of(
    st.tuples(st.just("know"), st.one_of(st.none(), known)),
    st.tuples(st.just("read"), st.integers(1, 5)),
    st.tuples(st.just("wait"), st.floats(0.01, 40)),
    st.tuples(st.just("full"), st.booleans()),
)
event = st.one_of(taken, st.tuples(st.just("refuse"), st.integers(1, 3)))


class World:
    """A speaker, and an ExaBGP that reads, answers and refuses as it likes."""

    def __init__(self, style, words, left_over, *, answers):
        self.style, self.words, self.answers = style, words, answers
        self.router = Router(STATIC)
        self.router.routes.update(left_over)
        nothing = {name: dict.fromkeys(a, Rank.WITHDRAWN) for name, a in SERVICES.items()}
        self.speaker = Speaker(style, style.topics(nothing))
        self.now, self.full, self.wanted = 0.0, False, None

    def turn(self):
        self.speaker.overdue(self.now)
        while not self.full and (lines := self.speaker.lines(self.now)):
            self.router.unread += (line.text for line in lines)

    def do(self, what, how):
        if what == "know":
            self.wanted = how or {}
            self.speaker.want(self.style.topics(self.wanted))
        elif what in ("read", "refuse"):
            for _ in range(min(how, len(self.router.unread))):
                word = self.router.read(refuse=what == "refuse")
                if self.answers:
                    self.speaker.answer(word, self.now)
        elif what == "wait":
            self.now += how
        else:
            self.full = how
        self.turn()

    def settle(self):
        """ExaBGP reads everything, and time passes until nothing is pending."""
        self.do("full", how=False)
        for _ in range(50):
            while self.router.unread:
                self.do("read", 100)
            at = self.speaker.deadline()
            if at is None:
                return
            if self.style.repeats and at == self.now + REPEAT and not self.router.unread:
                return
            self.now = max(self.now, at)
            self.turn()
        raise AssertionError("it never comes to rest")

    def should_have(self):
        ranks = {
            address: min(addresses.values())
            if isinstance(self.style, Watchdogs)
            else addresses[address]
            for addresses in self.wanted.values()
            for address in addresses
        }
        return {
            f"{a}/{a.max_prefixlen}": self.words[r] for a, r in ranks.items() if r in self.words
        }


@pytest.mark.parametrize("style", STYLES)
@given(events=st.lists(event, max_size=40), left_over=st.booleans())
def test_exabgp_ends_up_with_what_the_wrapper_announces(style, events, left_over):
    left = {"192.0.2.1/32": "of a predecessor"} if left_over and style == "routes" else {}
    world = World(*STYLES[style], left, answers=True)
    for one in events:
        world.do(*one)
    if world.wanted is None:
        world.do("know", None)
    world.settle()
    assert world.router.routes == world.should_have()


@pytest.mark.parametrize("style", STYLES)
@given(events=st.lists(taken, max_size=40))
def test_so_it_does_where_answers_are_off(style, events):
    world = World(*STYLES[style], {}, answers=False)
    for one in events:
        world.do(*one)
    if world.wanted is not None:
        world.settle()
        assert world.router.routes == world.should_have()


@given(events=st.lists(taken, max_size=40))
def test_once_everything_is_read_nothing_is_announced_of_a_wrapper_that_is_gone(events):
    world = World(*STYLES["routes"], {}, answers=True)
    for one in events:
        world.do(*one)
    world.do("full", how=False)
    world.do("know", None)
    world.do("read", 1000)
    assert world.router.routes == {}


def test_watchdogs_are_said_again_as_a_reload_of_exabgp_resets_them():
    speaker = Speaker(Watchdogs(), ["a"])
    speaker.want({"a": Rank.PREFERRED})
    first = speaker.lines(0.0)
    assert [line.again for line in first] == [False, False]
    assert speaker.lines(REPEAT - 0.1) == []
    again = speaker.lines(REPEAT)
    assert [line.text for line in again] == [line.text for line in first]
    assert [line.again for line in again] == [True, True]


@given(events=st.lists(event, max_size=30))
def test_time_is_never_lost_in_a_loop(events):
    world = World(*STYLES["routes"], {}, answers=True)
    for one in events:
        world.do(*one)
        at = world.speaker.deadline()
        assert at is None or world.full or at > world.now - ANSWER
