"""What may be written in the configuration, and what is meant where nothing is written.

The keys are the contract of the project: a key keeps its meaning. Everything has a default but the
name and the addresses of a service.
"""

import re
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError

from . import FREEBSD
from .peek import DEFAULT_SOCKET
from .values import (
    AbsolutePath,
    Community,
    Duration,
    HostAddress,
    InterfaceName,
    ListenPlace,
    LogDestination,
    Pattern,
    PositiveDuration,
    Prefix,
    QueryName,
    QueryType,
    Rcode,
    ServerAddress,
    Slug,
    written_place,
    wrong,
)

Problem = tuple[str, str | None, str]
"""The key, what was found there, and what is expected."""

OSPF: Literal["ospf"] = "ospf"
"""Written for peers that are to be learnt from the OSPF database."""

MAX_32 = (1 << 32) - 1
"""The greatest number that BGP's attributes have room for."""

NONE = "none"
"""Written for an interface that is not wanted."""

FRR: Literal["frr"] = "frr"
BIRD: Literal["bird"] = "bird"
"""Written for the routing daemon that announces."""

LOOPBACK = re.compile(r"lo\d*")
"""Names of loopbacks (``lo`` on Linux, ``lo1`` on FreeBSD): there the address is the switch."""

_STATE = "/var/db/anycast-wrap" if FREEBSD else "/var/lib/anycast-wrap"

_BIRD = Path("/var/run/bird.ctl" if FREEBSD else "/run/bird/bird.ctl")

_NO_LOOPBACK = (
    'no loopback, as routing daemons prefer and announce those: "anycast-hold", or "none" for '
    "the classic layout"
)

_WHOM = (
    'an address to ask, as hold is "none": while it is withdrawn, the service address is answered '
    "by another node or by nobody"
)


class Table(BaseModel):
    """A table of the file: keys with dashes, nothing unknown, nothing changed afterwards."""

    model_config = ConfigDict(
        alias_generator=lambda name: name.replace("_", "-"),
        extra="forbid",
        frozen=True,
        strict=True,
        populate_by_name=False,
    )


Argv = Annotated[tuple[str, ...], Field(min_length=1, strict=False)]


class Daemon(Table):
    """``[daemon]``: the name server and how it is kept alive."""

    command: Argv = ("/usr/sbin/named", "-f", "-u", "bind")
    ready: Literal["auto", "notify", "probe"] = "auto"
    restart: Literal["always", "on-failure", "never"] = "on-failure"
    ready_timeout: PositiveDuration = 60.0
    stop_timeout: PositiveDuration = 30.0
    restart_delay: PositiveDuration = 0.5
    restart_delay_max: PositiveDuration = 30.0
    check_command: Argv | None = None
    core_dumps: bool = False
    reload_signal: Literal["HUP", "USR1", "USR2", "none"] = "HUP"


