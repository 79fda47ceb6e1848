"""However many want to know, one question at a time, and not too often."""

import asyncio
import contextlib

from anycast_wrapper.routing import Lookout
from tests.fakes.clock import run


class Question:
    """Counts how often it is asked, and when; takes a while to answer."""

    def __init__(self, takes=0.1):
        self.takes = takes
        self.asked = []
        self.given_up = 0

    async def __call__(self):
        self.asked.append(asyncio.get_running_loop().time())
        number = len(self.asked)
        try:
            await asyncio.sleep(self.takes)
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        return number


def test_a_thousand_clients_share_a_question():
    question = Question()

    async def scenario():
        lookout = Lookout(question)
        return await asyncio.gather(*(lookout.look() for _ in range(1000)))

    assert {seen.heard for seen in run(scenario())} == {1}
    assert len(question.asked) == 1


def test_clients_who_never_cease_have_it_asked_every_two_seconds():
    question = Question()

    async def scenario():
        lookout = Lookout(question)
        for _ in range(600):
            seen = await lookout.look()
            age = asyncio.get_running_loop().time() - seen.at
            assert 0 <= age <= 2.0 + question.takes
            await asyncio.sleep(0.05)

    run(scenario())
    gaps = [
        after - before for before, after in zip(question.asked, question.asked[1:], strict=False)
    ]
    assert min(gaps) >= 2.0
    assert max(gaps) < 2.2
    assert 12 <= len(question.asked) <= 16


def test_a_slow_answer_is_waited_for_by_whoever_wants_it_and_asked_for_once():
    question = Question(takes=5.0)

    async def scenario():
        lookout = Lookout(question)
        first = asyncio.create_task(lookout.look())
        await asyncio.sleep(4.0)  # longer ago than two seconds, and still under way
        second = await lookout.look()
        assert await first is second
        assert asyncio.get_running_loop().time() - second.at == 5.0

    run(scenario())
    assert len(question.asked) == 1


def test_a_client_that_goes_away_takes_nothing_with_it():
    question = Question()

    async def scenario():
        lookout = Lookout(question)
        hasty, patient = (asyncio.create_task(lookout.look()) for _ in range(2))
        await asyncio.sleep(0.05)
        hasty.cancel()
        assert (await patient).heard == 1
        assert lookout.latest().heard == 1

    run(scenario())
    assert question.given_up == 0


def test_what_was_heard_last_is_there_without_waiting():
    async def scenario():
        lookout = Lookout(Question())
        assert lookout.latest() is None
        seen = await lookout.look()
        await asyncio.sleep(3600)
        assert lookout.latest() is seen

    run(scenario())


def test_by_itself_it_asks_every_ten_seconds_and_tells():
    question, told = Question(), []

    async def scenario():
        lookout = Lookout(question)
        task = asyncio.create_task(lookout.run(lambda seen: told.append(seen.heard), 10.0))
        await asyncio.sleep(100.0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    run(scenario())
    assert told == list(range(1, len(told) + 1))
    assert 9 <= len(told) <= 11


def test_the_end_gives_up_the_question():
    question = Question(takes=1000.0)

    async def scenario():
        lookout = Lookout(question)
        await lookout.close()
        asking = asyncio.create_task(lookout.look())
        await asyncio.sleep(1.0)
        await lookout.close()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
        await lookout.close()

    run(scenario())
    assert question.given_up == 1
