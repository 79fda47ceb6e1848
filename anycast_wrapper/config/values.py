"""The small types of the configuration: what is written as a string and means something else.

Each raises ``expected`` errors that say what would have been right; what was found is added by
`load`, which has the input at hand.
"""

import re
import warnings
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_interface, ip_network
from pathlib import Path
from typing import Annotated, Any

import dns.exception
import dns.name
import dns.rdatatype
from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from anycast_wrapper.core.model import Address, Network

IFNAMSIZ = 16
"""Bytes of an interface name with its terminating NUL (linux/if.h; FreeBSD has the same)."""

_NOBODY = frozenset({ip_address("255.255.255.255")})
"""Hosts by their form, yet nobody's: the limited broadcast (RFC 919)."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
RCODES = {
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
    "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE",
}  # fmt: skip

COMMUNITIES = {"no-export", "no-advertise", "no-export-subconfed"}
"""The names of well-known communities (RFC 1997) that every ExaBGP knows."""

Place = tuple[Address, int]
"""An address and a TCP port."""

MAX_PORT = 65535
_PLACE = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<v4>[^:\[\]]*)):(?P<port>[0-9]{1,5})")

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)")


def wrong(expected: str) -> PydanticCustomError:
    """The error of a value that is not what it should be."""
    return PydanticCustomError("expected", "{expected}", {"expected": expected})


def _string(value: Any, expected: str) -> str:
    if not isinstance(value, str):
        raise wrong(expected)
    return value


def duration(value: Any) -> float:
    """Seconds of a duration such as ``500ms``, ``2s``, ``5m``, to the microsecond."""
    expected = 'a duration with a unit, such as "500ms", "2s" or "5m"'
    match = _DURATION.fullmatch(_string(value, expected).strip())
    if match is None:
        raise wrong(expected)
    seconds = round(float(match[1]) * _UNITS[match[2]], 6)
    if not 0 <= seconds <= 30 * 86400:
        raise wrong("a duration of at most 720h")
    return seconds


def positive_duration(value: Any) -> float:
    """Seconds of a duration that is longer than nothing."""
    seconds = duration(value)
    if seconds <= 0:
        raise wrong('a duration longer than "0s"')
    return seconds


def written_duration(seconds: float) -> str:
    """A duration as one would write it."""
    milliseconds, microseconds = divmod(round(seconds * 1_000_000), 1000)
    if microseconds:
        return f"{milliseconds}.{microseconds:03}ms"
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"


def host_address(value: Any) -> Address:
    """A service address: one host, with or without its /32 or /128."""
    expected = 'the address of one host, such as "192.0.2.53", "192.0.2.53/32" or "2001:db8::53"'
    try:
        interface = ip_interface(_string(value, expected))
    except ValueError:
        raise wrong(expected) from None
    if interface.network.prefixlen != interface.max_prefixlen:
        raise wrong(f"a host route (/{interface.max_prefixlen}), not a network")
    address = interface.ip
    if address.is_multicast or address.is_unspecified or address.is_loopback:
        raise wrong("a unicast address that routers can route to")
    if address.is_link_local or "%" in value:  # a zone (RFC 4007)
        raise wrong("an address that is valid beyond one link")
    if address in _NOBODY or (isinstance(address, IPv6Address) and address.ipv4_mapped):
        raise wrong("a unicast address that routers can route to")
    return address


def server_address(value: Any) -> Address:
    """Whom a probe asks: any address of a host."""
    expected = 'an address to ask, such as "127.0.0.1" or "2001:db8::53"'
    try:
        return ip_address(_string(value, expected))
    except ValueError:
        raise wrong(expected) from None


def place(value: Any) -> Place:
    """Where to listen: an address and a port, an IPv6 address in brackets (RFC 3986, 3.2.2)."""
    expected = 'an address and a port, such as "127.0.0.1:9153" or "[::1]:9153"'
    match = _PLACE.fullmatch(_string(value, expected))
    if match is None or not 0 < int(match["port"]) <= MAX_PORT:
        raise wrong(expected)
    try:
        address = ip_address(match["v6"] or match["v4"])
    except ValueError:
        raise wrong(expected) from None
    if (address.version == 6) is not bool(match["v6"]):
        raise wrong(expected)
    if address.is_multicast or address in _NOBODY:
        raise wrong("an address that a socket can be bound to")
    return address, int(match["port"])


def written_place(where: Place) -> str:
    """A place as one would write it."""
    address, port = where
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def network(value: Any) -> Network:
    """A prefix such as ``0.0.0.0/0``."""
    expected = 'a prefix, such as "0.0.0.0/0", "::/0" or "198.51.100.0/24"'
    try:
        return ip_network(_string(value, expected))
    except ValueError:
        raise wrong(expected) from None


def interface_name(value: Any) -> str:
    """A name that the kernel takes for an interface."""
    name = _string(value, "the name of an interface")
    if not 0 < len(name.encode()) < IFNAMSIZ:
        raise wrong(f"an interface name of 1 to {IFNAMSIZ - 1} bytes")
    if name in {".", ".."} or re.search(r"[\s/:%]", name):
        raise wrong("an interface name without blanks, slashes, colons and per cent signs")
    return name


def slug(value: Any) -> str:
    """A name that fits into logs, metrics and commands without quoting."""
    expected = "a name of letters, digits, dots, dashes and underscores"
    name = _string(value, expected)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", name):
        raise wrong(expected)
    return name


def query_name(value: Any) -> str:
    """A domain name that can be asked for."""
    expected = "a domain name"
    text = _string(value, expected)
    try:
        dns.name.from_text(text)
    except dns.exception.DNSException as error:
        raise wrong(f"a domain name ({error})") from None
    return text


def query_type(value: Any) -> str:
    """A type of records that can be asked for."""
    expected = 'a type of records, such as "SOA", "A" or "TXT"'
    text = _string(value, expected)
    try:
        dns.rdatatype.from_text(text)
    except (dns.exception.DNSException, ValueError):
        raise wrong(expected) from None
    return text.upper()


def pattern(value: Any) -> str:
    """A regular expression of Python's ``re``."""
    expected = "a regular expression"
    text = _string(value, expected)
    try:
        with warnings.catch_warnings(action="ignore"):  # of what a later Python may read otherwise
            re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise wrong(f"a regular expression ({error})") from None
    return text


