"""A daemon with bad habits: every argument is one, and they are taken in order."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path


def notify(text):
    address = os.environ["NOTIFY_SOCKET"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(text, address.replace("@", "\0", 1) if address[0] == "@" else address)


def say(text):
    os.write(1, f"{text}\n".encode())


def ready(_):
    notify(b"READY=1\nSTATUS=running\nMAINPID=%d\n" % os.getpid())


def end(code):
    sys.exit(int(code))


def stubborn(_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def polite(_):
    def on_term(*_):
        if "NOTIFY_SOCKET" in os.environ:
            notify(b"STOPPING=1")
        sys.exit(0)

    signal.signal(signal.SIGTERM, on_term)


def flood(_):
    os.write(2, b"noise\n" * 200_000)


def garbage(_):
    notify(b"\xff\x00=\n\nREADY\n=\nREADY=2\nERRNO=x\nSTATUS=\x1b[31m\nRELOADING=1")
    notify(b"READY=1" + b"x" * 10_000)


def wait(path):
    while not Path(path).exists():
        time.sleep(0.005)


def helper(path):
    Path(path).write_text(str(subprocess.Popen(["sleep", "600"]).pid))


def by_helper(_):
    # It stays, so that whose group it is in can still be seen when it is heard.
    subprocess.Popen([sys.executable, __file__, "ready"])


def environment(_):
    say(" ".join(sorted(os.environ)))


def mask(_):
    say(signal.pthread_sigmask(signal.SIG_BLOCK, ()))


HABITS = {
    "by-helper": by_helper,
    "env": environment,
    "exit": end,
    "flood": flood,
    "garbage": garbage,
    "helper": helper,
    "mask": mask,
    "polite": polite,
    "ready": ready,
    "say": say,
    "stubborn": stubborn,
    "wait": wait,
}

for argument in sys.argv[1:]:
    name, _, value = argument.partition(":")
    HABITS[name](value)
while True:
    signal.pause()
