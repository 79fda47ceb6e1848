"""Everything that can be said, written or asked for is documented, and nothing else is."""

import inspect
import re
import subprocess
import sys
from collections import Counter
from functools import cache

import click
import pytest
from manpages import ROOT, below, items, plain, sections

from anycast_wrapper import reloading
from anycast_wrapper.cli.exits import Exit, StatusExit
from anycast_wrapper.cli.main import cli
from anycast_wrapper.doctor.checks import ALL as CHECKS
from anycast_wrapper.doctor.examination import DoctorExit
from anycast_wrapper.node import FIXED
from anycast_wrapper.telemetry.metrics.sources import STATES

EIGHT, FIVE = "anycast-wrap.8", "anycast-wrap.toml.5"
DOCS = [
    ROOT / "README.rst",
    *sorted((ROOT / "docs").glob("*.rst")),
    *sorted((ROOT / "contrib").glob("**/*.rst")),
    ROOT / "contrib" / "prometheus" / "anycast-wrap.rules.yml",
    *sorted((ROOT / "docs" / "man").iterdir()),
]


@cache
def tree() -> dict[str, click.Command]:
    """Every command that can be given, by its words."""

    def walk(command: click.Command, words: tuple[str, ...]) -> None:
        if not isinstance(command, click.Group):
            found[" ".join(words)] = command
            return
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            walk(child, (*words, name))

    found: dict[str, click.Command] = {}
    walk(cli, ())
    return found


def options(command: click.Command) -> set[str]:
    """Its options, each with all of its names, without --help."""
    return {" ".join(sorted(one.opts)) for one in command.params if isinstance(one, click.Option)}


def documented_options(text: str) -> set[str]:
    return {
        " ".join(sorted(f"-{flag.strip()}" for flag in re.split(r"[ ,]+", names)))
        for head, _ in items(text)
        if (names := re.sub(r"^Fl | Ar .*", "", head).replace(" Fl", ""))
    }


def arguments(command: click.Command) -> list[str]:
    return [one.name or "" for one in command.params if isinstance(one, click.Argument)]


def test_the_manual_has_every_command_and_no_other():
    headings = [re.sub(r" (Op )?Ar .*", "", one) for one in below(EIGHT, "COMMANDS")]
    assert sorted(headings) == sorted(tree())
    assert not [name for name, times in Counter(headings).items() if times > 1]


def test_a_help_keeps_its_tables_and_shows_no_marks():
    for name, command in tree().items():
        text = command.get_help(click.Context(command))
        assert "\\b" not in text, name
        assert not re.search(r"(?m)^\s+Exit status\S*: .+\d  ", text), name


def test_the_manual_has_every_option_of_every_command_and_no_other():
    for heading, text in below(EIGHT, "COMMANDS").items():
        command = tree()[re.sub(r" (Op )?Ar .*", "", heading)]
        assert documented_options(text) == options(command), heading
        assert len(re.findall(r"\bAr\b", heading)) == len(arguments(command)), heading
    ours = documented_options(sections(EIGHT)["DESCRIPTION"])
    assert ours == options(cli) | {"--help -h"}


def test_the_manual_tells_the_default_of_every_option_that_has_one():
    for heading, text in below(EIGHT, "COMMANDS").items():
        command = tree()[re.sub(r" (Op )?Ar .*", "", heading)]
        said = {documented_options(f"\n.It {head}").pop(): body for head, body in items(text)}
        for one in command.params:
            if isinstance(one, click.Option) and one.show_default and one.default is not False:
                default = one.default if isinstance(one.default, str) else f"{one.default:g}"
                words = f"The default is {default}"
                assert words in said[" ".join(sorted(one.opts))], (heading, one.name)


@pytest.mark.parametrize(
    ("heading", "statuses"),
    [
        ("Of status", StatusExit),
        ("Of doctor", DoctorExit),
        ("Of check", range(4)),
        ("Of every other command", Exit),
    ],
)
def test_the_manual_has_every_exit_status_and_no_other(heading, statuses):
    text = below(EIGHT, "EXIT STATUS")[heading]
    assert [int(head.removeprefix("Li ")) for head, _ in items(text)] == sorted(statuses)


