"""The commands on a host: a network namespace of its own, and a name server that answers."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .program import ENVIRON, PROGRAM, ROOT, quick, run

pytestmark = pytest.mark.root

SERVER = ROOT / "tests" / "fakes" / "standin_server.py"
RECORDED = ROOT / "tests" / "routing" / "recorded"
V4, V6 = "192.0.2.53", "2001:db8:53::53"
RANKS = ("anycast0", "anycast1")
HOLD = "anycast-hold"


class Host:
    """A namespace with a configuration, and the program in it."""

    def __init__(self, directory):
        self.directory = directory
        self.name = f"awt-cli-{os.getpid()}"
        self.conf = directory / "anycast-wrap.toml"
        self.socket = directory / "run" / "control.sock"
        self.inside = ("ip", "netns", "exec", self.name)
        self.configure()

    def configure(self, linger="100ms", minimum=0, vtysh="/bin/false", **daemon):
        command = daemon.pop("command", [sys.executable, str(SERVER)])
        lines = "\n".join(f'{key.replace("_", "-")} = "{value}"' for key, value in daemon.items())
        self.conf.write_text(
            f"""
            [daemon]
            command = {json.dumps(command)}
            stop-timeout = "5s"
            {lines}
            [drain]
            linger = "{linger}"
            minimum = {minimum}
            file = "{self.directory}/drained"
            [control]
            socket = "{self.socket}"
            [routing]
            vtysh = ["{vtysh}"]
            [log]
            to = "{self.directory}/log"
            [[service]]
            name = "resolver"
            addresses = ["{V4}", "{V6}"]
            [[service.probe]]
            qname = "version.bind"
            qtype = "TXT"
            qclass = "CH"
            interval = "200ms"
            recheck = "20ms"
            rise = 1
            expect = {{ rcode = ["REFUSED"] }}
            """,
        )

    def run(self, *arguments):
        return quick("-c", self.conf, *arguments, inside=self.name)

    def start(self, *options, before=()):
        """A start as it really is, with a process of its own."""
        return run("-c", self.conf, "start", *options, before=(*self.inside, *before))

    def good(self, *arguments):
        done = self.run(*arguments)
        assert (done.returncode, done.stderr) == (0, ""), self.log()
        return done.stdout

    @contextlib.contextmanager
    def foreground(self):
        process = subprocess.Popen(
            [*self.inside, *PROGRAM, "-c", str(self.conf), "start", "--foreground"],
            env=ENVIRON,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            try:
                yield process
            finally:
                process.kill()

    def status(self):
        done = self.run("status", "--json")
        return done.returncode, json.loads(done.stdout)

    def ip(self, *words):
        argv = [*self.inside, "ip", *words]
        done = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=10)
        return done.stdout

    def links(self):
        """Up or not, by name, with all addresses that are not link-local."""
        found = {}
        for link in json.loads(self.ip("-json", "address", "show")):
            addresses = {a["local"] for a in link["addr_info"] if a["scope"] != "link"}
            found[link["ifname"]] = ("UP" in link["flags"], addresses)
        return found

    def log(self):
        path = self.directory / "log"
        return path.read_text() if path.exists() else ""

    def __enter__(self):
        subprocess.run(["ip", "netns", "add", self.name], check=True, timeout=10)
        self.ip("link", "set", "lo", "up")
        return self

    def __exit__(self, *_):
        done = subprocess.run(
            ["ip", "netns", "pids", self.name], capture_output=True, text=True, check=True
        )
        for pid in done.stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        subprocess.run(["ip", "netns", "del", self.name], check=True, timeout=10)


@pytest.fixture
def host(tmp_path):
    with Host(tmp_path) as host:
        yield host


def until(condition, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.01)


def alive(pid):
    with contextlib.suppress(OSError):
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


def gone(host):
    links = host.links()
    assert not {*RANKS, HOLD} & set(links), links


def test_a_whole_life(host):
    # start
    started = host.start()
    assert (started.returncode, started.stderr) == (0, ""), host.log()
    assert started.stdout == "anycast-wrap: resolver preferred\n"
    links = host.links()
    assert links["anycast0"] == (True, {V4, V6})
    assert links[HOLD][1] == {V4, V6}
    code, status = host.status()
    assert code == 0
    assert (status["state"], status["headline"]) == ("announced", "resolver preferred")
    assert status["routing"] == {"ipv4": "ospfd: no answer", "ipv6": "ospf6d: no answer"}
    assert 0 <= status["routing_age"] < 5
    told = {(a["originated"], a["truth"]) for a in status["services"][0]["addresses"]}
    assert told == {(None, "unknown")}
    assert alive(status["pid"])
    assert alive(status["daemon"]["pid"])
    shown = host.good("status")
    assert f"anycast-wrap: announced, pid {status['pid']}\n" in shown
    assert "service resolver: preferred" in shown

    # Only one at a time, and it is said which.
    assert host.good("start") == f"anycast-wrap runs already, pid {status['pid']}\n"
    second = host.start("--foreground")
    assert second.returncode == 1
    assert f"runs already: pid {status['pid']} holds {host.socket}.lock" in second.stderr
    assert host.status()[0] == 0

    # drain and undrain
    assert host.good("drain", "new", "disk").startswith("drained: ")
    code, drained = host.status()
    assert (code, drained["state"]) == (5, "drained")
    assert drained["drained"]["detail"].endswith(": new disk")
    assert drained["daemon"]["pid"] == status["daemon"]["pid"]
    assert not host.links()["anycast0"][0]
    assert host.good("restart") == "anycast-wrap: drained: running, and nothing is announced\n"
    assert host.good("undrain") == "resolver preferred\n"
    code, after = host.status()
    assert code == 0
    assert after["pid"] != status["pid"]
    assert not alive(status["pid"])
    assert not alive(status["daemon"]["pid"])

    # reload and stop
    a_reload_takes_over_what_is_good(host)
    assert host.good("stop") == "stopped\n"
    assert not alive(after["daemon"]["pid"])
    gone(host)
    assert host.status() == (3, {"state": "not-running"})
    assert not host.socket.exists()
    assert "Traceback" not in host.log()
    assert "traceback=" not in host.log()


def a_reload_takes_over_what_is_good(host):
    host.configure(linger="50ms")
    assert host.good("reload") == "reloaded\n"
    until(lambda: 'daemon-output line="reloaded"' in host.log() or "line=reloaded" in host.log())
    text = host.conf.read_text()
    host.conf.write_text(text.replace("rise = 1", "rise = 0"))
    refused = host.run("reload")
    assert refused.returncode == 6
    assert "probe[1].rise: found 0" in refused.stderr
    assert refused.stderr.endswith("the old configuration stays in force\n")
    assert host.status()[0] == 0
    host.conf.write_text(text.replace('stop-timeout = "5s"', 'ready = "notify"'))
    refused = host.run("reload")
    assert refused.returncode == 1
    assert "daemon.ready changed, which needs a restart" in refused.stderr
    host.conf.write_text(text)


def test_a_wrapper_that_is_killed_leaves_the_daemon_for_the_next_one(host):
    host.good("start")
    _, status = host.status()
    os.kill(status["pid"], signal.SIGKILL)
    until(lambda: not alive(status["pid"]))
    until(lambda: not set(RANKS) & set(host.links()))
    code, dead = host.status()
    assert (code, dead["state"]) == (1, "dead")
    assert dead["left_behind"] == [f"{V4} on {HOLD}: held", f"{V6} on {HOLD}: held"]
    shown = host.run("status")
    assert shown.returncode == 1
    assert "left behind (`anycast-wrap start` takes over" in shown.stdout
    assert host.run("drain").returncode == 7

    assert host.good("start") == "anycast-wrap: resolver preferred\n"
    code, adopted = host.status()
    assert code == 0
    assert adopted["daemon"]["pid"] == status["daemon"]["pid"]
    assert f"pid {status['daemon']['pid']} runs on from before" in host.log()
    host.good("stop")
    assert not alive(status["daemon"]["pid"])
    gone(host)


def test_in_the_foreground_until_a_signal(host):
    host.ip("address", "add", f"{V4}/32", "dev", "lo")
    host.conf.write_text(host.conf.read_text().replace(f'to = "{host.directory}/log"', ""))
    with host.foreground() as process:
        until(lambda: host.status()[0] == 0)
        with socket.socket(socket.AF_UNIX) as idle:
            idle.connect(str(host.socket))
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "Traceback" not in errors, errors
    assert f'foreign-address detail="{V4} is also on lo, which is not ours: left alone' in errors
    assert errors.splitlines()[-1].endswith(" info exit code=0")
    assert V4 in host.links()["lo"][1]
    gone(host)


def recorded_vtysh(host, tag):
    """A vtysh that has the whole database of a node in the lab; elsewhere it says nothing."""
    script = host.directory / "vtysh"
    script.write_text(
        f"""#!{sys.executable} -S
