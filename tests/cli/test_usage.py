"""What every command says and how it exits while nothing runs: no root, nothing touched."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from anycast_wrapper.cli.main import COMMANDS
from anycast_wrapper.config.schema import Config

from .program import ENVIRON, PROGRAM, quick, run

SERVICE = '[[service]]\nname = "resolver"\naddresses = ["192.0.2.53"]\n'


def configuration(directory, **tables):
    """A file whose every path is in the directory, with interfaces that are nobody else's."""
    tables = {
        "control": f'socket = "{directory}/run/control.sock"',
        "drain": f'file = "{directory}/drained"',
        "log": f'to = "{directory}/log"',
        "interfaces": 'preferred = "awt-no0"\nlast-resort = "awt-no1"\nhold = "awt-nohold"',
        "daemon": 'command = ["/bin/sleep", "600"]',
        **tables,
    }
    text = "".join(f"[{name}]\n{body}\n" for name, body in tables.items()) + SERVICE
    path = Path(directory) / "anycast-wrap.toml"
    path.write_text(text)
    return path


@pytest.fixture
def path(tmp_path):
    return configuration(tmp_path)


@pytest.fixture
def bad(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text('x = 1\n[[service]]\nname = "a b"\naddresses = ["192.0.2.0/24"]\n')
    return path


# --- help and usage ---


def test_the_help_tells_of_every_command():
    done = run("--help")
    assert done.returncode == 0
    listed = [line.split()[0] for line in done.stdout.split("Commands:")[1].splitlines() if line]
    assert listed == list(COMMANDS)


@pytest.mark.parametrize(
    "command",
    [[name] for name in COMMANDS] + [["config", name] for name in ("check", "show", "schema")],
    ids=" ".join,
)
def test_every_command_has_its_help(command):
    done = quick(*command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: anycast-wrap {' '.join(command)} ")


def test_the_version_is_told():
    done = quick("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("anycast-wrap, version ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["--no-such-option"],
        ["status", "--no-such-option"],
        ["status", "too", "many"],
        ["start", "--wait", "soon"],
        ["start", "--wait"],
        ["undrain", "--wait", "x"],
        ["config", "no-such-command"],
        ["-c"],
    ],
    ids=" ".join,
)
def test_a_usage_error_is_2(arguments):
    done = quick(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Error: " in done.stderr


def test_without_a_command_there_is_help():
    done = quick()
    assert "Commands:" in done.stdout + done.stderr


# --- the configuration ---


def test_a_good_configuration_is_told(path):
    done = quick("-c", path, "config", "check")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{path}: good, 1 service\n"


def test_every_mistake_of_a_bad_one_is_told_with_6(bad):
    done = run("-c", bad, "config", "check")
    assert (done.returncode, done.stdout) == (6, "")
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"anycast-wrap: {bad}: ") for line in lines)


@pytest.mark.parametrize(
    "command",
    [["config", "show"], ["start"], ["start", "--foreground"], ["restart"], ["withdraw"]],
    ids=" ".join,
)
def test_what_needs_a_good_configuration_says_6_without_one(bad, tmp_path, command):
    assert quick("-c", bad, *command).returncode == 6
    done = quick("-c", tmp_path / "none.toml", *command)
    assert done.returncode == 6
    assert "none.toml: No such file or directory" in done.stderr


def test_what_is_shown_can_be_used(path, tmp_path):
    shown = quick("-c", path, "config", "show")
    assert shown.returncode == 0
    again = tmp_path / "shown.toml"
    again.write_text(shown.stdout)
    assert quick("-c", again, "config", "check").returncode == 0


def test_the_schema_is_that_of_the_configuration():
    done = quick("config", "schema")
    assert done.returncode == 0
    assert json.loads(done.stdout) == Config.model_json_schema(by_alias=True)


def test_a_relative_file_is_found_from_where_one_stands(path):
    done = subprocess.run(
        [*PROGRAM, "-c", path.name, "config", "check"],
        cwd=path.parent,
        env=ENVIRON,
        capture_output=True,
        timeout=20,
        check=True,
    )
    assert done.stdout == f"{path}: good, 1 service\n".encode()


