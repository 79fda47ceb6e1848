"""docs/events.rst: every event that the log can carry, and every reason, with its level and fields.

The names are found in the source. A call whose name cannot be read there has to be told about in
`PASSED_ON`, so that a new way of logging cannot go around this test.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from manpages import ROOT

from anycast_wrapper.core.model import Reason
from anycast_wrapper.routing.truth import LIES, TRUE
from anycast_wrapper.telemetry.logs import TROUBLE

PACKAGE = ROOT / "anycast_wrapper"
ELSEWHERE = {"lab", "identify", "doctor", "starting"}
"""Packages that never run inside of a wrapper."""

TELLERS = {"Noticed", "tell", "_tell", "_notice"}
LEVELS = {"debug", "info", "warning", "error", "exception"}
WHOLE_LINES = [(f, ["%s"]) for f in ("nameserver/output.py", "telemetry/logs.py", "cli/start.py")]
"""What the daemon prints, which the log calls `daemon-output`; and what `line` has made."""

PASSED_ON = {
    ("node.py", "event"): "Node._notice hands on what its callers say",
    ("track/running.py", "event"): "Gateway._notice, the same",
    ("track/logbook.py", "event"): "TrackLog writes down a notice",
    ("comparing.py", "event"): "routing.truth.Herald: LIES and TRUE",
    ("supervisor.py", "words"): "notices that were made elsewhere",
    ("supervisor.py", "notices"): "the same",
    ("supervisor.py", "Await"): "the same",
    ("telemetry/logs.py", "event"): "EventLog writes down a notice",
    ("telemetry/logs.py", "Call"): "an adapter's event with its fields",
    ("routing/lookout.py", "sighting"): "hands on what was seen, no event",
    ("cli/doctor.py", "results"): "prints a report",
}

BY_EFFECT = {
    "service-changed": ("info", "warning"),
    "server-changed": ("info", "warning"),
    "address-changed": ("info", "warning"),
    "daemon-spawn": ("info",),
    "daemon-terminate": ("info",),
    "daemon-kill": ("info",),
    "divert": ("info",),
    "nudge": ("info",),
    "exit": ("info", "error"),
    "start-failed": ("error",),
    "internal-error": ("error",),
    "kernel": ("debug",),
}
"""Levels of what is put into words before it is logged: `telemetry.logs`, `cli.start`."""


@dataclass(frozen=True)
class Said:
    """One place where an event is made."""

    event: str
    level: str
    fields: frozenset[str]
    status: bool = False


def constants(node: ast.expr, function: ast.AST) -> list[str]:
    """The strings that an expression may be, as far as its function shows."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.IfExp(body=first, orelse=other):
            return constants(first, function) + constants(other, function)
        case ast.JoinedStr():
            text = ast.unparse(node)
            # telemetry.logs, by the names of effects
            known = "f'daemon-{name}'"
            return [f"daemon-{n}" for n in ("spawn", "terminate", "kill")] if text == known else []
        case ast.Name(id=name):
            values = [
                one.value
                for one in ast.walk(function)
                if isinstance(one, ast.Assign)
                and any(isinstance(t, ast.Name) and t.id == name for t in one.targets)
            ]
            found = [v.value for v in values if isinstance(v, ast.Constant)]
            return [text for text in found if isinstance(text, str)]
    return []


