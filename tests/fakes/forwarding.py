"""A kernel that carries service addresses, kept in memory, and the adapter to it."""

from dataclasses import dataclass, field

from anycast_wrapper.gateway.ports import ForwardingError, LeftOut


@dataclass
class FakeRoutes:
    """What outlives an adapter.

    Attributes:
        ours: by service address, the servers that it leads to, with their weights.
        foreign: service addresses that somebody else has a route for.
        unreachable: addresses of servers that no route leads to.
        refused: service addresses that the kernel refuses to change, and its words.
    """

    ours: dict = field(default_factory=dict)
    foreign: set = field(default_factory=set)
    unreachable: set = field(default_factory=set)
    refused: dict = field(default_factory=dict)
    watchers: list = field(default_factory=list)

    def changed(self):
        for watcher in list(self.watchers):
            watcher()


class FakeForwarding:
    """A `Forwarding`. ``asked`` has every call of `apply`, with what it was given."""

    def __init__(self, routes=None):
        self.routes = routes or FakeRoutes()
        self.asked = []
        self.closed = False
        self._watcher = None

    async def adopt(self):
        return {address: tuple(servers) for address, servers in self.routes.ours.items()}

    async def apply(self, address, members):
        self.asked.append((address, tuple(members)))
        if address in self.routes.refused:
            raise ForwardingError(f"{address}: {self.routes.refused[address]}")
        if address in self.routes.foreign:
            if not members:
                return ()
            raise ForwardingError(f"{address}: there is a route that is not ours; left alone")
        carried = [one for one in members if one.weight]
        out = [one for one in carried if one.address in self.routes.unreachable]
        leads = {one.address: one.weight for one in carried if one not in out}
        if leads:
            self.routes.ours[address] = leads
        else:
            self.routes.ours.pop(address, None)
        return tuple(LeftOut(one.server, "no route leads to it") for one in out)

    async def watch(self, changed):
        self._watcher = changed
        self.routes.watchers.append(changed)

    def means(self, address):
        leads = self.routes.ours.get(address)
        return f"{len(leads)} entries of a dictionary" if leads else None

    async def close(self):
        self.closed = True
        if self._watcher is not None:
            self.routes.watchers.remove(self._watcher)
            self._watcher = None
