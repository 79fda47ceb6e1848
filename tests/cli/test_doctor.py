"""``doctor`` as an operator and as monitoring have it."""

import json
import os
import pty
import subprocess

import pytest

from anycast_wrapper.doctor.checks import ALL

from .program import ENVIRON, PROGRAM, quick, run

HOST = '[routing]\nvtysh = ["/nowhere/vtysh"]\n[daemon]\ncommand = ["/bin/sleep", "600"]\n'
SERVICE = '[[service]]\nname = "resolver"\naddresses = ["198.51.100.53"]\n'
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "anycast-wrap.toml"
    places = f'[drain]\nfile = "{tmp_path}/drained"\n[control]\nsocket = "{tmp_path}/socket"\n'
    file.write_text(HOST + places + SERVICE)
    return file


def doctor(path, *arguments):
    return quick("-c", path, "doctor", *arguments)


# --- exit status: a Nagios plugin's ---


@pytest.mark.parametrize(
    ("check", "before", "after", "code"),
    [
        ("foreground", "", "", 0),
        ("layout", "[daemon]", '[interfaces]\nkind = "dummy"\n[daemon]', 0),  # for information
        ("linger", "[drain]", '[drain]\nlinger = "0s"', 1),
        ("daemon-program", "/bin/sleep", "/nowhere/named", 2),
        ("adjacency", "", "", 3),
    ],
)
def test_the_exit_status_says_how_bad_it_is(path, check, before, after, code):
    path.write_text(path.read_text().replace(before, after, 1))
    done = doctor(path, "--check", check)
    assert done.returncode == code, done.stdout + done.stderr
    assert ("good" in done.stdout.splitlines()[-1]) or code


def test_a_warning_is_1(path):
    path.write_text(path.read_text().replace("[drain]\n", '[drain]\nlinger = "0s"\n'))
    done = doctor(path, "--check", "linger", "--check", "adjacency")
    assert done.returncode == 1
    assert done.stdout.startswith("WARNING  linger: linger is 0 s\n")
    assert 'change  linger = "2s"' in done.stdout
    assert f"in      {path}" in done.stdout
    assert "could not be determined: /nowhere/vtysh: no such file" in done.stdout
    assert done.stdout.endswith("doctor: 1 warning, 1 not determined, 0 good\n")


@pytest.mark.parametrize("arguments", [["--check", "no-such"], ["--bogus"], ["extra"]])
def test_a_mistyped_command_is_unknown_and_not_critical(path, arguments):
    done = doctor(path, *arguments)
    assert done.returncode == 3
    assert "Usage:" in done.stderr


def test_a_configuration_with_a_mistake_is_an_error_and_the_rest_is_looked_at(path):
    path.write_text("x = 1\n" + path.read_text())
    done = doctor(path, "--json")
    assert done.returncode == 2
    outcomes = {one["name"]: one for one in json.loads(done.stdout)["checks"]}
    assert "x: found a key" in outcomes["configuration"]["findings"][0]["found"]
    assert outcomes["linger"]["outcome"] == "unknown"


# --- what is said ---


def test_problems_come_first_and_what_is_good_is_counted(path):
    told = doctor(path).stdout.splitlines()
    assert told[-1].startswith("doctor: ")
    assert " good" in told[-1]
    assert not any(line.startswith("good") for line in told)
    kinds = [line.split()[0] for line in told if line.split()[0] in ("ERROR", "WARNING", "INFO")]
    assert kinds == sorted(kinds, key=("ERROR", "WARNING", "INFO").index)
    more = doctor(path, "--verbose").stdout
    assert "good       foreground: " in more


def test_the_list_has_every_check(path):
    done = doctor(path, "--list")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(ALL)


