"""contrib/init.d/anycast-wrap on a host without systemd, with LSB's exit statuses (20.2)."""

import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .program import ENVIRON, ROOT
from .test_life import Host, alive, gone, until

pytestmark = pytest.mark.root

SCRIPT = ROOT / "contrib" / "init.d" / "anycast-wrap"
PROGRAM = """#!/bin/sh
echo "$*" >> "$CALLS"
[ "$3" != status ] || exit "${STATUS:-0}"
"""


class InitHost(Host):
    """A host whose init is no systemd: the script, and what it reads, are files of its own."""

    def __init__(self, directory):
        super().__init__(directory)
        self.pid_file = directory / "anycast-wrap.pid"
        control = f'[control]\npid-file = "{self.pid_file}"'
        self.conf.write_text(self.conf.read_text().replace("[control]", control))
        program = directory / "anycast-wrap"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m anycast_wrapper "$@"\n')
        program.chmod(0o755)
        self.script = installed(directory, program, self.conf)

    def init(self, *words, **options):
        """What the script says, as a terminal that is closed at once would see it."""
        return subprocess.run(
            [*self.inside, str(self.script), *words],
            env=ENVIRON,
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            **options,
        )


def installed(directory, program, conf):
    defaults = directory / "default"
    defaults.write_text(f"program={program}\nconfig={conf}\nwait=10\n")
    script = directory / "script"
    script.write_text(SCRIPT.read_text().replace("/etc/default/anycast-wrap", str(defaults)))
    script.chmod(0o755)
    return script


@pytest.fixture
def host(tmp_path):
    with InitHost(tmp_path) as host:
        yield host


def test_a_whole_life_with_the_statuses_of_lsb(host):
    assert host.init("status").returncode == 3
    assert host.init("stop").returncode == 0
    assert host.init("try-restart").returncode == 0
    assert host.init("status").returncode == 3
    assert host.init("reload").returncode == 7

    started = host.init("start")
    assert (started.returncode, started.stderr) == (0, ""), host.log()
    pid = int(host.pid_file.read_text())
    assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
    assert host.init("start").returncode == 0
    assert int(host.pid_file.read_text()) == pid
    assert host.init("status").returncode == 0
    assert host.init("force-reload").returncode == 0

    assert host.init("try-restart").returncode == 0
    after = int(host.pid_file.read_text())
    assert after != pid
    assert not alive(pid)
    assert host.init("stop").returncode == 0
    assert not host.pid_file.exists()
    assert host.init("status").returncode == 3
    gone(host)


def test_the_pid_file_of_a_killed_one_is_replaced(host):
    assert host.init("start").returncode == 0
    pid = int(host.pid_file.read_text())
    os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(pid))
    assert host.init("status").returncode == 1
    assert int(host.pid_file.read_text()) == pid
    assert host.init("start").returncode == 0
    assert int(host.pid_file.read_text()) != pid
    assert host.init("stop").returncode == 0


def test_a_pid_file_that_cannot_be_written_is_said(host):
    host.pid_file.mkdir()
    done = host.init("start")
    assert done.returncode == 1
    assert f"cannot write control.pid-file {host.pid_file}: Is a directory" in done.stderr
    gone(host)
    assert host.init("status").returncode == 3


def test_nothing_of_the_caller_is_kept(host):
    """Whoever reads a descriptor that we inherited would wait for its end for ever."""
    reader, writer = os.pipe()
    assert host.init("start", pass_fds=[writer]).returncode == 0
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        assert select.select([pipe], [], [], 5)[0], "somebody has our pipe"
        assert pipe.read() == b""
    # Nor the session, whose terminal may be closed.
    assert os.getsid(int(host.pid_file.read_text())) != os.getsid(0)


