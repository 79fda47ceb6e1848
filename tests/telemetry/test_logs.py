"""The log: one event a line, whoever wrote the words in it."""

import logging
import os
import pty
import re
import shlex
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anycast_wrapper.core import effects, events
from anycast_wrapper.core.model import Rank, Reason
from anycast_wrapper.errors import AnycastWrapError
from anycast_wrapper.telemetry.logs import ROOT, EventLog, line, open_log, pair

from .story import BAD, Story

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d"
FORGED = "harmless\n2025-01-01T00:00:00.000+00:00 error exit code=0\r\x1b[2J<3>exit"


@pytest.fixture(autouse=True)
def _restored():
    """The process has one log: leave it as it was."""
    before = ROOT.handlers[:], ROOT.level, ROOT.propagate, logging.raiseExceptions
    yield
    for handler in set(ROOT.handlers) - set(before[0]):
        handler.close()
    ROOT.handlers[:], ROOT.level, ROOT.propagate, logging.raiseExceptions = before


def in_words(text):
    """The fields of a line, read back."""
    event, *pairs = shlex.split(text)
    return event, dict(one.split("=", 1) for one in pairs)


# --- words ---


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "k=plain"),
        (5, "k=5"),
        ("", 'k=""'),
        ("two words", 'k="two words"'),
        ("a=b", 'k="a=b"'),
        ('say "x"', r'k="say \"x\""'),
        ("a\nb", r'k="a\nb"'),
        ("\x1b[31m", r'k="\x1b[31m"'),
        ("\u2028", r'k="\u2028"'),
        ("back\\slash", r'k="back\\slash"'),
    ],
)
def test_a_value_is_quoted_where_it_would_break(value, text):
    assert pair("k", value) == text


@given(st.text(st.characters()))
def test_no_value_makes_a_second_line_or_a_second_field(value):
    text = line("event", detail=value, last=1)
    assert text.isprintable()
    assert text.isascii()
    _, fields = in_words(text)
    assert set(fields) - {"detail"} == {"last"}


def test_a_field_that_is_empty_is_left_out():
    assert line("event", from_="a", detail="", pid=None, code=0) == "event from=a code=0"


# --- destinations ---


def test_in_the_foreground_a_line_has_time_and_level(capsys):
    open_log("auto", "info", foreground=True)
    ROOT.info("%s", line("start", pid=5))
    ROOT.debug("not wanted")
    assert re.fullmatch(rf"{STAMP} info start pid=5\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("level", "priority"),
    [("error", 3), ("warning", 4), ("info", 6), ("debug", 7)],
)
def test_in_the_journal_a_line_has_its_priority_and_no_time(capsys, monkeypatch, level, priority):
    monkeypatch.setenv("JOURNAL_STREAM", "8:12345")
    open_log("stderr", "debug", foreground=True)
    getattr(ROOT, level)("%s", line("event"))
    assert capsys.readouterr().err == f"<{priority}>event\n"


ON_A_TERMINAL = """
import logging
from anycast_wrapper.telemetry.logs import ROOT, open_log
open_log("stderr", "info", foreground=True)
ROOT.warning("drift detail=gone")
"""


@pytest.mark.parametrize(
    ("environ", "seen"),
    [({}, "\x1b[33mwarning drift\x1b[0m detail=gone"), ({"NO_COLOR": "1"}, None)],
)
def test_a_terminal_has_colours_unless_nobody_wants_them(environ, seen):
    ours, theirs = pty.openpty()
    clean = {k: v for k, v in os.environ.items() if k not in {"JOURNAL_STREAM", "NO_COLOR"}}
    subprocess.run(
        [sys.executable, "-c", ON_A_TERMINAL], stderr=theirs, env=clean | environ, check=True
    )
    os.close(theirs)
    said = os.read(ours, 4096).decode()
    os.close(ours)
    assert "drift" in said
    assert seen in said if seen else "\x1b" not in said


def test_what_an_adapter_logs_is_an_event_with_its_fields(capsys):
    open_log("stderr", "info", foreground=True)
    adapter = logging.getLogger("anycast_wrapper.nameserver")
    adapter.warning("notify-refused", {"detail": FORGED})
    (only,) = capsys.readouterr().err.splitlines()
    event, fields = in_words(only.split(" ", 2)[2])
    assert event == "notify-refused"
    assert fields.keys() == {"detail"}