def test_the_manual_has_every_variable_of_the_environment_that_is_looked_at():
    pattern = r"""environ(?:ment)?\.get\(\s*"([A-Z_]+)"|"([A-Z_]+)" in os\.environ"""
    read = {
        "".join(found)
        for file in (ROOT / "anycast_wrapper").glob("**/*.py")
        if "lab" not in file.parts
        for found in re.findall(pattern, file.read_text())
    }
    assert "NOTIFY_SOCKET" in read
    text = sections(EIGHT)["ENVIRONMENT"]
    said = {name for head, _ in items(text) for name in re.findall(r"[A-Z_]{3,}", head)}
    assert said == read | {"_ANYCAST_WRAP_COMPLETE"}  # click's


def test_the_manual_has_every_signal_that_is_listened_to():
    text = sections(EIGHT)["SIGNALS"]
    said = {name for head, _ in items(text) for name in re.findall(r"SIG[A-Z]+", head)}
    heard = set(re.findall(r"signal\.(SIG[A-Z]+)", inspect.getsource(reloading)))
    # The watchdog's, and the one that nobody can listen to.
    assert said == heard | {"SIGALRM", "SIGKILL"}


def test_the_manual_names_what_a_reload_cannot_change():
    listed = re.findall(r"^\.Cm (\S+)$", sections(FIVE)["RELOAD"], re.MULTILINE)
    assert sorted(listed) == sorted(FIXED)


def test_every_check_of_the_doctor_is_documented_and_no_other():
    text = (ROOT / "docs" / "doctor.rst").read_text()
    assert set(re.findall(r"^([a-z0-9-]+)\n-+$", text, re.MULTILINE)) == set(CHECKS)
    written = subprocess.run(
        [sys.executable, ROOT / "docs" / "write_doctor.py"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert written.stdout == text


def test_every_alert_is_in_the_operations_guide_with_its_severity_and_no_other():
    rules = (ROOT / "contrib" / "prometheus" / "anycast-wrap.rules.yml").read_text()
    alerts = re.findall(r"- alert: (\w+).*?severity: (\w+)", rules, re.DOTALL)
    guide = (ROOT / "docs" / "operations.rst").read_text()
    assert re.findall(r"^``(Anycast\w+)`` +(\w+)", guide, re.MULTILINE) == alerts
    assert set(re.findall(r"Anycast[A-Z]\w+", guide)) == {name for name, _ in alerts}


# --- nothing is told to be typed that would be refused ---


def commands(text: str):
    """What a reader would type, as lists of words."""
    text = re.sub(r"(?m)^\.Ql (anycast-wrap .*?)( [.,;:])?$", r"``\1``", plain(text))
    quoted = re.findall(r"`{1,2}(anycast-wrap [^`]+)`{1,2}", text)
    lines = re.findall(r"(?:^ +|^[#$] |&& )(anycast-wrap [a-z-].*)$", text, re.MULTILINE)
    for one in [*quoted, *lines]:
        for part in re.split(r"\s(?:&&|\|\||[#>|])\s?", one):
            words = part.split()
            if words[:1] == ["anycast-wrap"]:
                yield words[1:]


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_a_reader_is_told_to_give_exists(path):
    for words in commands(path.read_text()):
        given = [word for word in words if not word.startswith("-")]
        if not given or not re.fullmatch("[a-z]+", given[0]):
            continue  # `anycast-wrap [-c FILE] COMMAND`
        if given[0] in STATES:
            continue  # what `status --watch` prints
        names = [name for name in (" ".join(given[:2]), given[0]) if name in tree()]
        group = [name for name in tree() if name.startswith(f"{given[0]} ")]
        assert names or group, f"there is no {words}"
        if not names or names[0] == "lab shell":
            continue
        flags = {flag for one in options(tree()[names[0]]) for flag in one.split()}
        used = {word.strip("[],;") for word in words if word.startswith(("--", "[--"))}
        assert used <= flags | {"--help"}, f"{names[0]} has no {used - flags}"
        for name in re.findall(r"--check ([a-z-]+)", " ".join(words)):
            assert name in CHECKS