# --- while nothing runs ---


def test_status_says_that_nothing_runs_with_3(path):
    done = run("-c", path, "status")
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout == "anycast-wrap: not-running\n"


def test_status_says_so_to_programs(path):
    done = quick("-c", path, "status", "--json")
    assert (done.returncode, done.stderr) == (3, "")
    assert json.loads(done.stdout) == {"state": "not-running"}


def test_status_with_a_bad_configuration_is_unknown(bad):
    done = quick("-c", bad, "status", "--json")
    assert done.returncode == 4
    document = json.loads(done.stdout)
    assert document["state"] == "unknown"
    assert "x: found a key that is not known here" in document["detail"]


def test_to_stop_what_does_not_run_is_done_already(path):
    done = run("-c", path, "stop")
    assert (done.returncode, done.stdout, done.stderr) == (0, "not running\n", "")


@pytest.mark.parametrize("command", [["drain", "disk"], ["undrain"], ["reload"]], ids=" ".join)
def test_what_needs_a_running_wrapper_says_7_without_one(path, command):
    done = quick("-c", path, *command)
    assert (done.returncode, done.stdout) == (7, "")
    socket_path = path.parent / "run" / "control.sock"
    assert done.stderr == f"anycast-wrap: anycast-wrap is not running (nobody at {socket_path})\n"


def test_a_word_that_is_no_utf8_is_taken(path):
    assert quick("-c", path, "drain", b"\xff".decode("utf-8", "surrogateescape")).returncode == 7


def test_a_start_without_the_program_says_5(tmp_path):
    path = configuration(tmp_path, daemon='command = ["/nonexistent/named"]')
    for command in (["start"], ["start", "--foreground"]):
        done = quick("-c", path, *command)
        assert done.returncode == 5
        assert "/nonexistent/named: no such program, or not executable" in done.stderr


def test_a_restart_without_the_program_stops_nothing_and_says_5(tmp_path):
    path = configuration(tmp_path, daemon='command = ["/nonexistent/named"]')
    done = quick("-c", path, "restart")
    assert done.returncode == 5
    assert "not running" not in done.stdout


def test_a_restart_with_a_daemon_that_its_checker_refuses_changes_nothing(tmp_path):
    daemon = (
        'command = ["/bin/sleep", "9"]\ncheck-command = ["sh", "-c", "echo zone broken; exit 1"]'
    )
    done = quick("-c", configuration(tmp_path, daemon=daemon), "restart")
    assert done.returncode == 1
    assert "sh: zone broken; nothing was changed" in done.stderr
    assert not (tmp_path / "run").exists()


# --- somebody else at the socket ---


@pytest.fixture
def listening(path):
    """A socket where ours should be, on which nobody answers."""
    (path.parent / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path.parent / "run" / "control.sock"))
        listener.listen()
        yield listener


def answered(path, listener, answer, *command):
    """Run a command, and give it this answer."""
    argv = [*PROGRAM, "-c", str(path), *command]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRON, text=True
    ) as process:
        listener.settimeout(10)
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(answer)
        output, errors = process.communicate(timeout=10)
    assert "Traceback" not in errors
    return process.returncode, output, errors


@pytest.mark.parametrize("answer", [b"", b"garbage\n", b"[]\n", b'{"ok": tr'])
def test_an_answer_that_nobody_understands_is_unknown(path, listening, answer):
    code, output, _ = answered(path, listening, answer, "status", "--json")
    assert code == 4
    assert json.loads(output)["state"] == "unknown"
    code, _, errors = answered(path, listening, answer, "drain")
    assert code == 1
    assert "did not answer: " in errors


@pytest.mark.parametrize(
    "answer",
    [b"{}\n", b'{"ok": true}\n', b'{"ok": true, "status": 5}\n', b'{"ok":true,"status":{}}\n'],
)
def test_an_answer_without_what_was_asked_for_is_unknown_too(path, listening, answer):
    for options in ([], ["--json"]):
        code, output, _ = answered(path, listening, answer, "status", *options)
        assert code == 4
        assert "unknown" in output


