"""contrib/freebsd-rc/anycast_wrap, run by dash with a small stand-in for rc.subr."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence

import pytest

# What rc.subr does (FreeBSD 15, libexec/rc/rc.subr), as far as this script uses it. Written down in
# the calls: that it looks for a process, which it would do for a `command` or a NAME_program.
RC_SUBR = r"""
load_rc_config() { . "$RC_CONF"; }
checkyesno() {
    eval "value=\${$1:-}"
    case "$value" in
    [Yy][Ee][Ss]|[Tt][Rr][Uu][Ee]|[Oo][Nn]|1) return 0 ;;
    [Nn][Oo]|[Ff][Aa][Ll][Ss][Ee]|[Oo][Ff][Ff]|0) return 1 ;;
    esac
    echo "$0: WARNING: \$$1 is not set properly - see rc.conf(5)." >&2; return 1
}
usage() { echo "Usage: $0 [fast|force|one|quiet]($*)" >&2; exit 1; }
required_before() {
    [ "$rc_arg" = start ] || return 0
    for file in $required_files; do
        [ -r "$file" ] || { echo "$0: WARNING: $file is not readable." >&2
            [ -n "$rc_force" ] || return 1; }
    done
}
run_rc_command() {
    _return=0; rc_fast=; rc_force=; rc_quiet=; rc_pid=; prefix=
    rc_arg="$1"; shift; rc_extra_args="$*"
    case "$rc_arg" in
    fast*) rc_arg="${rc_arg#fast}"; rc_fast=yes; rc_quiet=yes ;;
    force*) rc_arg="${rc_arg#force}"; rc_force=yes; eval "$rcvar=YES" ;;
    one*) rc_arg="${rc_arg#one}"; eval "$rcvar=YES" ;;
    quiet*) rc_arg="${rc_arg#quiet}"; rc_quiet=yes ;;
    esac
    eval "override=\${${name}_program:-}"
    command="${override:-${command:-}}"
    keywords="start stop restart rcvar enable disable delete enabled describe extracommands"
    keywords="$keywords $extra_commands"
    if [ -n "$command" ]; then
        echo "check_process $command" >> "$CALLS"; keywords="$keywords status poll"
    elif [ -n "${status_cmd:-}" ]; then keywords="$keywords status"; fi
    [ -n "$rc_arg" ] || usage "$keywords"
    case " $keywords " in *" $rc_arg "*) ;; *)
        echo "$0: unknown directive '$rc_arg'." >&2; usage "$keywords" ;;
    esac
    case "$rc_arg" in rcvar|delete|enable|describe|status) ;; *)
        if ! checkyesno "$rcvar"; then
            [ -n "$rc_quiet" ] || echo "Cannot '$rc_arg' $name. Set $rcvar to YES in" \
                "/etc/rc.conf or use 'one$rc_arg' instead of '$rc_arg'."
            return 0
        fi ;;
    esac
    eval "cmd=\${${rc_arg}_cmd:-}"; eval "precmd=\${${rc_arg}_precmd:-}"
    [ -n "$cmd" ] || { echo "default $rc_arg" >> "$CALLS"; return 0; }
    required_before || return 1
    if [ -n "$precmd" ]; then
        eval "$precmd $rc_extra_args"; _return=$?
        [ $_return -eq 0 ] || [ -n "$rc_force" ] || return 1
    fi
    checkyesno "${name}_svcj" && echo "jail" >> "$CALLS"
    eval "$cmd $rc_extra_args"; _return=$?
    [ $_return -eq 0 ] || [ -n "$rc_force" ] || return 1
    return $_return
}
"""
PROGRAM = """#!/bin/sh
echo "$*" >> "$CALLS"
case "$*" in *"$FAIL") [ -z "$FAIL" ] || exit "${CODE:-6}" ;; esac
"""
SHELLS = (("dash",), ("bash", "--posix"), ("busybox", "sh"), ("mksh",), ("ksh93",), ("yash",))
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

    def call(
        *words: str,
        enable: str = "YES",
        conf: str = "",
        fail: str = "",
        code: int = 6,
        shell: Sequence[str] = ("dash",),
        boot: bool = False,
    ) -> Outcome:
        settings = tmp_path / "rc.conf"
        settings.write_text(
            f'anycast_wrap_enable="{enable}"\nanycast_wrap_program="{program}"\n'
            f'anycast_wrap_config="{config}"\n{conf}\n'
        )
        calls = tmp_path / "calls"
        calls.write_text("")
        program_of_shell = shutil.which(shell[0]) or "/bin/sh"
        # At boot rc(8) sources the script, in a subshell with the command set as $1.
        how = ["-c", f"( set {words[0]}; . {copy} )"] if boot else ["-u", str(copy), *words]
        settled = {"RC_CONF": str(settings), "CALLS": str(calls), "FAIL": fail, "CODE": str(code)}
        done = subprocess.run(
            [program_of_shell, *shell[1:], *how],
            env=os.environ | settled,
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


@pytest.mark.parametrize("code", [1, 3, 4, 5, 7])
@pytest.mark.parametrize("command", DIRECT)
def test_the_programs_exit_code_comes_through(command: str, code: int, service: Service) -> None:
    """rc.subr itself makes 1 of each."""
    assert service(command, fail=command, code=code).code == code


def test_no_process_is_looked_for_by_name(service: Service, config: pathlib.Path) -> None:
    """rc.subr would for NAME_program, and find none: ps shows an interpreter."""
    assert service("status").calls == [f"-c {config} status"]
    assert service("poll").calls == []


def test_the_reason_of_a_drain_is_handed_on(service: Service, config: pathlib.Path) -> None:
    assert service("drain", "it's", "a", "new *", "disk;").calls == [
        f"-c {config} drain it's a new * disk;"
    ]
    assert service("stop", "--force").calls == [f"-c {config} stop --force"]


@pytest.mark.parametrize("command", ["stop", "drain"])
def test_force_forces(command: str, service: Service, config: pathlib.Path) -> None:
    assert service(f"force{command}", enable="NO").calls == [f"-c {config} {command} --force"]


def test_no_command_shows_the_usage(service: Service) -> None:
    outcome = service()
    assert (outcome.code, outcome.calls) == (1, [])
    for word in ("start", "status", "reload", "drain", "undrain"):
        assert word in outcome.said


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_any_shell_will_do(shell: tuple[str, ...], service: Service, config: pathlib.Path) -> None:
    if shutil.which(shell[0]) is None:
        pytest.skip(f"no {shell[0]} here")
    assert service("faststop", shell=shell).calls == [f"-c {config} stop --force"]
    assert service("drain", "it's *", shell=shell).calls == [f"-c {config} drain it's *"]
    assert service("status", shell=shell, fail="status", code=3).code == 3


def test_at_boot_and_at_shutdown_it_is_sourced(service: Service, config: pathlib.Path) -> None:
    assert service("faststop", boot=True).calls == [f"-c {config} stop --force"]
    assert service("status", boot=True, fail="status", code=3).code == 3


def test_a_missing_configuration_is_said_before_the_program_runs(service: Service) -> None:
    outcome = service("start", conf='anycast_wrap_config="/nonexistent.toml"')
    assert (outcome.code, outcome.calls) == (1, [])
    assert "/nonexistent.toml" in outcome.said


def test_nothing_runs_unless_it_is_enabled(service: Service, config: pathlib.Path) -> None:
    outcome = service("stop", enable="NO")
    assert (outcome.code, outcome.calls) == (0, [])  # rc.subr says it, and ends with 0
    assert "Set anycast_wrap_enable to YES" in outcome.said
    assert service("faststop", enable="NO").said == ""
    assert service("onestop", enable="NO").calls == [f"-c {config} stop"]


def test_an_unknown_command_is_refused(service: Service) -> None:
    assert service("explode").calls == []


def test_the_defaults_are_those_of_a_freebsd_port(
    script: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "rc.subr").write_text(
        "load_rc_config() { :; }\n"
        'run_rc_command() { echo "$anycast_wrap_enable" "$anycast_wrap_config" '
        '"$anycast_wrap_path" "$anycast_wrap_svcj"; }\n'
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
