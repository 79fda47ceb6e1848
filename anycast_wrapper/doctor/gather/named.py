"""named: its configuration as it reads it itself."""

import itertools
import re
from collections.abc import Sequence
from pathlib import Path, PurePath

from anycast_wrapper.doctor.facts import Absent, Unknown
from anycast_wrapper.doctor.namedconf import Block, MalformedError, parse
from anycast_wrapper.nameserver import default_check

from .running import Ran, in_thread, run

FILES = ("/etc/bind/named.conf", "/etc/named.conf", "/usr/local/etc/namedb/named.conf")
"""Where it may be if the command line does not say: Debian, others, FreeBSD."""

Conf = tuple[Block | Unknown | Absent, str | Unknown | Absent]
"""The configuration, and what named-checkconf has against it."""


async def conf(command: Sequence[str]) -> Conf:
    """What named would run with. Secrets stay where they are (``-x``)."""
    checker = _checker(command)
    if not isinstance(checker, tuple):
        return checker, checker
    ran = await run((checker[0], "-p", "-x", *checker[1:]))
    if not isinstance(ran, Ran):
        return ran, ran
    if ran.code:
        if "permission denied" in ran.complaint.lower():
            refused = Unknown(f"{checker[0]}: {ran.complaint}")
            return refused, refused
        return Unknown("named-checkconf refuses the file: see named-conf"), ran.complaint
    return await in_thread("what named-checkconf prints", lambda: _parsed(ran.output)), ""


def _parsed(text: str) -> Block:
    try:
        return parse(text)
    except MalformedError as error:
        raise OSError(0, f"in a form that is not known here ({error})") from None


async def version(command: Sequence[str]) -> tuple[int, ...] | Unknown | Absent:
    """BIND's version, by its checker."""
    checker = _checker(command)
    if not isinstance(checker, tuple):
        return checker
    ran = await run((checker[0], "-v"))
    if not isinstance(ran, Ran):
        return ran
    found = re.match(r"\D{0,40}(\d{1,6})\.(\d{1,6})\.(\d{1,6})", ran.output)
    if found is None:
        return Unknown(f"{checker[0]} -v says {ran.complaint!r}")
    return tuple(map(int, found.groups()))


def _checker(command: Sequence[str]) -> tuple[str, ...] | Unknown | Absent:
    name = PurePath(command[0]).name
    if name != "named":
        return Absent(f"the daemon is {name}, not named")
    return default_check(command) or Unknown("named-checkconf is not installed")


def file(command: Sequence[str]) -> str:
    """Where named.conf is."""
    for word, value in itertools.pairwise(command):
        if word == "-c":
            return value
    return next((path for path in FILES if Path(path).exists()), "named.conf")