class Interfaces(Table):
    """``[interfaces]``: where an address is held and where it is announced."""

    kind: Literal["tap", "dummy", "existing"] = "tap"
    hold: InterfaceName = "anycast-hold"
    preferred: InterfaceName = "anycast0"
    last_resort: InterfaceName = "anycast1"
    require_route: Annotated[tuple[Prefix, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if problems := list(self._problems()):
            raise across(problems)
        return self

    def _problems(self) -> Iterator[Problem]:
        names = {"hold": self.hold, "preferred": self.preferred, "last-resort": self.last_resort}
        seen: dict[str, str] = {}
        for key, name in names.items():
            if name != NONE and name in seen:
                yield f"interfaces.{key}", name, f"another interface, as {seen[name]} has this one"
            seen.setdefault(name, key)
        if self.preferred == NONE:
            yield "interfaces.preferred", NONE, 'an interface ("none" is for hold and last-resort)'
        if LOOPBACK.fullmatch(self.hold):
            yield "interfaces.hold", self.hold, _NO_LOOPBACK
        ranks = (self.preferred, self.last_resort)
        if loopback := next((name for name in ranks if LOOPBACK.fullmatch(name)), None):
            if self.kind != "existing":
                yield "interfaces.kind", self.kind, f'"existing", as {loopback} is a loopback'
            if self.hold != NONE and not LOOPBACK.fullmatch(self.hold):
                yield "interfaces.hold", self.hold, f'"none", as {loopback} is a loopback'


class DrainTable(Table):
    """``[drain]``: how a node leaves."""

    linger: Duration = 2.0
    minimum: int = Field(default=1, ge=0, le=1000)
    file: AbsolutePath = Path(_STATE) / "drained"


class Control(Table):
    """``[control]``: how the running wrapper is reached and watched."""

    socket: AbsolutePath = DEFAULT_SOCKET
    pid_file: AbsolutePath | None = None
    group: str | None = None
    watchdog: PositiveDuration = 5.0


class Routing(Table):
    """``[routing]``: how the routing daemon is asked what it really announces."""

    daemon: Literal["frr", "bird", "none"] = "frr"
    vtysh: Argv = ("vtysh",)
    bird_socket: AbsolutePath = _BIRD
    protocol: Literal["ospf", "bgp"] = OSPF
    nudge: bool = True


def _peers(value: Any) -> Any:
    """``"ospf"``, or a list; anything else is neither."""
    if value == OSPF or isinstance(value, list | tuple):
        return value
    raise wrong('"ospf", or a list of addresses of neighbours, such as ["192.168.53.12"]')


class Reroute(Table):
    """``[reroute]``: queries that cannot be answered here go to another node that can."""

    enabled: bool = False
    peers: Annotated[
        Annotated[Literal["ospf"], Tag("<ospf>")]
        | Annotated[tuple[HostAddress, ...], Field(min_length=1, strict=False), Tag("<list>")],
        Discriminator(lambda value: "<ospf>" if isinstance(value, str) else "<list>"),
        BeforeValidator(_peers),
    ] = OSPF

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.enabled and FREEBSD:
            raise across([("reroute.enabled", "true", "false, as it needs Linux's nftables")])
        return self


def _places(value: Any) -> Any:
    """One place is a list of one."""
    return (value,) if isinstance(value, str) else value


class Listening(Table):
    """``[metrics]``: where we can be looked at over HTTP; nowhere if it is absent."""

    listen: Annotated[
        tuple[ListenPlace, ...],
        Field(strict=False, max_length=8),
        BeforeValidator(_places),
    ] = ()

    @model_validator(mode="after")
    def _once(self) -> Self:
        problems: list[Problem] = [
            (
                f"metrics.listen[{n}]",
                written_place(one),
                "another place, as this one is named twice",
            )
            for n, one in enumerate(self.listen, start=1)
            if one in self.listen[: n - 1]
        ]
        if problems:
            raise across(problems)
        return self


class Metrics(Listening):
    """``[metrics]`` of a wrapper."""

    count_queries: bool = False

    @model_validator(mode="after")
    def _countable(self) -> Self:
        if self.count_queries and FREEBSD:
            raise across([("metrics.count-queries", "true", "false, as it needs Linux's nftables")])
        return self


class Log(Table):
    """``[log]``: where events go. ``auto``: stderr in the foreground, else syslog."""

    to: LogDestination = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class RouteTable(Table):
    """What goes with the BGP routes of one rank."""

    local_preference: int | None = Field(default=None, ge=0, le=MAX_32)
    communities: Annotated[tuple[Community, ...], Field(strict=False, max_length=32)] = ()
    as_path: Annotated[
        tuple[Annotated[int, Field(ge=1, le=MAX_32)], ...], Field(strict=False, max_length=32)
    ] = ()


class PreferredRoute(RouteTable):
    """``[exabgp.preferred]``."""

    med: int = Field(default=0, ge=0, le=MAX_32)


class LastResortRoute(RouteTable):
    """``[exabgp.last-resort]``: whoever is preferred wins by default."""

    med: int = Field(default=100, ge=0, le=MAX_32)


class ExaBgp(Table):
    """``[exabgp]``: how ``anycast-wrap exabgp`` tells ExaBGP. The wrapper reads none of it."""

    style: Literal["route", "watchdog"] = "route"
    next_hop: Annotated[tuple[HostAddress, ...], Field(strict=False, max_length=2)] = ()
    preferred: PreferredRoute = PreferredRoute()
    last_resort: LastResortRoute = LastResortRoute()

    @model_validator(mode="after")
    def _one_a_family(self) -> Self:
        versions = [address.version for address in self.next_hop]
        if len(set(versions)) < len(versions):
            found = str(self.next_hop[1])
            raise across([("exabgp.next-hop[2]", found, "an address of the other IP version")])
        return self


class Expect(Table):
    """``expect``: what makes an answer a good one."""

    rcode: Annotated[tuple[Rcode, ...], Field(min_length=1, strict=False)] = ("NOERROR",)
    aa: bool = False
    answer: Pattern | None = None
    max_latency: PositiveDuration | None = None


class ProbeTable(Table):
    """What every probe has, whoever runs it."""

    name: Slug | None = None
    interval: PositiveDuration = 1.0
    recheck: PositiveDuration = 0.1
    timeout: PositiveDuration = 0.5
    rise: int = Field(default=2, ge=1, le=1000)
    fall: int = Field(default=2, ge=1, le=1000)

    @property
    @abstractmethod
    def title(self) -> str:
        """What it is called if it has no name."""

    @property
    def called(self) -> str:
        """Its name, or else its title."""
        return self.name or self.title


class Question(Table):
    """What is asked of a server by DNS, whoever the server is."""

    type: Literal["dns"] = "dns"
    port: int = Field(default=53, ge=1, le=65535)
    qname: QueryName = "."
    qtype: QueryType = "SOA"
    qclass: Literal["IN", "CH"] = "IN"
    transport: Annotated[
        tuple[Literal["udp", "tcp"], ...],
        Field(min_length=1, strict=False),
    ] = ("udp", "tcp")
    tries: int = Field(default=1, ge=1, le=10)
    expect: Expect = Expect()

    @property
    def title(self) -> str:
        """What it is called if it has no name."""
        return re.sub(r"[^A-Za-z0-9._-]", "_", f"{self.qname.rstrip('.') or 'root'}-{self.qtype}")


class Program(Table):
    """A program whose exit code says it."""

    type: Literal["command"]
    command: Argv

    @property
    def title(self) -> str:
        """What it is called if it has no name."""
        return re.sub(r"[^A-Za-z0-9._-]", "_", Path(self.command[0]).name) or "command"


class ServiceProbe(ProbeTable):
    """What every probe of a service has."""

    on_failure: Literal["withdraw", "last-resort"] = "withdraw"


class DnsProbe(Question, ServiceProbe):
    """``type = "dns"``: a question to the server."""

    server: ServerAddress | None = None


class CommandProbe(Program, ServiceProbe):
    """``type = "command"``: a program whose exit code says it."""


ANYBODY: dict[str, Any] = {
    "qname": "version.bind",
    "qtype": "TXT",
    "qclass": "CH",
    "expect": {"rcode": ["NOERROR", "REFUSED"]},
}
"""A question that every server can answer without knowing any zone. That it refuses to tell its
version (RFC 4892) proves as well that it answers."""


def kind_of_probe(value: Any) -> str:
    """Which of the probes a table, or a value made of one, is; nothing known if it has no type."""
    kind = value.get("type", "dns") if isinstance(value, dict) else getattr(value, "type", "dns")
    return kind if isinstance(kind, str) else ""


AnyProbe = Annotated[
    Annotated[DnsProbe, Tag("dns")] | Annotated[CommandProbe, Tag("command")],
    Discriminator(kind_of_probe),
]


class Addressed(Table):
    """What has a name, and addresses of its own."""

    name: Slug
    addresses: Annotated[tuple[HostAddress, ...], Field(min_length=1, strict=False)]


class Service(Addressed):
    """``[[service]]``: addresses that are announced together, and what vouches for them."""

    ceiling: Literal["preferred", "last-resort"] = "preferred"
    probe: Annotated[tuple[AnyProbe, ...], Field(strict=False)] = ()


def across(problems: Sequence[Problem]) -> PydanticCustomError:
    """The error of values that are good each, but not together."""
    return PydanticCustomError("across", "{problems}", {"problems": problems})


def conflicts(interfaces: Interfaces | None, services: Sequence[Service | None]) -> list[Problem]:
    """What services have no right to because of each other or of the interfaces.

    Args:
        interfaces: None if they are wrong in themselves.
        services: in the order of the file, with None for one that is wrong in itself.
    """
    problems = list(twice("service", services))
    for number, service in enumerate(services, start=1):
        if service is not None:
            problems += _ceiling(f"service[{number}]", service, interfaces)
            problems += _probes(f"service[{number}]", service, interfaces)
    return problems


def _ceiling(owner: str, service: Service, interfaces: Interfaces | None) -> Iterator[Problem]:
    """Where there is no last resort, nothing can be announced at it."""
    low = service.ceiling == "last-resort"
    if low and interfaces is not None and interfaces.last_resort == NONE:
        yield f"{owner}.ceiling", "last-resort", '"preferred", as interfaces.last-resort is "none"'


def twice(kind: str, tables: Sequence[Addressed | None]) -> Iterator[Problem]:
    """Names and addresses that stand in the tables of one kind more than once.

    Args:
        kind: the key of such a table.
        tables: in the order of the file, with None for one that is wrong in itself.
    """
    names: dict[str, str] = {}
    addresses: dict[object, str] = {}
    for number, table in enumerate(tables, start=1):
        if table is None:
            continue
        key = f"{kind}[{number}]"
        if table.name in names:
            yield f"{key}.name", table.name, f"another name, as {names[table.name]} has this one"
        names.setdefault(table.name, key)
        for place, address in enumerate(table.addresses, start=1):
            here = f"{key}.addresses[{place}]"
            if address in addresses:
                where = addresses[address]
                yield here, str(address), f"another address, as this one is {where} already"
            addresses.setdefault(address, here)


def _probes(owner: str, service: Service, interfaces: Interfaces | None) -> Iterator[Problem]:
    """What a probe must have because of the interfaces or of another probe."""
    titles: set[str] = set()
    for place, probe in enumerate(service.probe, start=1):
        key = f"{owner}.probe[{place}]"
        if interfaces is not None:
            if probe.on_failure == "last-resort" and interfaces.last_resort == NONE:
                yield f"{key}.on-failure", "last-resort", '"withdraw", as last-resort is "none"'
            asks = isinstance(probe, DnsProbe) and probe.server is None
            if asks and interfaces.hold == NONE:
                yield f"{key}.server", None, _WHOM
        if probe.called in titles:
            yield f"{key}.name", probe.name, f"a name, as another probe is {probe.called} already"
        titles.add(probe.called)


class Config(Table):
    """The whole file."""

    daemon: Daemon = Daemon()
    interfaces: Interfaces = Interfaces()
    drain: DrainTable = DrainTable()
    control: Control = Control()
    routing: Routing = Routing()
    reroute: Reroute = Reroute()
    metrics: Metrics = Metrics()
    exabgp: ExaBgp = ExaBgp()
    log: Log = Log()
    service: Annotated[tuple[Service, ...], Field(min_length=1, strict=False)]

    @model_validator(mode="after")
    def _across(self) -> Self:
        problems = conflicts(self.interfaces, self.service)
        if self.reroute.enabled and self.reroute.peers == OSPF and self.routing.protocol != OSPF:
            expected = 'a list of addresses of neighbours, as routing.protocol is "bgp"'
            problems.append(("reroute.peers", OSPF, expected))
        elif self.reroute.enabled and self.reroute.peers == OSPF and self.routing.daemon == NONE:
            expected = 'a list of addresses of neighbours, as routing.daemon is "none"'
            problems.append(("reroute.peers", OSPF, expected))
        if problems:
            raise across(problems)
        return self

    @property
    def services(self) -> tuple[Service, ...]:
        """The services, each with the probes it has or the default one."""
        return tuple(
            service if service.probe else service.model_copy(update={"probe": (self._default(),)})
            for service in self.service
        )

    def _default(self) -> DnsProbe:
        """The probe of a service without one: the server reads and answers, over UDP and TCP."""
        held = self.interfaces.hold != NONE
        return DnsProbe.model_validate(ANYBODY if held else ANYBODY | {"server": "127.0.0.1"})
