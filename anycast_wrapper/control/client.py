"""The command's end of the control socket: plain blocking calls."""

import socket
import time
from pathlib import Path

from anycast_wrapper.errors import AnycastWrapError

from .protocol import MAX_REPLY, Document, ProtocolError, decode, encode


class NotRunningError(AnycastWrapError):
    """Nobody listens on the control socket."""


class NotPermittedError(AnycastWrapError):
    """The control socket is not for us."""


class NoAnswerError(AnycastWrapError):
    """Somebody listens, but does not answer, or not in our words."""


def request(path: Path, command: str, *, seconds: float = 10.0, **fields: object) -> Document:
    """Ask the running wrapper.

    Args:
        path: of the control socket.
        command: what is wanted.
        seconds: how long the answer may take.
        fields: what belongs to the command.

    Raises:
        NotRunningError: there is none.
        NotPermittedError: we may not ask it.
        NoAnswerError: it did not answer in time or in our words.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        try:
            connection.connect(str(path))
            connection.sendall(encode({"command": command, **fields}))
            return decode(_line(connection, time.monotonic() + seconds))
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            raise NotRunningError(f"anycast-wrap is not running (nobody at {path})") from None
        except PermissionError:
            raise NotPermittedError(f"no permission to talk to anycast-wrap at {path}") from None
        except TimeoutError:
            raise NoAnswerError(f"anycast-wrap at {path} gave no answer in {seconds:g} s") from None
        except (OSError, ProtocolError) as error:
            raise NoAnswerError(f"anycast-wrap at {path} did not answer: {error}") from None


def _line(connection: socket.socket, deadline: float) -> bytes:
    received = bytearray()
    while not received.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        chunk = connection.recv(1 << 16)
        received += chunk
        if not chunk or len(received) > MAX_REPLY:
            break
    return bytes(received)
