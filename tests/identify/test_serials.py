"""Serial arithmetic (RFC 1982), and which serial a node has."""

from hypothesis import given
from hypothesis import strategies as st

from anycast_wrapper.identify.serials import Seen, newer, newest

SERIALS = st.integers(0, 2**32 - 1)


def test_the_examples_of_the_rfc():
    # RFC 1982, 5.2, with 32 bits: it goes round, and half way is undefined.
    assert newer(1, 0)
    assert newer(0, 2**32 - 1)
    assert newer(44, 0)
    assert newer(2**31 - 1, 0)
    assert not newer(2**31, 0)
    assert not newer(0, 2**31)
    assert newer(0, 2**31 + 1)


@given(SERIALS, SERIALS)
def test_of_two_at_most_one_is_newer(one, other):
    assert not (newer(one, other) and newer(other, one))
    undefined = one == other or (one - other) % 2**32 == 2**31
    assert (newer(one, other) or newer(other, one)) != undefined


@given(SERIALS, st.integers(1, 2**31 - 1))
def test_what_is_added_is_newer(serial, more):
    assert newer((serial + more) % 2**32, serial)


@given(st.sets(SERIALS, max_size=5))
def test_the_newest_is_newer_than_all_others(serials):
    found = newest(serials)
    if found is not None:
        assert all(newer(found, one) for one in serials - {found})
    elif len(serials) == 2:
        one, other = serials
        assert (one - other) % 2**32 == 2**31


def test_a_circle_has_no_newest():
    assert newest([0, 2**31 - 1, 2**32 - 2]) is None
    assert newest([]) is None


def seen(*serials):
    found = Seen()
    for serial in serials:
        found.add(serial)
    return found.current


def test_an_update_meanwhile_counts_once():
    assert seen() == ()
    assert seen(7, 7, 7) == (7,)
    assert seen(7, 7, 8, 8) == (8,)
    assert seen(2**32 - 1, 0) == (0,)


def test_two_servers_under_one_name_have_both():
    assert seen(7, 8, 7) == (7, 8)
    assert seen(8, 7) == (8, 7)


@given(st.lists(SERIALS))
def test_it_is_bounded_and_never_forgets_all(serials):
    found = seen(*serials)
    assert bool(found) == bool(serials)
    assert len(found) <= Seen.LIMIT
