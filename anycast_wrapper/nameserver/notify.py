"""The socket on which the daemon says that it is ready or about to end: sd_notify(3).

It is the daemon's alone, never the one that systemd gave to us. Everyone on the host may write to
it, because the daemon has dropped its privileges when it does; so each datagram counts only if the
kernel vouches (SCM_CREDENTIALS, unix(7)) that the daemon or one of its process group sent it.
"""

import array
import asyncio
import contextlib
import logging
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

from anycast_wrapper.core.events import DaemonReady, DaemonStopping
from anycast_wrapper.ports import Post

_log = logging.getLogger("anycast_wrapper.nameserver")

MAX_DATAGRAM = 4096
"""Bytes; PIPE_BUF, which is what systemd takes."""

ABSTRACT = 107
"""Characters of an abstract name that every daemon can reach: a ``sun_path`` but for its last."""

_AT_ONCE = 32
"""Datagrams read in a row: whoever floods the socket gets a turn of the loop, not all of it."""

_CREDENTIALS = struct.Struct("3i")
_ANCILLARY = socket.CMSG_SPACE(_CREDENTIALS.size)


class NotifySocket:
    """Listens, in the running loop, from its making until `close`.

    A daemon that a predecessor of ours started holds the same path in its environment, and reaches
    whoever has bound it last; but named 9.20, which connects once, at its start, reaches nobody.

    Attributes:
        path: where; a leading ``@`` stands for Linux's abstract namespace (unix(7)).
    """

    def __init__(self, path: Path, post: Post, pid: Callable[[], int | None]) -> None:
        """Bind it.

        Args:
            path: where; a stale socket there is replaced.
            post: takes `DaemonReady` and `DaemonStopping`.
            pid: the daemon's pid now, or None if there is none.

        Raises:
            OSError: it cannot be bound, or this system does not say who sent a datagram.
        """
        self.path = path
        self._post = post
        self._pid = pid
        self._status = ""
        self._loop = asyncio.get_running_loop()
        with contextlib.ExitStack() as undo:
            self._sockets = [undo.enter_context(_bound(path, name)) for name in _names(path)]
            undo.pop_all()
        for sock in self._sockets:
            self._loop.add_reader(sock, self._drain, sock)

    def drain(self) -> None:
        """Take what has come; at the daemon's exit, so that its last word precedes it."""
        for sock in self._sockets:
            self._drain(sock)

    def _drain(self, sock: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                data, ancillary, flags, _ = sock.recvmsg(MAX_DATAGRAM, _ANCILLARY)
            except BlockingIOError:
                return
            except OSError as error:
                _log.warning("notify-failed", {"detail": error})
                return
            sender = _sender(ancillary)
            if flags & socket.MSG_TRUNC:
                _log.warning("notify-refused", {"pid": sender, "detail": "too long"})
            elif not self._is_daemon(sender):
                _log.warning("notify-refused", {"pid": sender, "detail": "not the daemon"})
            else:
                self._take(data)

    def close(self) -> None:
        """Stop listening, and take the socket away."""
        for sock in self._sockets:
            self._loop.remove_reader(sock)
            sock.close()
        if not _is_abstract(self.path):
            with contextlib.suppress(OSError):
                self.path.unlink()

    def _is_daemon(self, sender: int | None) -> bool:
        daemon = self._pid()
        if daemon is None or not sender:
            return False
        if sender == daemon:
            return True
        try:
            return os.getpgid(sender) == daemon
        except OSError:
            return False

    def _take(self, data: bytes) -> None:
        """Act on a datagram: lines of NAME=VALUE, of which we know a few and skip the others."""
        for line in data.decode(errors="replace").split("\n"):
            name, _, value = line.partition("=")
            match name, value:
                case "READY", "1":
                    self._post(DaemonReady())
                case "STOPPING", "1":
                    self._post(DaemonStopping())
                case "RELOADING", "1":
                    _log.info("daemon-reloading")
                case "ERRNO", _:
                    _log.warning("daemon-errno", {"errno": value[:20]})
                case "STATUS", _ if value != self._status:
                    self._status = value
                    shown = "".join(c if c.isprintable() else " " for c in value[:200])
                    _log.info("daemon-says", {"detail": shown or "nothing more"})
                case _:
                    pass


def _names(path: Path) -> tuple[str, ...]:
    """What to bind: of an abstract name all that a daemon may make of it.

    named 9.20 names a whole ``sun_path``: of `ABSTRACT` characters it makes one more, a NUL, and of
    fewer something that nobody can foresee.
    """
    if not _is_abstract(path):
        return (str(path),)
    name = "\0" + str(path)[1:]
    return (name, f"{name}\0") if len(name) == ABSTRACT else (name,)


def _bound(path: Path, name: str) -> socket.socket:
    option = getattr(socket, "SO_PASSCRED", None)
    if option is None:
        raise OSError(f"{path}: this system does not say who sent a notification")
    abstract = _is_abstract(path)
    if not abstract and path.is_socket():
        path.unlink()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
        sock.bind(name)
        if not abstract:
            path.chmod(0o666)
    except BaseException:
        sock.close()
        raise
    return sock


def _is_abstract(path: Path) -> bool:
    return str(path).startswith("@")


def _sender(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    """The pid that the kernel vouches for; files that came along are closed, as nobody asked."""
    pid = None
    for level, kind, data in ancillary:
        if level != socket.SOL_SOCKET:
            continue
        if kind == getattr(socket, "SCM_CREDENTIALS", None) and len(data) == _CREDENTIALS.size:
            pid = int(_CREDENTIALS.unpack(data)[0])
        elif kind == socket.SCM_RIGHTS:
            files = array.array("i")
            files.frombytes(data[: len(data) - len(data) % files.itemsize])
            for file in files:
                os.close(file)
    return pid