def test_the_document_for_programs_is_as_documented(path):
    done = doctor(path, "--json")
    document = json.loads(done.stdout)
    assert document["exit"] == done.returncode
    assert set(document) == {"version", "exit", "counts", "mended", "checks"}
    counts = {"error", "warning", "info", "good", "unknown", "irrelevant"}
    assert set(document["counts"]) == counts
    assert {one["name"] for one in document["checks"]} == set(ALL)
    keys = {"name", "severity", "outcome", "detail", "fixable", "findings"}
    for one in document["checks"]:
        assert set(one) == keys
        for finding in one["findings"]:
            assert set(finding) == {"found", "why", "change", "file"}


def test_nothing_is_made_and_nothing_is_left(path, tmp_path):
    doctor(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("columns", [80, 40])
def test_on_a_terminal_it_has_colours_and_loses_no_word(path, columns):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, "-c", path, "doctor", "--check", "daemon-program", "--check", "adjacency"],
        stdout=theirs,
        stderr=theirs,
        env={**ENVIRON, "TERM": "xterm-256color", "COLUMNS": str(columns)},
    )
    os.close(theirs)
    said = b""
    try:
        while chunk := os.read(ours, 65536):
            said += chunk
    except OSError:
        pass  # the terminal's other end is closed: that is its end of file
    process.wait(20)
    os.close(ours)
    text = said.decode()
    assert "\x1b[" in text
    assert "Traceback" not in text
    assert "1 good" in text
    assert "adjacency" in text


# --- --fix ---


def hidden(path, more, *arguments, after="cat /etc/sysctl.d/60-anycast-wrap.conf"):
    """Run doctor where /etc/sysctl.d is empty and the kernel's settings are nobody else's.

    It prints what doctor does, its status, what ``after`` prints, and the setting afterwards.
    """
    shell = (
        f"mount -t tmpfs none /etc/sysctl.d; ip link set lo up; {more} "
        f'set +e; "$@"; echo "status $?"; {after}; '
        "cat /proc/sys/net/ipv4/conf/all/arp_ignore"
    )
    words = ["unshare", "-mn", "sh", "-ec", shell, "sh", *PROGRAM, "-c", path, "doctor"]
    return subprocess.run(
        [*words, "--check", "arp-ignore", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=ENVIRON,
    )


@needs_root
@pytest.mark.root
def test_fix_writes_the_drop_in_applies_it_and_says_so(path):
    done = hidden(path, "", "--fix")
    assert "mended: wrote /etc/sysctl.d/60-anycast-wrap.conf" in done.stdout, done.stderr
    assert "mended: set net.ipv4.conf.all.arp_ignore = 1" in done.stdout
    assert "doctor: 1 good\nstatus 0\n" in done.stdout
    assert "\nnet.ipv4.conf.all.arp_ignore = 1\n" in done.stdout
    assert done.stdout.endswith("\n1\n")


@needs_root
@pytest.mark.root
def test_without_fix_nothing_is_written(path):
    done = hidden(path, "", after="ls -A /etc/sysctl.d")
    assert done.stdout.endswith("status 1\n0\n")


@needs_root
@pytest.mark.root
def test_fix_leaves_a_file_that_is_not_ours(path):
    theirs = "echo '# mine' > /etc/sysctl.d/60-anycast-wrap.conf;"
    done = hidden(path, theirs, "--fix")
    assert "is not ours" in done.stderr
    assert "status 1\n# mine\n0\n" in done.stdout


@needs_root
@pytest.mark.root
def test_fix_where_nothing_may_be_written_says_so(path):
    done = hidden(path, "mount -o remount,ro /etc/sysctl.d;", "--fix", after="true")
    assert "cannot write /etc/sysctl.d/60-anycast-wrap.conf: Read-only" in done.stderr
    assert "status 1\n0\n" in done.stdout


def test_the_help_tells_the_exit_statuses():
    done = run("doctor", "--help")
    assert done.returncode == 0
    for words in ("0  nothing was found", "1  warnings", "2  errors", "3  nothing was found, but"):
        assert words in done.stdout
