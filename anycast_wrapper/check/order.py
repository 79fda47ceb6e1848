"""What is to be asked, of whom, and what an answer is held to."""

from __future__ import annotations

from anycast_wrapper.questions import glance
from anycast_wrapper.questions.exchange import NoPlaceError, Place, address, place

from .options import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Mapping

    from anycast_wrapper.questions.reply import Expectation, Question

MAX_TRIES = 10
MAX_TIME = 3600.0

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}
_NUMBER = frozenset("0123456789.")


class Order:
    """What is wanted.

    Attributes:
        server: whom to ask, for people.
        where: whom to ask, for the kernel.
        source: the address to ask from, or None.
        transports: of 'udp' and 'tcp'.
        name, type, class_: the question, for people and for dnspython.
        message: the question without its id, or None where it takes dnspython to make one.
        rcodes: acceptable answer codes by name.
        codes: the same as numbers, or None where it takes dnspython to know one of them.
        aa: whether the answer must be authoritative.
        answer: what one of its records must match, or None.
        timeout: seconds that it may take.
        tries: questions within that time.
        warning: seconds from which on an answer is a slow one, or None.
        critical: seconds from which on it is too slow, or None.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        """Make an order of what was said.

        Raises:
            UsageError: something makes no sense.
        """
        self.server = values["server"]
        self.port = _whole("--port", values["port"], 65535)
        self.where = _server(self.server, self.port)
        self.source = _source(values["source"], self.where) if values["source"] else None
        how = values["transport"]
        self.transports = ("udp", "tcp") if how == "both" else (how,)
        self.name = values["name"]
        self.type = values["type"].upper() or "A"
        self.class_ = values["class"]
        if (
            not self.name
        ):  # which dnspython takes for the root: rather an empty variable of a script
            raise UsageError("'' cannot be asked for: the root is '.'")
        self.message = glance.message(self.name, self.type, self.class_)
        self.rcodes = values["rcode"].upper().split(",")
        self.codes = glance.codes(self.rcodes)
        self.aa = bool(values["aa"])
        self.answer = _pattern(values["answer"]) if values["answer"] else None
        self.timeout = _time("--timeout", values["timeout"])
        self.tries = _whole("--tries", values["tries"], MAX_TRIES)
        self.warning = _time("--warning", values["warning"]) if values["warning"] else None
        self.critical = _time("--critical", values["critical"]) if values["critical"] else None
        if self.message is None or self.codes is None or self.answer is not None:
            # Whether there is a type or a code of that name is to be known now; and what it takes
            # to read an answer is not to be loaded while one is awaited.
            self.full()

    def full(self) -> tuple[Question, Expectation]:
        """The question and what its answer is held to, as dnspython knows them.

        Raises:
            UsageError: there is no type or code of a name, or a name is none.
        """
        from anycast_wrapper.questions import reply  # noqa: PLC0415 - 60 ms, and seldom needed

        try:
            asked = reply.question(self.name, self.type, self.class_)
        except reply.UNASKABLE as error:
            raise UsageError(f"{self.name} {self.type} cannot be asked for: {error}") from error
        try:
            return asked, reply.expectation(self.rcodes, aa=self.aa, answer=self.answer)
        except reply.UNASKABLE as error:
            raise UsageError(f"--rcode: {error}") from error


def _server(written: str, port: int) -> Place:
    try:
        return place(written, port)
    except NoPlaceError:
        raise UsageError(
            f"the server is asked by its address, not by a name: {written!r}"
        ) from None


def _source(written: str, where: Place) -> Place:
    try:
        source = address(written)
    except OSError:
        raise UsageError(f"--source is an address of this host, not {written!r}") from None
    if source.family != where.family:
        raise UsageError(f"--source {written} is of another IP version than the server")
    return source


def _pattern(written: str) -> re.Pattern[str]:
    import re  # noqa: PLC0415 - costs 3 ms

    try:
        return re.compile(written)
    except re.error as error:
        raise UsageError(f"--answer is no regular expression: {error}") from None


def _whole(flag: str, written: str, most: int) -> int:
    if not (written.isascii() and written.isdecimal() and 0 < int(written[:9]) <= most):
        raise UsageError(f"{flag} is a number from 1 to {most}, not {written!r}")
    return int(written)


def _time(flag: str, written: str) -> float:
    """Seconds of a time with a unit; without one it is in seconds, as Nagios has it."""
    number = written.rstrip("ms")
    unit = _UNITS.get(written[len(number) :] or "s")
    try:
        seconds = float(number) * unit if unit and _NUMBER.issuperset(number) else 0.0
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_TIME:
        raise UsageError(f"{flag} is a time such as 500ms or 2s, up to an hour, not {written!r}")
    return seconds