import sys
version = 6 if "ipv6" in sys.argv[-1] else 4
if "self-originate" not in sys.argv[-1]:
    sys.stdout.write(open(f"{RECORDED}/census-{tag}-{{version}}.txt").read())
"""
    )
    script.chmod(0o755)
    return script


def test_the_last_node_does_not_leave_unless_it_is_forced_to(host):
    host.configure(minimum=1, vtysh=recorded_vtysh(host, "alone"))
    host.good("start")
    _, before = host.status()
    for command in ("stop", "drain", "restart"):
        refused = host.run(command)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert f"this node is the last that announces {V4} and {V6}" in refused.stderr
        assert "insist with --force" in refused.stderr
    code, after = host.status()
    assert (code, after["pid"]) == (0, before["pid"])
    assert host.log().count("departure-refused") == 3

    assert host.good("drain", "--force", "new", "disk").startswith("drained: ")
    # What is not announced cannot be the last.
    assert "drained" in host.good("restart")
    host.good("undrain")
    assert host.good("restart", "--force") == "anycast-wrap: resolver preferred\n"
    # A value of the configuration, and not only from the next start on.
    host.configure(minimum=0, vtysh=host.directory / "vtysh")
    host.good("reload")
    assert host.good("stop") == "stopped\n"


def test_one_of_several_leaves(host):
    host.configure(minimum=2, vtysh=recorded_vtysh(host, "three"))
    host.good("start")
    host.good("drain")
    host.good("undrain")
    assert host.good("stop") == "stopped\n"


def test_who_does_not_know_leaves_with_a_warning(host):
    host.configure(minimum=1)
    host.good("start")
    for command in ("drain", "undrain", "restart", "stop"):
        done = host.run(command)
        assert done.returncode == 0
        warned = "warning: nobody knows whether another node announces" in done.stderr
        assert warned is (command != "undrain"), done.stderr


def test_a_signal_does_not_ask(host):
    host.configure(minimum=1, vtysh=recorded_vtysh(host, "alone"))
    with host.foreground() as process:
        until(lambda: host.status()[0] == 0)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
    assert process.returncode == 0
    gone(host)


def test_a_start_that_does_not_come_to_an_announcement_in_time_goes_on_trying(host):
    host.configure(command=["/bin/sleep", "600"])
    done = host.start("--wait", "0.5")
    assert done.returncode == 1
    assert "running, but not announced after 0.5 s: resolver withdrawn (probe-" in done.stderr
    code, status = host.status()
    assert (code, status["state"]) == (5, "withdrawn")
    host.good("stop")
    gone(host)


def test_a_daemon_that_ends_at_once_is_told_with_its_words(host):
    host.configure(command=["/bin/sh", "-c", "echo 'no such zone' >&2; exit 3"])
    done = host.start()
    assert done.returncode == 1
    assert "not started: exited with status 3: no such zone" in done.stderr
    gone(host)
    assert host.status()[0] == 3


def test_withdraw_works_on_a_wrapper_that_hears_nothing(host):
    host.good("start")
    _, status = host.status()
    os.kill(status["pid"], signal.SIGSTOP)
    assert host.good("withdraw").startswith("anycast0 set down\n")
    assert not host.links()["anycast0"][0]
    assert host.links()[HOLD][1] == {V4, V6}
    os.kill(status["pid"], signal.SIGKILL)
    until(lambda: not set(RANKS) & set(host.links()))
    assert host.good("withdraw") == "nothing was announced\n"


@pytest.mark.parametrize(
    ("hide", "options"),
    [
        ("mount --bind /dev/null /dev/net/tun", ["--foreground"]),
        ("mount -t tmpfs none /dev/net", []),
    ],
    ids=["no device", "no file"],
)
def test_without_tun_it_is_said_and_nothing_is_left(host, hide, options):
    before = host.links()
    mounting = ("unshare", "-m", "sh", "-ec", f'{hide}; exec "$@"', "sh")
    done = host.start(*options, before=mounting)
    assert done.returncode == 1
    assert "cannot create TAP" in done.stderr or "/dev/net/tun" in done.stderr
    assert len(done.stderr.splitlines()) <= 2, done.stderr
    assert host.links() == before
    assert host.status() == (3, {"state": "not-running"})


@pytest.mark.parametrize("name", [*RANKS, HOLD])
def test_a_name_that_is_taken_is_said_and_what_has_it_is_left_alone(host, name):
    host.ip("link", "add", name, "type", "bridge")
    host.ip("link", "set", name, "up")
    before = host.links()
    done = host.start()
    assert done.returncode == 1
    assert name in done.stderr
    assert "it exists and is bridge" in done.stderr or "has carrier" in done.stderr
    assert host.links() == before


def test_a_socket_directory_that_cannot_be_is_said(host):
    (host.directory / "run").touch()
    done = host.start()
    assert done.returncode == 1
    assert "Not a directory" in done.stderr
    gone(host)
