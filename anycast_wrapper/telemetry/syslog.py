"""Syslog over its socket, without ever waiting for it.

Python's own handler waits: a syslogd that stands still takes ten messages (unix(7),
``max_dgram_qlen``), and at the next one the whole wrapper would stand still with it.
"""

import contextlib
import logging
import socket

_DAEMON = 3
"""The facility of system daemons (RFC 5424, table 1)."""

_SEVERITIES = {logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}


class SyslogHandler(logging.Handler):
    """Sends every record to syslog; one that cannot be sent is lost.

    Args:
        path: syslog's socket.

    Raises:
        OSError: nobody listens there.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._socket = _connected(path)

    def emit(self, record: logging.LogRecord) -> None:
        """Send it, to a syslogd that was started anew in between as well."""
        severity = _SEVERITIES.get(record.levelno, 5)
        message = f"<{_DAEMON << 3 | severity}>{self.format(record)}".encode()
        try:
            self._socket.send(message)
        except BlockingIOError:
            return
        except OSError:
            with contextlib.suppress(OSError):
                connected = _connected(self._path)
                self._socket.close()
                self._socket = connected
                connected.send(message)

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()
        super().close()


def _connected(path: str) -> socket.socket:
    """A socket that leads there and does not block."""
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        channel.setblocking(False)
        channel.connect(path)
    except OSError:
        channel.close()
        raise
    return channel
