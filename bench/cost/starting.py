"""What a check costs that is started anew each time: ours, and a forked perl with its dig.

python -m bench.cost.starting [COUNT]

Root, in a namespace of its own with a real named. All of them in turn, ``COUNT`` times (default
25), so that whatever else the machine does hits all alike: CPU milliseconds, user and system, of
the whole process with its children. ``--inside`` is how it calls itself in that namespace.
"""

import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

from anycast_wrapper.lab.load import PACKAGE_ROOT
from bench.contenders import ADDRESS

from .checks import named_somewhere
from .probing import NAME

COUNT = 25

SCRIPT = """#!{python}
import sys
from anycast_wrapper.__main__ import main
if __name__ == '__main__':
    sys.exit(main())
"""
"""A console script as pip writes it."""

PERL = """use strict; use warnings;
my @res = `/usr/bin/dig @ARGV +time=1 +tries=1 +fail 2>&1`;
my $return = $?;
if (my $error = (map {/status:\\s*(SERVFAIL)/ ? $1 : ()} @res)[0]) { die("$error"); }
exit($return ? 1 : 0);
"""
"""The wrapper for dig that LVS's knowledge base has for keepalived, in its essence."""


def installed(directory: Path) -> tuple[Path, Path]:
    """A virtual environment as an operator has it.

    Ours may be an editable one, whose start costs three times as much.

    Returns:
        The interpreter and the program.
    """
    builder = venv.EnvBuilder(with_pip=False, symlinks=True)
    builder.create(directory)
    python = directory / "bin" / "python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = directory / "lib" / version / "site-packages"
    here = sysconfig.get_paths()["purelib"]
    (packages / "here.pth").write_text(f"{PACKAGE_ROOT}\n{here}\n")
    program = directory / "bin" / "anycast-wrap"
    program.write_text(SCRIPT.format(python=python))
    program.chmod(0o755)
    return python, program


def kinds(directory: Path) -> dict[str, list[str]]:
    """Ways to check, by what they are called."""
    python, program = installed(directory / "venv")
    perl = directory / "wrapper.pl"
    perl.write_text(PERL)
    check = [str(program), "check", ADDRESS, NAME, "SOA"]
    return {
        "perl that forks dig": ["/usr/bin/perl", str(perl), NAME, "SOA", f"@{ADDRESS}"],
        "dig alone": ["/usr/bin/dig", NAME, "SOA", f"@{ADDRESS}", "+time=1", "+tries=1"],
        "check, UDP and TCP": check,
        "check, UDP": [*check, "--transport", "udp"],
        "check, UDP and TCP, --answer": [*check, "--answer", "SOA"],
        "check, nobody listens": [*check, "--port", "1"],
        "check, a wrong code": [*check, "--rcode", "REFUSED"],
        "python that does nothing": [str(python), "-c", "pass"],
    }


def cost(argv: list[str]) -> float:
    """CPU milliseconds of one run, children included."""
    with subprocess.Popen(
        argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    ) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return (used.ru_utime + used.ru_stime) * 1000


def measure(count: int) -> None:
    """Measure where we are, and print a table."""
    with tempfile.TemporaryDirectory() as directory:
        ways = kinds(Path(directory))
        costs: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(count + 1):
            for name, argv in ways.items():
                used = cost(argv)
                if turn:  # the first one compiles, and fills the page cache
                    costs[name].append(used)
    print(f"{'CPU ms, user and system':32} {'min':>7} {'median':>7} {'max':>7}")
    for name, of_one in costs.items():
        least, middle, most = min(of_one), statistics.median(of_one), max(of_one)
        print(f"{name:32} {least:7.1f} {middle:7.1f} {most:7.1f}")


def main() -> None:
    """Measure beside a named of our own."""
    inside = sys.argv[1:2] == ["--inside"]
    words = sys.argv[2:] if inside else sys.argv[1:]
    count = int(words[0]) if words else COUNT
    if inside:
        measure(count)
        return
    with named_somewhere([ADDRESS]) as node:
        argv = [sys.executable, "-m", "bench.cost.starting", "--inside", str(count)]
        said = node.run(["env", f"PYTHONPATH={PACKAGE_ROOT}", *argv], timeout=280).stdout
    print(said, end="")


if __name__ == "__main__":
    main()
