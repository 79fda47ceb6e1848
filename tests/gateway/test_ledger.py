"""The book of healths, and that a step in which nothing changes touches next to nothing."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from anycast_wrapper.core.health import Health
from anycast_wrapper.gateway import effects, events
from anycast_wrapper.gateway.ledger import PAGE, ledger
from anycast_wrapper.gateway.plan import Policy
from anycast_wrapper.gateway.tracking import step

from .simulation import GOOD, World, pool, servers

healths = st.builds(
    Health,
    due=st.integers(0, 50).map(float),
    ticket=st.one_of(st.none(), st.integers(1, 9)),
)


@given(
    lines=st.lists(healths, max_size=3 * PAGE),
    changes=st.dictionaries(st.integers(0, 3 * PAGE - 1), healths, max_size=PAGE),
    now=st.integers(0, 50).map(float),
)
def test_a_ledger_is_a_list_that_knows_what_is_due(lines, changes, now):
    changes = {number: health for number, health in changes.items() if number < len(lines)}
    book = ledger(lines)
    again = book.written(changes)
    after = [changes.get(number, health) for number, health in enumerate(lines)]
    for made, want in ((book, lines), (again, after)):
        assert list(made) == want
        assert [made[n] for n in range(len(want))] == want
        waiting = [(n, one.due) for n, one in enumerate(want) if one.ticket is None]
        assert made.soonest == min((due for _, due in waiting), default=float("inf"))
        assert made.due(now) == [n for n, due in waiting if due <= now]
    assert again == ledger(after)


def test_an_answer_that_changes_nothing_copies_one_page_and_judges_nobody():
    world = World(Policy((pool(members=servers(200)),)))
    world.start()
    world.run_until(3.1505)  # while some are being asked
    running = world.pending[0][1]
    world.feed(events.TimePassed())  # whatever is due now is asked
    before = world.state
    after, asked = step(before, running, world.now)
    assert asked == ()
    assert after.standings is before.standings
    assert after.leads is before.leads
    assert after.judge_at is before.judge_at
    same = [a is b for a, b in zip(after.ledger.pages, before.ledger.pages, strict=True)]
    assert same.count(False) == 1


def test_a_bad_answer_is_a_change_of_the_route_in_the_same_step():
    world = World(Policy((pool(members=servers(200)),)))
    world.start()
    world.run_until(3.1505)  # while some are being asked
    running = world.pending[0][1]
    bad = replace(running, outcome=replace(GOOD, ok=False))
    _, asked = step(world.state, bad, world.now)
    apply = asked[0]
    assert isinstance(apply, effects.Apply)
    assert len(apply.members) == 199
    assert isinstance(running, events.ProbeDone)
