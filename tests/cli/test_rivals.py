"""Who is where the name server belongs: said before anything is started."""

import json
from ipaddress import ip_address

import pytest

from anycast_wrapper.cli.rivals import RivalError, check_rivals
from anycast_wrapper.config.load import parse
from anycast_wrapper.doctor.facts import Listener

NAMED = ("/usr/sbin/named", "-f", "-u", "bind")


def config(tmp_path, *command):
    return parse(
        f"""
        [daemon]
        command = {json.dumps(command or NAMED)}
        [control]
        socket = "{tmp_path}/control.sock"
        [[service]]
        name = "resolver"
        addresses = ["192.0.2.53"]
        """,
        "f",
    )


def check(config, argv=None, *listeners):
    """The sentence, or "" where there is nothing to be said."""
    found = [Listener(ip_address(address), pid, name) for address, pid, name in listeners]
    try:
        check_rivals(config, lambda _: [(7, list(argv))] if argv else [], lambda: found)
    except RivalError as error:
        return str(error)
    return ""


OWN_ADDRESS = ("127.0.0.1", 7, "named")


@pytest.mark.root
@pytest.mark.parametrize("argv", [NAMED, ("/usr/sbin/named", "-4"), ("named",)])
def test_the_same_server_by_somebody_else(tmp_path, argv):
    said = check(config(tmp_path), argv, OWN_ADDRESS)
    assert said.startswith("named runs already, pid 7, and anycast-wrap did not start it; ")
    assert "systemctl disable --now named" in said


@pytest.mark.root
def test_the_same_configuration_file(tmp_path):
    own = config(tmp_path, "named", "-f", "-c", "/etc/a.conf")
    assert "already with /etc/a.conf, pid 7" in check(
        own, ["named", "-c", "/etc/a.conf"], OWN_ADDRESS
    )
    # A second instance, on addresses of its own, is in nobody's way.
    assert check(own, ["named", "-c", "/etc/b.conf"], OWN_ADDRESS) == ""
    # Nor is one that does not listen (any more).
    assert check(own, ["named", "-c", "/etc/a.conf"]) == ""


@pytest.mark.root
@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.53"])
def test_the_port_is_taken(tmp_path, address):
    said = check(config(tmp_path), None, (address, 9, "dnsmasq"))
    assert said.startswith(f"port 53 of {address} is taken by dnsmasq (pid 9); ")
    said = check(config(tmp_path), None, (address, None, ""))
    assert f"port 53 of {address} is taken by a process of another container" in said


@pytest.mark.root
@pytest.mark.parametrize("address", ["127.0.0.53", "192.0.2.54", "::"])
def test_who_listens_elsewhere_is_in_nobodys_way(tmp_path, address):
    assert check(config(tmp_path), None, (address, 9, "systemd-resolve")) == ""


@pytest.mark.root
def test_a_server_of_another_kind_is_not_judged_by_its_name(tmp_path):
    own = config(tmp_path, "/usr/bin/python3", "server.py")
    assert check(own, ["python3", "other.py"], ("127.0.0.1", 7, "python3")) == ""


@pytest.mark.root
def test_what_a_wrapper_of_ours_left_running_is_adopted(tmp_path):
    (tmp_path / "daemon.json").write_text("{}")
    assert check(config(tmp_path), NAMED, ("192.0.2.53", 7, "named")) == ""