def calls() -> Iterator[tuple[str, ast.AST, ast.Call]]:
    """Every call in what runs inside of a wrapper: file, function, call."""
    for file in sorted(PACKAGE.glob("**/*.py")):
        name = file.relative_to(PACKAGE).as_posix()
        if name.split("/")[0] in ELSEWHERE:
            continue
        tree = ast.parse(file.read_text())
        functions = [
            one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        for function in functions:
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and node.args:
                    yield name, function, node


def callee(call: ast.Call) -> tuple[str, str]:
    """On whom what is called: ``("_log", "warning")``, ``("", "line")``."""
    match call.func:
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            return owner, name
        case ast.Attribute(attr=name):
            return "", name
        case ast.Name(id=name):
            return "", name
    return "", ""


def keys(call: ast.Call) -> frozenset[str]:
    """The fields that a logger or `line` is given."""
    named = {one.arg.removesuffix("_") for one in call.keywords if one.arg}
    named = (named | {"traceback"}) - {"exc_info"} if "exc_info" in named else named
    given = [one for one in call.args[1:] if isinstance(one, ast.Dict)]
    return frozenset(
        named | {k.value for d in given for k in d.keys if isinstance(k, ast.Constant)}
    )


@cache
def found() -> tuple[frozenset[Said], frozenset[tuple[str, str]]]:
    """What is said in the source, and what cannot be read there."""
    said: set[Said] = set()
    unread: set[tuple[str, str]] = set()
    for file, function, call in calls():
        owner, name = callee(call)
        first = call.args[0]
        if name in TELLERS:
            for event in (names := constants(first, function)):
                level = "warning" if event in TROUBLE else "info"
                said.add(Said(event, level, frozenset({"detail"}), status=True))
        elif name == "line" and file != "cli/identify.py":
            names = constants(first, function)
            said |= {Said(event, "", keys(call)) for event in names if event != "daemon-output"}
        elif name in LEVELS and owner.lower().endswith(("log", "root")):
            names = constants(first, function)
            if (file, names) in WHOLE_LINES:
                continue
            level = "error" if name == "exception" else name
            more = {"traceback"} if name == "exception" else set()
            said |= {Said(event, level, keys(call) | more) for event in names}
        else:
            continue
        if not names:
            unread.add((file, first.id if isinstance(first, ast.Name) else type(first).__name__))
    said.add(Said("daemon-output", "info", frozenset({"line"})))
    lies = [(one, "warning") for one in LIES.values()]
    for event, level in [*lies, (TRUE, "info")]:
        said.add(Said(event, level, frozenset({"detail"}), status=True))
    return frozenset(said), frozenset(unread)


@dataclass(frozen=True)
class Entry:
    """What the page says of an event."""

    levels: str
    status: bool
    body: str

    @property
    def fields(self) -> set[str]:
        line = re.search(r"(?ms)^    Fields: (.*?)(?:\.(?:\s|$)|\n\n)", self.body)
        assert line is not None, self.body
        return set(re.findall(r"(?:^|, |; |;\n)``([a-z]+)``", line[1]))


def entries() -> dict[str, Entry]:
    text = (ROOT / "docs" / "events.rst").read_text()
    page = text[text.index("\nEvents\n---") : text.index("\nReasons\n---")]
    parts = re.split(r"^``([a-z-]+)`` \(([^)]*)\)\n", page, flags=re.MULTILINE)[1:]
    names = parts[::3]
    assert len(names) == len(set(names)), "an event is there twice"
    return {
        name: Entry(head.partition(";")[0], "status" in head, body)
        for name, head, body in zip(names, parts[1::3], parts[2::3], strict=True)
    }


def test_every_call_that_logs_can_be_read_or_is_known():
    assert found()[1] <= set(PASSED_ON)


def test_every_event_is_documented_and_no_other():
    said = {one.event for one in found()[0]}
    assert len(said) > 40
    assert all(re.fullmatch("[a-z]+(-[a-z]+)*", event) for event in said), said
    assert set(entries()) == said


def test_everything_that_counts_as_trouble_is_an_event():
    assert set(entries()) >= TROUBLE


def test_every_event_has_its_level():
    said: dict[str, set[str]] = {}
    for one in found()[0]:
        said.setdefault(one.event, set()).update({one.level} - {""})
    said |= {event: said[event] | set(levels) for event, levels in BY_EFFECT.items()}
    levels = re.compile("debug|info|warning|error")
    assert {name: set(levels.findall(one.levels)) for name, one in entries().items()} == said


def test_an_event_is_marked_if_status_shows_it():
    shown = {one.event for one in found()[0] if one.status}
    shown |= {"service-changed", "server-changed", "address-changed"}
    assert {name for name, entry in entries().items() if entry.status} == shown


def test_every_event_has_its_fields_and_what_to_do():
    said: dict[str, set[str]] = {}
    for one in found()[0]:
        # The first process has no number yet when it is asked for.
        said.setdefault(one.event, set()).update(one.fields if one.event != "daemon-spawn" else ())
    said["reloaded"] = set()  # its detail is always empty
    assert {name: entry.fields for name, entry in entries().items()} == said
    for name, entry in entries().items():
        assert re.search(r"^    Do: \S", entry.body, re.MULTILINE), name


def test_every_reason_is_documented_and_no_other():
    text = (ROOT / "docs" / "events.rst").read_text()
    page = text[text.index("\nReasons\n---") :]
    assert re.findall(r"^``([a-z-]+)``$", page, re.MULTILINE) == [str(one) for one in Reason]
