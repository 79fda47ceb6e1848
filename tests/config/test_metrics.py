"""``[metrics]``: one place or several, each an address and a port."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anycast_wrapper.config.errors import ConfigError
from anycast_wrapper.config.load import parse
from anycast_wrapper.config.show import toml

SMALLEST = '[[service]]\nname = "a"\naddresses = ["192.0.2.53"]\n'


def listen(value):
    return parse(f"[metrics]\nlisten = {value}\n{SMALLEST}", "f").metrics.listen


def test_nothing_listens_unless_it_is_told_to():
    assert parse(SMALLEST, "f").metrics.listen == ()
    assert listen("[]") == ()


def test_one_place_or_several():
    assert listen('"127.0.0.1:9153"') == ((ip_address("127.0.0.1"), 9153),)
    assert listen('["0.0.0.0:80", "[2001:db8::1]:9153"]') == (
        (ip_address("0.0.0.0"), 80),
        (ip_address("2001:db8::1"), 9153),
    )


@pytest.mark.parametrize(
    "value",
    [
        "9153",
        '"9153"',
        '":9153"',
        '"127.0.0.1"',
        '"127.0.0.1:"',
        '"127.0.0.1:0"',
        '"127.0.0.1:65536"',
        '"127.0.0.1:9153 "',
        '"127.0.0.1:+1"',
        '"127.0.0.1:\u0661"',
        '"localhost:9153"',
        '"::1:9153"',
        '"[127.0.0.1]:9153"',
        '"[::1]"',
        '"[]:1"',
        '"224.0.0.1:9153"',
        "true",
        "{}",
        "[1]",
        '["127.0.0.1:1", "127.0.0.1:1"]',
        '["127.0.0.1:1", "127.0.0.1:01"]',
    ],
)
def test_what_is_no_place(value):
    with pytest.raises(ConfigError) as caught:
        listen(value)
    assert "metrics.listen" in str(caught.value)
    assert "expected a" in str(caught.value)


@given(st.ip_addresses(), st.integers(1, 65535))
def test_what_is_shown_is_what_was_meant(address, port):
    text = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
    if address.is_multicast or str(address) == "255.255.255.255":
        return
    config = parse(f'[metrics]\nlisten = "{text}"\n{SMALLEST}', "f")
    assert parse(toml(config), "shown").metrics == config.metrics


@given(st.text(max_size=40))
def test_no_text_breaks_it(text):
    quoted = text.encode("unicode_escape").decode().replace("\\", "\\\\").replace('"', '\\"')
    try:
        places = listen(f'"{quoted}"')
    except ConfigError:
        return
    assert len(places) == 1
