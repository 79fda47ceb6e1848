"""What a container or a unit did not give us: said before anything is started."""

import os
import pwd

import pytest

from anycast_wrapper.cli import exits
from anycast_wrapper.cli.capabilities import NUMBERS, MissingCapabilityError, check_capabilities

ALL = sum(1 << number for number in NUMBERS.values())
SOMEBODY = next(entry.pw_name for entry in pwd.getpwall() if entry.pw_uid != os.geteuid())
MYSELF = pwd.getpwuid(os.geteuid()).pw_name
NAMED = ("/usr/sbin/named", "-f", "-u", SOMEBODY)


def missing(command, *names, lowest_port=1024):
    mask = ALL & ~sum(1 << NUMBERS[name] for name in names)
    try:
        check_capabilities(command, mask, lowest_port)
    except MissingCapabilityError as error:
        return {name for name in NUMBERS if f"CAP_{name} (" in str(error)}
    return set()


@pytest.mark.parametrize("name", NUMBERS)
def test_each_one_is_told(name):
    assert missing(NAMED) == set()
    assert missing(NAMED, name) == {name}
    assert missing(NAMED, *NUMBERS) == set(NUMBERS)


@pytest.mark.parametrize("command", [("named", "-f"), ("named", "-u", MYSELF), ("named", "-u")])
def test_one_that_stays_who_it_is_needs_less(command):
    assert missing(command, *NUMBERS) == {"NET_ADMIN", "NET_BIND_SERVICE"}


def test_it_is_no_permission():
    with pytest.raises(MissingCapabilityError) as caught:
        check_capabilities(NAMED, 0, 1024)
    assert exits.of(caught.value) == 4


def test_both_ways_to_write_the_option():
    assert "SETUID" in missing(("named", f"-u{SOMEBODY}"), "SETUID")


def test_a_port_that_anybody_may_have():
    assert missing(("named",), "NET_BIND_SERVICE", lowest_port=0) == set()
    assert missing(("named",), "NET_BIND_SERVICE", lowest_port=54) == {"NET_BIND_SERVICE"}


def test_of_another_server_nothing_is_known():
    assert missing(("/usr/sbin/unbound", "-d"), *NUMBERS) == {"NET_ADMIN"}


def test_a_user_that_is_not_there_is_for_named_to_complain_about():
    assert missing(("named", "-u", "nobody-at-all"), "SETUID") == set()
