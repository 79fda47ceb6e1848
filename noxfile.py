"""Every version of Python that is meant to do: ``nox``, or ``nox -s tests-3.13``.

What needs no root: no interfaces and no namespaces. Versions that are not there are skipped.
``./run test`` runs everything, on the Python of the system.
"""

import nox

nox.options.error_on_missing_interpreters = False

WITHOUT_ROOT = "not root and not lab and not slow and not vm and not system"


@nox.session(python=["3.11", "3.12", "3.13", "3.14"])
def tests(session: nox.Session) -> None:
    """The tests that anybody can run."""
    session.install("-e", ".[test]")
    session.run("pytest", "-q", "-m", WITHOUT_ROOT, *session.posargs)