def rcode(value: Any) -> str:
    """An answer code by its name."""
    expected = "an rcode such as NOERROR, NXDOMAIN or REFUSED"
    name = _string(value, expected)
    if name not in RCODES:
        raise wrong(expected)
    return name


def absolute_path(value: Any) -> Path:
    """A file, wherever the one who asks stands: in the background, we stand in ``/``."""
    expected = 'an absolute path, such as "/run/anycast-wrap/control.sock"'
    text = value if isinstance(value, str) else str(value) if isinstance(value, Path) else ""
    if not text.startswith("/") or "\0" in text:
        raise wrong(expected)
    return Path(text)


def log_destination(value: Any) -> str:
    """``auto``, ``stderr``, ``syslog`` or a file."""
    expected = '"auto", "stderr", "syslog" or an absolute path'
    name = _string(value, expected)
    if name not in {"auto", "stderr", "syslog"} and (not name.startswith("/") or "\0" in name):
        raise wrong(expected)
    return name


def community(value: Any) -> str:
    """A BGP community: of RFC 1997, by number or by name, or a large one of RFC 8092."""
    expected = 'a community, such as "64500:53", "64500:53:1" or "no-export"'
    text = _string(value, expected)
    if text in COMMUNITIES:
        return text
    if not re.fullmatch(r"[0-9]{1,10}(:[0-9]{1,10}){1,2}", text):
        raise wrong(expected)
    numbers = [int(part) for part in text.split(":")]
    if max(numbers) >= 1 << (16 if len(numbers) == 2 else 32):
        raise wrong(f"{expected}, of numbers below 65536, or below 2**32 if there are three")
    return text


def _typed(read: Callable[[Any], Any], example: str, write: Callable[[Any], str] = str) -> Any:
    return [
        BeforeValidator(read),
        PlainSerializer(write, return_type=str),
        WithJsonSchema({"type": "string", "examples": [example]}),
    ]


Duration = Annotated[float, *_typed(duration, "2s", written_duration)]
PositiveDuration = Annotated[float, *_typed(positive_duration, "500ms", written_duration)]
HostAddress = Annotated[Address, *_typed(host_address, "192.0.2.53")]
ServerAddress = Annotated[Address, *_typed(server_address, "127.0.0.1")]
ListenPlace = Annotated[Place, *_typed(place, "127.0.0.1:9153", written_place)]
Prefix = Annotated[Network, *_typed(network, "0.0.0.0/0")]
InterfaceName = Annotated[str, *_typed(interface_name, "anycast0")]
Slug = Annotated[str, *_typed(slug, "resolver")]
QueryName = Annotated[str, *_typed(query_name, "example.com")]
QueryType = Annotated[str, *_typed(query_type, "SOA")]
Pattern = Annotated[str, *_typed(pattern, "^192\\.0\\.2\\.")]
Community = Annotated[str, *_typed(community, "64500:53")]
Rcode = Annotated[str, *_typed(rcode, "NOERROR")]
AbsolutePath = Annotated[Path, *_typed(absolute_path, "/run/anycast-wrap/control.sock")]
LogDestination = Annotated[str, *_typed(log_destination, "auto")]
