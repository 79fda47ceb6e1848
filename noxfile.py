"""Every version of Python that is meant to do: ``nox``, or ``nox -s tests-3.13``.

What needs no root: no interfaces, no namespaces, no daemons. Versions that are not there are
skipped. ``./run test`` runs everything, on the Python of the system.
"""

import nox

nox.options.error_on_missing_interpreters = False

WITHOUT_ROOT = (
    *("tests/core", "tests/config", "tests/control", "tests/probes", "tests/identify"),
    *("tests/telemetry", "tests/test_architecture.py", "tests/test_memory.py"),
    *("tests/test_observing.py", "tests/test_showing.py", "tests/test_supervisor.py"),
    "tests/test_wiring.py",
)


@nox.session(python=["3.11", "3.12", "3.13", "3.14"])
def tests(session: nox.Session) -> None:
    """The tests that anybody can run."""
    session.install("-e", ".[test]")
    session.run("pytest", "-q", *(session.posargs or WITHOUT_ROOT))
