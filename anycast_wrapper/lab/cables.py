"""The cables between the machines, and the addresses at their ends."""

from collections.abc import Sequence

from anycast_wrapper.lab.host import Host
from anycast_wrapper.lab.node import Node


def connect(switch: Node, gateway: Node, client: Node, hosts: Sequence[Host]) -> None:
    """Lay the cables and give every end its addresses."""
    # Without snooping the bridge floods multicast, OSPF's hellos among it.
    lines = ["link add br0 type bridge forward_delay 0 mcast_snooping 0", "link set br0 up"]
    for node in (gateway, *hosts):
        port = node.name
        lines += [
            f"link add {port} type veth peer name lan netns {node.namespace.name}",
            f"link set {port} master br0 up",
        ]
    switch.ip(*lines)
    gateway.ip(
        f"link add clients type veth peer name eth0 netns {client.namespace.name}",
        *_addressed("lan", "192.168.53.1/24", "fd00:53::1/64", "fe80::1/64"),
        *_addressed("clients", "198.51.100.1/24", "fd00:c::1/64", "fe80::1/64"),
    )
    client.ip(
        *_addressed("eth0", "198.51.100.2/24", "fd00:c::2/64", "fe80::2/64"),
        "route add default via 198.51.100.1",
        "route add default via fd00:c::1",
    )
    for host in hosts:
        host.ip(
            *_addressed("lan", f"{host.address}/24", f"{host.address6}/64", f"{host.link_local}/64")
        )


def _addressed(interface: str, *addresses: str) -> list[str]:
    """The commands that bring an interface up with exactly these addresses.

    A link-local one must be among them: without it a router cannot ask for a neighbour, and
    forwards to it only until what it overheard runs out, some ten seconds later.
    """
    return [
        f"link set {interface} addrgenmode none",
        *(
            f"addr add {one} dev {interface}" + (" nodad" if ":" in one else "")
            for one in addresses
        ),
        f"link set {interface} up",
    ]
