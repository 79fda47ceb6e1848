"""contrib/freebsd-rc/anycast_wrap, run by dash with a small stand-in for rc.subr."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
from collections.abc import Callable

import pytest

# What rc.subr(8) promises, as far as this script uses it: rcvar, required_files before start,
# NAME_precmd before NAME_cmd, and only the commands that were declared.
RC_SUBR = r"""
load_rc_config() { . "$RC_CONF"; }
run_rc_command() {
    arg="$1"; one=
    case "$arg" in one*) one=yes; arg="${arg#one}" ;; esac
    case "$arg" in fast*) rc_fast=yes; arg="${arg#fast}" ;; esac
    case " start stop restart $extra_commands " in
    *" $arg "*) ;;
    *) echo "$0: unknown directive '$arg'" >&2; exit 1 ;;
    esac
    eval "enabled=\$$rcvar"
    if [ "$enabled" != YES ] && [ -z "$one" ]; then
        echo "Cannot '$arg' $name. Set $rcvar to YES" >&2; exit 1
    fi
    if [ "$arg" = start ]; then
        for file in $required_files; do
            [ -r "$file" ] || { echo "$file is not readable." >&2; exit 1; }
        done
    fi
    eval "pre=\${${arg}_precmd:-}"; eval "cmd=\${${arg}_cmd:-}"
    [ -n "$cmd" ] || { echo "no command for $arg" >&2; exit 1; }
    if [ -n "$pre" ]; then $pre || exit 1; fi
    $cmd
}
"""
PROGRAM = """#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in *"$FAIL") [ -z "$FAIL" ] || exit 6 ;; esac
"""
DIRECT = ("stop", "status", "drain", "undrain")
CHECKED = ("start", "restart", "reload")


@dataclasses.dataclass
class Outcome:
    code: int
    calls: list[str]
    said: str


Service = Callable[..., Outcome]


@pytest.fixture(scope="session")
def script(contrib: pathlib.Path) -> pathlib.Path:
    return contrib / "freebsd-rc" / "anycast_wrap"


@pytest.fixture
def config(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "with space.toml"
    path.write_text("")
    return path


@pytest.fixture
def service(script: pathlib.Path, tmp_path: pathlib.Path, config: pathlib.Path) -> Service:
    program = tmp_path / "anycast-wrap"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    subr = tmp_path / "rc.subr"
    subr.write_text(RC_SUBR)
    copy = tmp_path / "anycast_wrap"
    copy.write_text(script.read_text().replace("/etc/rc.subr", str(subr)))

    def call(command: str, *, enable: str = "YES", conf: str = "", fail: str = "") -> Outcome:
        settings = tmp_path / "rc.conf"
        settings.write_text(
            f'anycast_wrap_enable="{enable}"\nanycast_wrap_program="{program}"\n'
            f'anycast_wrap_config="{config}"\n{conf}\n'
        )
        calls = tmp_path / "calls"
        calls.write_text("")
        shell = shutil.which("dash") or "/bin/sh"
        done = subprocess.run(
            [shell, "-u", str(copy), command],
            env=os.environ | {"RC_CONF": str(settings), "CALLS": str(calls), "FAIL": fail},
            check=False,
            text=True,
            capture_output=True,
            timeout=10,
        )
        return Outcome(done.returncode, calls.read_text().splitlines(), done.stdout + done.stderr)

    return call


# required_files is a list for rc.subr, so a path with a space is not for `start`.
@pytest.fixture
def config_without_space(config: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    return config.rename(tmp_path / "plain.toml")


@pytest.mark.parametrize("command", DIRECT)
def test_the_command_is_handed_to_the_program(
    command: str, service: Service, config: pathlib.Path
) -> None:
    outcome = service(command)
    assert outcome.calls == [f"-c {config} {command}"], outcome.said
    assert outcome.code == 0


@pytest.mark.parametrize("command", CHECKED)
def test_the_configuration_is_checked_before_anything_is_touched(
    command: str, service: Service, config_without_space: pathlib.Path
) -> None:
    path = config_without_space
    outcome = service(command, conf=f'anycast_wrap_config="{path}"')
    assert outcome.calls == [f"-c {path} config check", f"-c {path} {command}"], outcome.said
    assert outcome.code == 0


@pytest.mark.parametrize("command", CHECKED)
def test_a_bad_configuration_stops_the_command(
    command: str, service: Service, config_without_space: pathlib.Path
) -> None:
    path = config_without_space
    outcome = service(command, conf=f'anycast_wrap_config="{path}"', fail="config check")
    assert outcome.calls == [f"-c {path} config check"]
    assert outcome.code != 0


def test_a_shutdown_is_never_refused(service: Service, config: pathlib.Path) -> None:
    """rc.shutdown(8) stops everything by `faststop`."""
    assert service("faststop").calls == [f"-c {config} stop --force"]


def test_configtest_only_checks(service: Service, config: pathlib.Path) -> None:
    assert service("configtest").calls == [f"-c {config} config check"]
    assert service("configtest", fail="config check").code == 6


@pytest.mark.parametrize("command", DIRECT)
def test_the_programs_exit_code_comes_through(command: str, service: Service) -> None:
    assert service(command, fail=command).code == 6


def test_a_missing_configuration_is_said_before_the_program_runs(service: Service) -> None:
    outcome = service("start", conf='anycast_wrap_config="/nonexistent.toml"')
    assert (outcome.code, outcome.calls) == (1, [])
    assert "/nonexistent.toml" in outcome.said


def test_nothing_runs_unless_it_is_enabled(service: Service) -> None:
    outcome = service("stop", enable="NO")
    assert (outcome.code, outcome.calls) == (1, [])
    assert service("onestop", enable="NO").code == 0


def test_an_unknown_command_is_refused(service: Service) -> None:
    assert service("explode").calls == []


def test_the_defaults_are_those_of_a_freebsd_port(
    script: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "rc.subr").write_text(
        "load_rc_config() { :; }\n"
        'run_rc_command() { echo "$anycast_wrap_enable" "$anycast_wrap_config" '
        '"$anycast_wrap_program" "$anycast_wrap_svcj"; }\n'
    )
    text = script.read_text().replace("/etc/rc.subr", str(tmp_path / "rc.subr"))
    done = subprocess.run(
        ["sh", "-c", text], check=True, text=True, capture_output=True, timeout=10
    )
    assert done.stdout.split() == [
        "NO",
        "/usr/local/etc/anycast-wrap/anycast-wrap.toml",
        "/usr/local/bin/anycast-wrap",
        "NO",
    ]


def test_rcorder_learns_when_to_start_and_to_stop_us(script: pathlib.Path) -> None:
    told = dict(
        re.findall(r"^# (PROVIDE|REQUIRE|BEFORE|KEYWORD): (.*)$", script.read_text(), re.MULTILINE)
    )
    assert told["PROVIDE"] == script.name
    assert "NETWORKING" in told["REQUIRE"].split()
    assert told["BEFORE"] == "SERVERS"
    assert told["KEYWORD"] == "shutdown"


def test_the_script_is_executable_and_clean(script: pathlib.Path) -> None:
    assert script.stat().st_mode & 0o111 == 0o111
    subprocess.run(["sh", "-n", str(script)], check=True, timeout=10)
    checker = shutil.which("shellcheck")
    if checker is None:
        if os.environ.get("CI") == "true":
            pytest.fail("shellcheck is not installed")
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(
        [checker, "-s", "sh", str(script)], check=False, text=True, capture_output=True, timeout=60
    )
    assert done.stdout == ""
