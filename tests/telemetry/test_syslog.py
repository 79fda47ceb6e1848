"""Syslog: that the log gets there, and that nobody ever waits for it."""

import contextlib
import logging
import socket

import pytest

from anycast_wrapper.telemetry.syslog import SyslogHandler


@contextlib.contextmanager
def syslogd(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(path))
        server.settimeout(5)
        yield server
    path.unlink()


@contextlib.contextmanager
def listening(logger, handler):
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield
    logger.removeHandler(handler)
    handler.close()


@pytest.fixture
def log(tmp_path):
    logger = logging.getLogger("tests.syslog")
    with syslogd(tmp_path / "log") as server:
        handler = SyslogHandler(str(tmp_path / "log"))
        with listening(logger, handler):
            logger.server = server
            yield logger


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.ERROR, 27), (logging.WARNING, 28), (logging.INFO, 30), (logging.DEBUG, 31)],
)
def test_a_line_has_its_priority(log, level, priority):
    log.log(level, "ready")
    assert log.server.recv(100) == f"<{priority}>ready".encode()


def test_one_that_stands_still_stops_nobody(log):
    for number in range(1000):
        log.info("%d", number)
    received = [log.server.recv(100)]
    log.server.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            received.append(log.server.recv(100))
    assert received[0] == b"<30>0"
    assert len(received) < 1000
    log.info("again")
    assert log.server.recv(100) == b"<30>again"


def test_one_that_is_restarted_hears_on(tmp_path):
    path = tmp_path / "log"
    logger = logging.getLogger("tests.syslog")
    with syslogd(path):
        handler = SyslogHandler(str(path))
    with listening(logger, handler):
        logger.info("lost")
        with syslogd(path) as server:
            logger.info("heard")
            assert server.recv(100) == b"<30>heard"


def test_nobody_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        SyslogHandler(str(tmp_path / "log"))
