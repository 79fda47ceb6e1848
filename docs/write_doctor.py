"""Write docs/doctor.rst: ``python docs/write_doctor.py > docs/doctor.rst``."""

import re
import sys
import textwrap
from collections.abc import Iterator

from anycast_wrapper.doctor.check import Check
from anycast_wrapper.doctor.checks import ALL

_HEAD = """Doctor
======

Written from the checks in ``anycast_wrapper/doctor/checks`` by ``docs/write_doctor.py``; do not
edit.

``anycast-wrap doctor`` looks for what is wrong with a host, or about to be: at its configuration,
at named.conf as named reads it (``named-checkconf -p``), at FRR through ``vtysh``, at the kernel
and at systemd. It needs no wrapper that runs and no network, starts nothing, and takes less than
five seconds: what does not answer by then is told as *could not be determined*, with the reason.

::

    anycast-wrap doctor                        # problems first, then a count of what is good
    anycast-wrap doctor --verbose              # what is good as well
    anycast-wrap doctor --check arp-ignore     # this check alone; may be given several times
    anycast-wrap doctor --json                 # for programs, see below
    anycast-wrap doctor --fix                  # mend what is ours to mend

The exit status is that of a Nagios plugin: 0 nothing was found, 1 warnings, 2 errors, 3 nothing
was found but not everything could be determined (or the command was mistyped). What is worth
knowing only (info) does not count.

``--fix`` writes ``/etc/sysctl.d/60-anycast-wrap.conf`` and sets what is in it, if one of the
checks that say so below has found something. A file of that name that is not ours (ours begin
with ``# anycast-wrap:``) is left alone, and so is everything else on the host.

``--json`` prints an object: ``version`` (1), ``exit`` (the exit status), ``counts`` (how many
checks found an ``error``, a ``warning``, an ``info``, and how many are ``good``, ``unknown`` and
``irrelevant``), ``mended`` (what ``--fix`` did, in sentences) and ``checks``. Each of these has
``name``, ``severity``, ``outcome`` (``found``, ``good``, ``unknown``, ``irrelevant``), ``detail``
(why it is unknown or irrelevant), ``fixable`` and ``findings``: objects with ``found``, ``why``,
``change`` (the line or command that changes it) and ``file`` (where that line belongs, or null).

"""


def written() -> str:
    """The whole page."""
    return _HEAD + "\n".join(line for one in ALL.values() for line in _entry(one))


def _entry(one: Check) -> Iterator[str]:
    yield one.name
    yield "-" * len(one.name)
    yield ""
    yield from _wrapped(f"*{one.severity}.* {_literals(one.looks)}")
    yield ""
    yield from _wrapped(f"**Why:** {_literals(one.why)}")
    yield ""
    also = " ``doctor --fix`` does it." if one.fixable and "--fix" not in one.cure else ""
    yield from _wrapped(f"**Cure:** {_literals(one.cure)}{also}")
    yield ""


def _literals(text: str) -> str:
    """What stands between backquotes, as a literal; a star alone as what it is."""
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(f"`{p}`" if p.startswith("`") else p.replace("*", "\\*") for p in parts)


def _wrapped(text: str) -> Iterator[str]:
    yield from textwrap.wrap(text, 100, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    sys.stdout.write(written())