def test_what_a_daemon_prints_cannot_be_taken_for_an_event(capsys):
    open_log("stderr", "info", foreground=True)
    logging.getLogger("anycast_wrapper.daemon").info("%s", "exit code=0")
    written = capsys.readouterr().err
    assert written.endswith(' info daemon-output line="exit code=0"\n')


def test_a_file_is_written_and_followed_when_it_is_rotated(tmp_path):
    path = tmp_path / "log"
    open_log(str(path), "info", foreground=False)
    ROOT.info("one")
    path.rename(tmp_path / "log.1")
    ROOT.info("two")
    assert (tmp_path / "log.1").read_text().endswith(" info one\n")
    assert path.read_text().endswith(" info two\n")


def test_a_file_that_cannot_be_opened_is_told(tmp_path):
    path = tmp_path / "none" / "log"
    with pytest.raises(AnycastWrapError, match=f"cannot log to {path}: No such file or directory"):
        open_log(str(path), "info", foreground=False)


def test_a_log_that_cannot_be_written_stops_nothing(capsys):
    open_log("/dev/full", "info", foreground=False)
    ROOT.info("lost")
    assert capsys.readouterr().err == ""
    with pytest.raises(OSError, match="No space left"):  # of what is still in its buffer
        ROOT.handlers[0].close()


def test_a_fault_is_one_line_with_its_traceback(capsys):
    open_log("stderr", "info", foreground=True)
    try:
        {}["a\nb"]
    except KeyError:
        ROOT.exception("%s", line("internal-error"))
    (written,) = capsys.readouterr().err.splitlines()
    assert re.match(rf'{STAMP} error internal-error traceback="Traceback ', written)


# --- events ---


def told(caplog, story):
    return [(r.levelname, r.getMessage()) for r in caplog.records if r.name == ROOT.name]


@pytest.fixture
def story(caplog):
    caplog.set_level(logging.INFO, ROOT.name)
    return Story(EventLog())


def test_a_start_is_told_in_events(caplog, story):
    story.announced()
    lines = [text for _, text in told(caplog, story)]
    assert lines[0] == "daemon-spawn"
    assert "service-changed service=resolver from=withdrawn to=preferred reason=healthy" in lines
    assert all(level == "INFO" for level, _ in told(caplog, story))


def test_a_failure_is_a_warning_with_its_reason_and_what_was_said(caplog, story):
    story.announced()
    caplog.clear()
    story.answers["alive"] = BAD
    story.run_until(story.now + 3)
    ((level, text),) = told(caplog, story)
    assert level == "WARNING"
    assert text == (
        "service-changed service=resolver from=preferred to=withdrawn "
        'reason=probe-servfail detail="alive: 192.0.2.53 udp: SERVFAIL"'
    )


@pytest.mark.parametrize("asked", [events.DrainAsked("by root"), events.StopAsked()])
def test_what_was_asked_for_is_no_warning(caplog, story, asked):
    story.announced()
    caplog.clear()
    story.feed(asked)
    assert [level for level, _ in told(caplog, story)] == ["INFO"]


def test_last_words_of_a_daemon_cannot_forge_a_line(caplog, story):
    story.announced()
    caplog.clear()
    story.feed(events.DaemonExited(1, FORGED))
    lines = told(caplog, story)
    assert len(lines) == 2
    assert all(text.isprintable() for _, text in lines)
    assert all(text.startswith(("service-changed ", "daemon-exited ")) for _, text in lines)


def test_the_end_is_an_error_if_it_was_none_that_was_asked_for(caplog, story):
    EventLog().hear(story.state, (effects.Exit(1, "boo"), effects.Exit(0)))
    assert told(caplog, story) == [("ERROR", "exit code=1 detail=boo"), ("INFO", "exit code=0")]


def test_moves_are_for_debugging(caplog, story):
    moves = (effects.LinkUp("anycast0"), effects.AddAddress("anycast0", "192.0.2.53"))
    EventLog().hear(story.state, moves)
    assert told(caplog, story) == []
    caplog.set_level(logging.DEBUG, ROOT.name)
    EventLog().hear(story.state, moves)
    assert told(caplog, story) == [
        ("DEBUG", 'kernel move="LinkUp anycast0"'),
        ("DEBUG", 'kernel move="AddAddress anycast0 192.0.2.53"'),
    ]


def test_every_reason_and_every_rank_is_one_word():
    words = [*Reason, *(rank.slug for rank in Rank)]
    assert all(re.fullmatch(r"[a-z-]+", word) for word in words)