def test_a_signal_that_the_caller_blocks_is_heard(host):
    """Not by way of the script: some shells block nothing that they do not know of."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGALRM})
    try:
        assert host.start().returncode == 0
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    os.kill(int(host.pid_file.read_text()), signal.SIGTERM)
    until(lambda: host.init("status").returncode == 3)


def test_the_log_file_may_be_moved_away(host):
    assert host.init("start").returncode == 0
    (host.directory / "log").rename(host.directory / "log.1")
    assert host.init("stop").returncode == 0
    assert "exit code=0" in (host.directory / "log").read_text()
    assert "exit code=0" not in (host.directory / "log.1").read_text()


def test_a_configuration_that_is_not_there(host):
    host.conf.unlink()
    done = host.init("start")
    assert done.returncode == 6
    assert str(host.conf) in done.stderr
    assert "`anycast-wrap config init ADDRESS` begins one" in done.stderr


def test_a_run_directory_that_is_read_only(host):
    directory = host.directory / "ro"
    directory.mkdir()
    text = host.conf.read_text().replace(f"{host.directory}/run/", f"{directory}/run/")
    host.conf.write_text(text)
    mount = f'mount -t tmpfs -o ro none {directory}; exec "$@"'
    done = host.start(before=("unshare", "-m", "sh", "-ec", mount, "sh"))
    assert done.returncode == 1
    assert "Read-only file system; set control.socket to a path" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    gone(host)


def test_a_port_that_somebody_else_has(host):
    taken = (
        "import socket, sys\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('0.0.0.0', 53))\n"
        "print('bound', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [*host.inside, sys.executable, "-c", taken],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline() == "bound\n"
        done = host.init("start")
        process.stdin.close()
    assert done.returncode == 1
    assert "port 53 of 0.0.0.0 is taken by" in done.stderr
    assert f"(pid {process.pid})" in done.stderr
    gone(host)
    assert host.init("status").returncode == 3


# --- the script alone ---


@pytest.fixture
def script(tmp_path):
    program = tmp_path / "anycast-wrap"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    return installed(tmp_path, program, "/c.toml")


def call(script, *words, shell=None, **environ):
    calls = script.with_name("calls")
    calls.write_text("")
    done = subprocess.run(
        [*([shell] if shell else []), str(script), *words],
        env={"CALLS": str(calls), "PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )
    return done.returncode, calls.read_text().splitlines()


@pytest.mark.parametrize("shell", ["dash", "bash", "mksh", "ksh93", "yash"])
def test_any_shell_will_do(script, shell):
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    assert call(script, "start", shell=shell) == (0, ["-c /c.toml start --wait 10"])
    assert call(script, "stop", shell=shell) == (0, ["-c /c.toml stop"])
    assert call(script, "try-restart", shell=shell, STATUS="3") == (0, ["-c /c.toml status"])


@pytest.mark.parametrize(
    ("environ", "option"),
    [
        ({"RUNLEVEL": "6"}, " --force"),
        ({"RUNLEVEL": "0"}, " --force"),
        ({"RC_RUNLEVEL": "shutdown"}, " --force"),
        ({"RUNLEVEL": "2"}, ""),
        ({"RC_RUNLEVEL": "default"}, ""),
    ],
)
def test_a_shutdown_is_never_refused(script, environ, option):
    assert call(script, "stop", **environ) == (0, [f"-c /c.toml stop{option}"])


@pytest.mark.parametrize("code", ["0", "1", "3", "4", "5"])
def test_the_status_comes_through(script, code):
    assert call(script, "status", STATUS=code)[0] == int(code)


@pytest.mark.parametrize("words", [(), ("explode",), ("",)])
def test_an_unknown_command_is_refused(script, words):
    assert call(script, *words) == (2, [])


@pytest.mark.parametrize(("word", "code"), [("start", 5), ("stop", 0), ("status", 4)])
def test_without_the_program(script, word, code):
    script.with_name("anycast-wrap").unlink()
    assert call(script, word) == (code, [])


def test_the_header_says_when():
    lines = SCRIPT.read_text().split("### BEGIN INIT INFO\n")[1].split("### END INIT INFO")[0]
    fields = dict(line[2:].split(":", 1) for line in lines.splitlines() if line[2] != " ")
    assert fields["Provides"].split() == ["anycast-wrap"]  # insserv skips who provides $named
    assert fields["Default-Stop"].split() == ["0", "1", "6"]
    assert "$network" in fields["Required-Start"].split()


def test_the_script_is_executable_and_clean():
    assert SCRIPT.stat().st_mode & 0o111 == 0o111
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    subprocess.run(["shellcheck", str(SCRIPT)], check=True, timeout=60)
