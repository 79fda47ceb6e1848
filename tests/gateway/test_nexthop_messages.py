"""What goes into netlink messages and comes out of them."""

import struct
import subprocess
import sys
from ipaddress import ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anycast_wrapper.gateway.nexthops import Resilience
from anycast_wrapper.gateway.nexthops.hearing import Heard, read
from anycast_wrapper.gateway.nexthops.messages import (
    NexthopMessage,
    RouteMessage,
    packed,
    unpacked,
)
from anycast_wrapper.gateway.nexthops.model import (
    FIRST_ID,
    LAST_ID,
    Found,
    Group,
    Hop,
    Route,
    ordered,
)
from anycast_wrapper.gateway.nexthops.owners import owner
from anycast_wrapper.gateway.nexthops.reading import found
from anycast_wrapper.gateway.nexthops.writing import group_message, hop_message, route_message
from anycast_wrapper.gateway.ports import ForwardingError

OURS, OWN = 153, 4711

numbers = st.integers(1, 2**32 - 1)
weighted = st.integers(1, 255)
hops = st.builds(
    Hop,
    st.ip_addresses().filter(lambda a: "%" not in str(a)),
    st.integers(1, 2**31 - 1),
    onlink=st.booleans(),
)
seconds = st.integers(0, 10**6).map(lambda ticks: ticks / 100)
groups = st.builds(
    Group,
    st.dictionaries(numbers, weighted, min_size=1, max_size=20).map(
        lambda d: tuple(sorted(d.items()))
    ),
    st.none() | st.builds(Resilience, st.integers(1, 65535), seconds, seconds),
)


def decoded(message, kind):
    """What the kernel would give back: the message, decoded from its own bytes."""
    message["header"]["type"] = 104 if kind is NexthopMessage else 24
    message.reset()
    message.encode()
    answer = kind(message.data)
    answer.decode()
    return answer


@given(numbers, hops)
def test_a_next_hop_comes_back_as_it_was(number, hop):
    message = decoded(hop_message(number, hop, OURS), NexthopMessage)
    assert found([message], [], OURS) == Found(hops={number: hop}, taken={number})
    assert found([message], [], OURS + 1) == Found(taken={number})


@given(numbers, groups)
def test_a_group_comes_back_as_it_was(number, group):
    message = decoded(group_message(number, group, OURS), NexthopMessage)
    back = found([message], [], OURS).groups[number]
    assert back.alike(group)
    assert back.entries == group.entries


@given(
    st.ip_addresses().filter(lambda a: "%" not in str(a)),
    st.integers(1, 2**32 - 1),
    st.integers(1, 2**32 - 1),
    st.data(),
)
def test_a_route_comes_back_as_it_was(address, table, metric, data):
    same = hops.filter(lambda hop: hop.gateway.version == address.version)
    entries = st.dictionaries(same, weighted, max_size=5).map(lambda d: ordered(d.items()))
    group = data.draw(st.none() | numbers)
    route = Route(address, table, metric, group, () if group else data.draw(entries))
    message = decoded(route_message(route, OURS), RouteMessage)
    assert found([], [message], OURS).routes == {route}
    assert found([], [message], OURS + 1).routes == set()


def test_a_route_names_its_group_whatever_messages_were_made_before():
    script = (
        "from pyroute2.netlink.rtnl.rtmsg import rtmsg; rtmsg(); "
        "from anycast_wrapper.gateway.nexthops.messages import RouteMessage; "
        "message = RouteMessage(); message['attrs'] = [('RTA_NH_ID', 7)]; message.encode(); "
        "message = RouteMessage(message.data); message.decode(); "
        "print(message.get_attr('RTA_NH_ID'))"
    )
    argv = [sys.executable, "-c", script]
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout == "7\n"


def test_a_rest_that_is_no_entry_is_left_out():
    assert unpacked(packed([(7, 1), (8, 255)]) + b"\1\2\3") == ((7, 1), (8, 255))


def test_timers_may_be_as_far_off_as_the_kernel_s_clock():
    told = Resilience(64, 0.33, 5.0)
    assert told.alike(Resilience(64, 0.32, 5.0))
    assert not told.alike(Resilience(64, 0.43, 5.0))
    assert not told.alike(Resilience(65, 0.33, 5.0))


def test_when_every_id_is_taken_this_is_said():
    everything = Found(taken=set(range(FIRST_ID, LAST_ID)))
    assert everything.free_id() == LAST_ID
    everything.taken.add(LAST_ID)
    with pytest.raises(ForwardingError, match="65536 ids"):
        everything.free_id()


def test_owners_have_names_where_they_are_known():
    assert owner(4) == "protocol static"
    assert owner(200) == "protocol 200"


def datagram(kind, body, port=1):
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, port) + body


def attribute(kind, value):
    return struct.pack("=HH", 4 + len(value), kind) + value


def route_said(prefix, length, kind=24, port=1):
    address = ip_address(prefix)
    family = {4: 2, 6: 10}[address.version]
    head = struct.pack("=BBBBBBBBI", family, length, 0, 0, 254, 4, 0, 1, 0)
    return datagram(kind, head + attribute(1, address.packed), port)


def hop_said(number, protocol, port=1):
    head = struct.pack("=BBBBI", 2, 0, protocol, 0, 0)
    return datagram(104, head + attribute(1, struct.pack("=I", number)), port)


def link_said(index, family=0):
    return datagram(16, struct.pack("=BBHiII", family, 0, 1, index, 0, 0))


def test_what_is_heard():
    said = (
        route_said("10.99.0.0", 24)
        + route_said("2001:db8::", 32, 25)
        + hop_said(7, OURS)
        + hop_said(FIRST_ID, 11)
        + link_said(3)
        + datagram(20, struct.pack("=BBBBi", 2, 24, 0, 0, 5))
    )
    assert list(read(said, OURS, OWN)) == [
        Heard(prefix=(4, 24, int(ip_address("10.99.0.0")) >> 8)),
        Heard(prefix=(6, 32, 0x20010DB8)),
        Heard(ours=True),
        Heard(ours=True),
        Heard(index=3),
        Heard(index=5),
    ]


def test_what_is_not_heard():
    said = (
        route_said("10.99.0.0", 24, port=OWN)
        + hop_said(7, OURS, port=OWN)
        + hop_said(7, 11)
        + link_said(3, family=7)  # a bridge's port
        + datagram(28, bytes(40))  # a neighbour
    )
    assert list(read(said, OURS, OWN)) == []


def test_before_anything_was_asked_nothing_is_our_own():
    assert len(list(read(route_said("10.99.0.0", 24, port=0), OURS, 0))) == 1


@given(st.binary(max_size=200))
@example(datagram(24, struct.pack("=BBBBBBBBI", 2, 255, 0, 0, 254, 4, 0, 1, 0)))
@example(route_said("10.0.0.0", 24)[:-2])
def test_nothing_that_is_heard_breaks_us(data):
    list(read(data, OURS, OWN))
    list(read(datagram(24, data), OURS, OWN))
    list(read(datagram(104, data), OURS, OWN))
    list(read(datagram(16, data), OURS, OWN))
