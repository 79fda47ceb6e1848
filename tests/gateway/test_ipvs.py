"""The pure parts of the IPVS adapter: what the kernel is told and says, and what is done when."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anycast_wrapper.gateway.ipvs import Method, Settings
from anycast_wrapper.gateway.ipvs.messages import (
    DEL_DEST,
    DEL_SERVICE,
    GET_SERVICE,
    NEW_DEST,
    NEW_SERVICE,
    SET_DEST,
    SET_SERVICE,
    IpvsMessage,
    message,
    real_in,
    virtual_in,
)
from anycast_wrapper.gateway.ipvs.model import (
    ONE_PACKET,
    SETTABLE,
    TCP,
    UDP,
    Carried,
    Manner,
    Share,
    Virtual,
)
from anycast_wrapper.gateway.ipvs.planning import changes, differ, members_in, virtuals, wanted
from anycast_wrapper.gateway.model import Member

V4, V6 = ip_address("192.0.2.53"), ip_address("2001:db8:53::53")
ONE, TWO, THREE = (ip_address(f"10.53.0.{n}") for n in (11, 12, 13))
WRR = Manner("wrr", 0)

addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
weights = st.integers(0, 255)
shares = st.builds(Share, weights, st.sampled_from(Method))
manners = st.builds(
    Manner,
    st.sampled_from(["wrr", "mh", "rr", "a-long-name-abc"]),
    st.sampled_from([0, ONE_PACKET, SETTABLE]),
)
transports = st.sampled_from([UDP, TCP])


def received(made):
    """A message as it comes out of the socket on the other side."""
    made.reset()
    made.encode()
    read = IpvsMessage(bytes(made.data))
    read.decode()
    return read


# --- messages ---


@given(addresses, transports, st.integers(1, 65535), manners)
def test_a_virtual_service_is_read_as_it_was_written(address, transport, port, manner):
    virtual = Virtual(address, int(transport), port)
    assert virtual_in(received(message(NEW_SERVICE, virtual, manner))) == (virtual, manner)


@given(addresses, st.data(), st.integers(1, 65535), shares)
def test_a_real_server_is_read_as_it_was_written(address, data, port, share):
    virtual = Virtual(address, UDP, port)
    real = data.draw(st.ip_addresses(v=address.version))
    made = message(NEW_DEST, virtual, real=real, share=share)
    assert real_in(received(made), virtual) == (real, share)


def test_the_bytes_are_those_of_the_kernels_headers():
    virtual = Virtual(V4, UDP, 53)
    made = message(NEW_SERVICE, virtual, Manner("wrr", ONE_PACKET))
    made.reset()
    made.encode()
    body = bytes(made.data)[16:]
    assert body.hex(" ", 4) == (
        "01010000"  # genlmsghdr: IPVS_CMD_NEW_SERVICE, version 1
        " 54000100"  # IPVS_CMD_ATTR_SERVICE
        " 06000100 02000000"  # AF_INET
        " 06000200 11000000"  # UDP
        " 14000300 c0000235 00000000 00000000 00000000"
        " 06000400 00350000"  # port 53, in network order
        " 08000600 77727200"  # wrr
        " 0c000700 04000000 3d000000"  # one packet, of what may be set
        " 08000800 00000000"
        " 08000900 ffffffff"
    )


def test_an_ipv6_service_has_a_length_for_a_netmask():
    made = received(message(NEW_SERVICE, Virtual(V6, TCP, 53), WRR))
    service = made.get_attr("IPVS_CMD_ATTR_SERVICE")
    assert service.get_attr("IPVS_SVC_ATTR_NETMASK") == 128


def test_a_service_by_a_packets_mark_is_none_of_ours():
    made = message(GET_SERVICE)
    attributes = [("IPVS_SVC_ATTR_AF", 2), ("IPVS_SVC_ATTR_FWMARK", 53)]
    made["attrs"] = [("IPVS_CMD_ATTR_SERVICE", {"attrs": attributes})]
    assert virtual_in(received(made)) is None


@pytest.mark.parametrize(
    "attributes",
    [
        [],
        [("IPVS_DEST_ATTR_ADDR", b"\x0a\x35")],
        [("IPVS_DEST_ATTR_ADDR", bytes(16)), ("IPVS_DEST_ATTR_ADDR_FAMILY", 99)],
        [("IPVS_DEST_ATTR_ADDR", bytes(16)), ("IPVS_DEST_ATTR_PORT", 53)],
        [
            ("IPVS_DEST_ATTR_ADDR", bytes(16)),
            ("IPVS_DEST_ATTR_PORT", 5300),
            ("IPVS_DEST_ATTR_FWD_METHOD", 3),
            ("IPVS_DEST_ATTR_WEIGHT", 1),
        ],
    ],
)
def test_what_cannot_be_read_is_no_server(attributes):
    made = message(NEW_DEST)
    made["attrs"] = [("IPVS_CMD_ATTR_DEST", {"attrs": attributes})]
    assert real_in(received(made), Virtual(V4, UDP, 53)) is None


# --- what is wanted ---


def test_a_service_address_has_a_virtual_service_for_each_transport_and_port():
    settings = Settings(ports=(53, 5353))
    assert {str(one) for one in virtuals(settings, V4)} == {
        "192.0.2.53 udp/53",
        "192.0.2.53 tcp/53",
        "192.0.2.53 udp/5353",
        "192.0.2.53 tcp/5353",
    }


@pytest.mark.parametrize(
    ("method", "one_packet", "flags"),
    [
        (Method.DROUTE, True, ONE_PACKET),
        (Method.TUNNEL, True, ONE_PACKET),
        (Method.MASQ, True, 0),  # the answer has to be translated back
        (Method.DROUTE, False, 0),
    ],
)
def test_datagrams_are_flows_of_their_own_where_they_can_be(method, one_packet, flags):
    table = wanted(Settings(method=method, one_packet=one_packet), V4, [Member("ns1", ONE)])
    found = {virtual.transport: carried.manner.flags for virtual, carried in table.items()}
    assert found == {UDP: flags, TCP: 0}


def test_nobody_means_no_virtual_service():
    assert wanted(Settings(), V4, []) == {}


# --- what is done ---


def commands(before, after):
    return [change.command for change in changes(before, after)]


UDP53 = Virtual(V4, UDP, 53)


def carried(weights, manner=WRR, method=Method.DROUTE):
    return Carried(manner, {real: Share(weight, method) for real, weight in weights.items()})


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {}, []),
        ({}, {UDP53: carried({ONE: 1})}, [NEW_SERVICE, NEW_DEST]),
        ({UDP53: carried({ONE: 1})}, {UDP53: carried({ONE: 1})}, []),
        ({UDP53: carried({ONE: 1})}, {UDP53: carried({ONE: 0})}, [SET_DEST]),
        ({UDP53: carried({ONE: 1})}, {UDP53: carried({TWO: 1})}, [NEW_DEST, DEL_DEST]),
        ({UDP53: carried({ONE: 1})}, {}, [DEL_SERVICE]),
        ({UDP53: carried({ONE: 1})}, {UDP53: carried({ONE: 1}, Manner("mh", 0))}, [SET_SERVICE]),
    ],
)
def test_only_what_differs_is_done(before, after, expected):
    assert commands(before, after) == expected


def test_a_server_that_is_this_host_is_as_the_kernel_makes_it():
    found = {UDP53: carried({ONE: 1}, method=Method.LOCAL)}
    assert not differ(found, {UDP53: carried({ONE: 1})})
    assert differ(found, {UDP53: carried({ONE: 2})})


def test_who_gets_new_flows():
    table = {UDP53: carried({ONE: 1, TWO: 0}), Virtual(V4, TCP, 53): carried({ONE: 1, THREE: 3})}
    assert members_in(table) == (ONE, THREE)


tables = st.dictionaries(
    st.sampled_from([UDP53, Virtual(V4, TCP, 53), Virtual(V4, UDP, 5353)]),
    st.builds(
        Carried,
        manners,
        st.dictionaries(st.sampled_from([ONE, TWO, THREE]), shares, min_size=1),
    ),
)


@given(tables, tables)
def test_the_steps_lead_there_and_never_leave_a_service_that_stays_without_servers(before, after):
    kernel = {virtual: (one.manner, dict(one.shares)) for virtual, one in before.items()}
    staying = {virtual for virtual in before if virtual in after}
    for change in changes(before, after):
        perform(kernel, change)
        assert all(kernel[virtual][1] for virtual in staying)
    assert not differ({v: Carried(*both) for v, both in kernel.items()}, after)
    assert kernel.keys() == after.keys()


def perform(kernel, change):
    """What the kernel does, as strict as it is."""
    if change.command == NEW_SERVICE:
        assert change.virtual not in kernel
        kernel[change.virtual] = (change.manner, {})
    elif change.command == DEL_SERVICE:
        del kernel[change.virtual]
    else:
        _, reals = kernel[change.virtual]
        if change.command == SET_SERVICE:
            kernel[change.virtual] = (change.manner, reals)
        elif change.command == DEL_DEST:
            del reals[change.real]
        else:
            assert (change.real in reals) == (change.command == SET_DEST)
            reals[change.real] = change.share


def test_addresses_of_both_versions_are_told_apart():
    assert isinstance(
        virtual_in(received(message(NEW_SERVICE, UDP53, WRR)))[0].address, IPv4Address
    )
    virtual = Virtual(V6, UDP, 53)
    assert isinstance(
        virtual_in(received(message(NEW_SERVICE, virtual, WRR)))[0].address, IPv6Address
    )
