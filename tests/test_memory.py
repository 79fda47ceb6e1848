"""A drain survives a restart and a reboot, and what nobody can read drains as well."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anycast_wrapper.core.model import Drain, Reason
from anycast_wrapper.memory import MAX_BYTES, DrainFile, DrainList, write_atomically
from anycast_wrapper.ports import StateError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lib" / "drained"


def test_without_a_file_nothing_is_drained(path):
    assert DrainFile(path).recall() is None


def test_a_drain_is_remembered_with_its_words(path):
    DrainFile(path).remember('by root: "disk"\nü')
    assert DrainFile(path).recall() == Drain(Reason.DRAINED, 'by root: "disk"\nü')


def test_the_last_word_counts(path):
    memory = DrainFile(path)
    memory.remember("one")
    memory.remember("two")
    assert memory.recall() == Drain(Reason.DRAINED, "two")


def test_the_file_says_since_when(path):
    DrainFile(path).remember("one")
    assert set(json.loads(path.read_text())) == {"detail", "since"}


def test_a_drain_can_be_forgotten_and_that_again(path):
    memory = DrainFile(path)
    memory.remember("one")
    memory.forget()
    assert memory.recall() is None
    memory.forget()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ""),
        (b"back on monday\n", "back on monday"),
        (b'{"detail": "half', '{"detail": "half'),
        (b'{"other": 1}', '{"other": 1}'),
        (b'["detail"]', '["detail"]'),
        (b"5", "5"),
        (b"\xff\xfe", "��"),
        (b'{"detail": "\\ud800"}', "?"),
        (b"[" * 9000, "[" * MAX_BYTES),
    ],
)
def test_whatever_is_in_the_file_it_drains(path, content, words):
    path.parent.mkdir()
    path.write_bytes(content)
    assert DrainFile(path).recall() == Drain(Reason.DRAINED, words)


@given(st.binary(max_size=100))
def test_no_content_makes_an_announcement(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "drained"
    path.write_bytes(content)
    drain = DrainFile(path).recall()
    assert drain is not None
    drain.detail.encode()  # it goes into logs, sockets and terminals


def test_what_cannot_be_read_drains_and_says_so(path):
    path.mkdir(parents=True)
    assert DrainFile(path).recall() == Drain(Reason.STATE_UNREADABLE, f"{path}: Is a directory")


def test_a_place_that_cannot_be_looked_at_drains(tmp_path):
    (tmp_path / "file").touch()
    drain = DrainFile(tmp_path / "file" / "drained").recall()
    assert drain.reason is Reason.STATE_UNREADABLE


def test_what_cannot_be_written_is_told(path):
    path.mkdir(parents=True)
    with pytest.raises(StateError, match=f"cannot write {path}: Is a directory"):
        DrainFile(path).remember("one")
    assert list(path.parent.iterdir()) == [path]  # no half of a file stays


def test_what_cannot_be_removed_is_told(path):
    path.mkdir(parents=True)
    with pytest.raises(StateError, match=f"cannot remove {path}: "):
        DrainFile(path).forget()


def test_a_file_that_is_rewritten_is_the_old_or_the_new_one_at_any_moment(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    old = os.open(path, os.O_RDONLY)
    try:
        write_atomically(path, "new")
        assert os.read(old, 10) == b"old"
        assert path.read_text() == "new"
        assert list(tmp_path.iterdir()) == [path]
    finally:
        os.close(old)


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "half of it, then \ud800")
    assert path.read_text() == "old"
    assert list(Path(tmp_path).iterdir()) == [path]


# --- the drained servers of a gateway ---

TWO = {("resolver", "ns1"): "by me: new disk", ("other", "ns1"): "ü\n"}


def test_a_list_is_empty_before_anybody_is_drained(tmp_path):
    assert DrainList(tmp_path / "drained").recall() == {}


def test_a_list_is_found_again_as_it_was_written(tmp_path):
    memory = DrainList(tmp_path / "made" / "drained")
    for drained in (TWO, {("resolver", "ns1"): ""}, {}):
        memory.remember(drained)
        assert DrainList(tmp_path / "made" / "drained").recall() == drained


@pytest.mark.parametrize("content", ["", "[]", "{", '{"drained": 5}', '{"drained": [{}]}', "\0"])
def test_a_list_that_is_none_is_told_of_and_kept(tmp_path, content):
    path = tmp_path / "drained"
    path.write_text(content)
    with pytest.raises(StateError, match="no list of drained servers"):
        DrainList(path).recall()
    assert path.read_text() == content


def test_a_list_that_cannot_be_read_or_written_is_told_of(tmp_path):
    (tmp_path / "file").touch()
    memory = DrainList(tmp_path / "file" / "drained")
    with pytest.raises(StateError, match="cannot write"):
        memory.remember(TWO)
    (tmp_path / "directory").mkdir()
    with pytest.raises(StateError, match="cannot read"):
        DrainList(tmp_path / "directory").recall()
