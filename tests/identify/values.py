"""Visits as strategies, and as short calls."""

from hypothesis import strategies as st

from anycast_wrapper.identify.answers import Answer, Topic, Transport, Trouble, Visit

UDP, TCP = Transport
A4, A6 = "192.0.2.53", "2001:db8::53"

NAMES = st.sampled_from(["", "", "host1", "host2", "host3"]) | st.text(max_size=5)

GIVEN = st.builds(
    Answer,
    topic=st.sampled_from(Topic),
    latency=st.floats(0, 5),
    rcode=st.sampled_from(["NOERROR", "NOERROR", "SERVFAIL", "REFUSED", ""]),
    nsid=NAMES,
    text=NAMES,
    serial=st.none() | st.integers(0, 2**32 - 1),
    truncated=st.booleans(),
)
LOST = st.builds(
    Answer,
    topic=st.sampled_from(Topic),
    trouble=st.sampled_from(Trouble),
    detail=st.sampled_from(["no answer within 1 s", "nobody listens there"]),
)
VISITS = st.builds(
    Visit,
    address=st.sampled_from([A4, A6]),
    transport=st.sampled_from(Transport),
    at=st.floats(0, 100),
    answers=st.lists(GIVEN | LOST, min_size=1, max_size=5).map(tuple),
)


def soa(nsid="", serial=7, rcode="NOERROR", text="ns. h. authoritative", **fields):
    return Answer(Topic.SOA, rcode=rcode, nsid=nsid, serial=serial, text=text, **fields)


def lost(topic=Topic.SOA, trouble=Trouble.TIMEOUT):
    return Answer(topic, trouble, "no answer within 1 s")


def visit(*answers, at=0.0, address=A4, transport=UDP):
    return Visit(address, transport, at, answers)
