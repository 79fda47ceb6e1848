"""The lab as fixtures: skipped with the reason where it cannot be, failed where it must be."""

import logging
import os
from pathlib import Path

import pytest

from anycast_wrapper.lab.topology import Lab, missing

from .cluster import FIGURES, Cluster

HERE = Path(__file__).parent
LOG = logging.getLogger(__name__)


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.lab)


def pytest_terminal_summary(terminalreporter):
    """Every figure that was measured, at the end, where people look."""
    if FIGURES:
        terminalreporter.section("figures")
        for text in FIGURES:
            terminalreporter.write_line(text)


def required():
    """Whether this machine has promised that every test can run here."""
    return os.environ.get("CI") == "true" or os.environ.get("ANYCAST_LAB_REQUIRED") == "1"


@pytest.fixture(scope="session", autouse=True)
def lab_possible():
    """Skip what needs a lab, and say why; on a machine that promised one, fail instead."""
    lacks = missing()
    if not lacks:
        return
    reason = f"no lab here, for lack of: {', '.join(lacks)}"
    if required():
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def lab():
    """A lab of two hosts, up and converged, for one test."""
    with Lab() as lab:
        LOG.info("lab %s up after %.1f s", lab.directory.name, lab.setup_seconds)
        yield lab


@pytest.fixture(scope="module")
def shared_lab():
    """A lab of two hosts for all tests of a module; each leaves it as it was."""
    with Lab() as lab:
        LOG.info("lab %s up after %.1f s", lab.directory.name, lab.setup_seconds)
        yield lab


@pytest.fixture(scope="module")
def cluster():
    """Two hosts that serve with the wrapper, for all tests of a module."""
    with Lab() as lab:
        cluster = Cluster(lab)
        cluster.measure_protocol()
        cluster.start()
        yield cluster