def test_a_refusal_is_told_with_its_status(path, listening):
    answer = b'{"ok": false, "error": "drain is for root", "code": 4}\n'
    code, _, errors = answered(path, listening, answer, "drain")
    assert (code, errors) == (4, "anycast-wrap: drain is for root\n")


def test_a_refusal_with_a_strange_status_is_a_failure(path, listening):
    answer = b'{"ok": false, "error": "no", "code": "many"}\n'
    assert answered(path, listening, answer, "drain")[0] == 1


# --- output ---


@pytest.mark.parametrize("command", [["--help"], ["config", "show"], ["status"]], ids=" ".join)
def test_output_into_a_closed_pipe_is_no_traceback(path, command):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*PROGRAM, "-c", str(path), *command],
        stdout=writer,
        stderr=subprocess.PIPE,
        env=ENVIRON,
        timeout=20,
        check=False,
    )
    os.close(writer)
    assert done.stderr == b""
    assert done.returncode not in (0, -signal.SIGPIPE)


@pytest.mark.parametrize("command", [["--help"], ["config", "show"], ["status"]], ids=" ".join)
def test_output_onto_a_full_disk_is_told(path, command):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*PROGRAM, "-c", str(path), *command],
            stdout=full,
            stderr=subprocess.PIPE,
            env=ENVIRON,
            timeout=20,
            check=False,
        )
    assert done.stderr == b"anycast-wrap: No space left on device\n"
    assert done.returncode == 1


def test_what_the_locale_cannot_write_is_escaped(tmp_path):
    path = tmp_path / "日本.toml"
    path.write_text("ß = 1\n" + SERVICE)
    done = subprocess.run(
        [*PROGRAM, "-c", str(path), "status"],
        env={**ENVIRON, "PYTHONIOENCODING": "latin-1:strict"},
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stderr) == (4, b"")
    assert b"\\u65e5\\u672c.toml" in done.stdout


def test_status_does_not_load_what_only_a_wrapper_needs():
    """Monitoring runs it every few seconds."""
    body = (
        "import sys; import anycast_wrapper.cli.status; "
        "print(sorted({'pydantic', 'pyroute2', 'dns', 'psutil'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", body], env=ENVIRON, capture_output=True, timeout=20, check=True
    )
    assert done.stdout == b"[]\n"


# --- another user ---


@pytest.fixture
def public():
    """A configuration that everybody can read."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        path = configuration(directory)
        path.chmod(0o644)
        yield path


AS_NOBODY = """
import difflib, encodings.unicode_escape, getpass, os, pwd, sys
from importlib import import_module
# Whoever has Python in a home directory cannot import anything any more later on.
for name in "start stop status drain exits leftovers peers".split():
    import_module(f"anycast_wrapper.cli.{name}")
from anycast_wrapper.cli import main
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
main()
"""


def as_nobody(path, *command):
    argv = [sys.executable, "-c", AS_NOBODY, "-c", str(path), *command]
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=20, check=False, env=ENVIRON, cwd="/"
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.mark.root
def test_a_start_without_permission_says_4(public):
    for command in (["start"], ["start", "--foreground"]):
        done = as_nobody(public, *command)
        assert done.returncode == 4, done.stderr
        assert "for lack of CAP_NET_ADMIN (to change interfaces); become root" in done.stderr


@pytest.mark.root
def test_a_start_without_permission_for_interfaces_says_4(path):
    drop = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin")
    for command in (["start"], ["start", "--foreground"]):
        done = run("-c", path, *command, before=drop)
        assert done.returncode == 4, done.stderr
        assert "for lack of CAP_NET_ADMIN (to change interfaces); become root" in done.stderr


@pytest.mark.root
def test_a_stop_without_permission_does_not_say_that_nothing_runs(public):
    run_directory = public.parent / "run"
    run_directory.mkdir(mode=0o700)
    for command in (["stop"], ["status"]):
        done = as_nobody(public, *command)
        assert done.returncode == 4
        assert "not running" not in done.stdout
