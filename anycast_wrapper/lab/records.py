"""What a load asks, and what became of each query: the two things that cross between processes."""

from dataclasses import dataclass, field

from anycast_wrapper.lab import wire

GRACE = 1.0  # how long an answer may take: what comes later is lost
NO_ANSWER = -1


@dataclass(frozen=True)
class Settings:
    """What to ask, whom, how often.

    Attributes:
        addresses: Whom to ask, in turn.
        rate: UDP queries per second, all addresses together.
        tcp_rate: TCP queries per second, each on a new connection.
        ports: UDP source ports.
        qname: The question.
        qtype: Its type.
        longest: Seconds after which it ends by itself.
    """

    addresses: tuple[str, ...]
    rate: float = 2000.0
    tcp_rate: float = 0.0
    ports: int = 256
    qname: str = "www.example.test"
    qtype: str = "A"
    longest: float = 120.0


@dataclass
class Records:
    """What became of the queries, a column each.

    Attributes:
        sent: When, by the monotonic clock.
        address: An index into the settings' addresses.
        latency: Seconds until the answer, -1 without one.
        rcode: Of the answer, -1 without one.
        server: An index into ``servers``, -1 unknown.
        error: The errno that the network gave for it (ICMP, TCP), 0 none.
        tcp: Whether it went over TCP.
        servers: The names that the servers gave.
        stall: The longest time in which the generator itself did not run.
    """

    sent: list[float] = field(default_factory=list)
    address: list[int] = field(default_factory=list)
    latency: list[float] = field(default_factory=list)
    rcode: list[int] = field(default_factory=list)
    server: list[int] = field(default_factory=list)
    error: list[int] = field(default_factory=list)
    tcp: list[int] = field(default_factory=list)
    servers: list[str] = field(default_factory=list)
    stall: float = 0.0

    def open(self, now: float, address: int, *, tcp: bool = False) -> int:
        """Write down a query that is being sent; return its number."""
        self.sent.append(now)
        self.address.append(address)
        self.latency.append(-1.0)
        self.rcode.append(NO_ANSWER)
        self.server.append(-1)
        self.error.append(0)
        self.tcp.append(int(tcp))
        return len(self.sent) - 1

    def answered(self, number: int, now: float, message: bytes) -> None:
        """Write down an answer."""
        if self.rcode[number] != NO_ANSWER:
            return
        self.latency[number] = now - self.sent[number]
        self.rcode[number] = wire.rcode(message)
        name = wire.server_of(message)
        if name:
            if name not in self.servers:
                self.servers.append(name)
            self.server[number] = self.servers.index(name)

    def failed(self, number: int, code: int) -> None:
        """Write down that the network refused a query."""
        self.error[number] = code
