"""Configurations for real name servers on a loopback port, each serving example.com."""

import os
import shutil
import socket

import pytest

ZONE = """\
$TTL 300
@ IN SOA ns hostmaster 7 3600 600 86400 60
@ IN NS ns
ns IN A 192.0.2.1
"""


def installed(program):
    """The path of the program; without it, the test is skipped."""
    path = shutil.which(program, path=f"/usr/sbin:/usr/local/sbin:{os.environ['PATH']}")
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def free_port():
    """A port that is free for UDP and TCP, most likely still so in a moment."""
    for _ in range(50):
        with socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            try:
                tcp.bind(udp.getsockname())
            except OSError:
                continue
            return udp.getsockname()[1]
    raise AssertionError("no free port")


def zone_in(directory):
    (directory / "zone").write_text(ZONE)
    return directory / "zone"


def named(directory, port, *, bad=""):
    """The command for named."""
    program = installed("named")
    zone_in(directory)
    file = directory / "named.conf"
    file.write_text(
        f"""{bad}
options {{
    directory "{directory}"; pid-file none; session-keyfile none; recursion no;
    listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
    managed-keys-directory "{directory}"; dnssec-validation no;
}};
controls {{ }};
zone "example.com" {{ type primary; file "{directory}/zone"; }};
"""
    )
    return (program, "-f", "-n", "1", "-c", str(file))


def nsd(directory, port):
    """The command for NSD."""
    program = installed("nsd")
    file = directory / "nsd.conf"
    file.write_text(
        f"""server:
    ip-address: 127.0.0.1@{port}
    username: ""
    zonesdir: "{directory}"
    pidfile: ""
    database: ""
    xfrdfile: "{directory}/xfrd.state"
    zonelistfile: "{directory}/zone.list"
    xfrdir: "{directory}"
    cookie-secret-file: ""
remote-control:
    control-enable: no
zone:
    name: example.com
    zonefile: {zone_in(directory)}
"""
    )
    return (program, "-d", "-c", str(file))


def knotd(directory, port):
    """The command for Knot DNS."""
    program = installed("knotd")
    file = directory / "knot.conf"
    file.write_text(
        f"""server:
    listen: 127.0.0.1@{port}
    rundir: {directory}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: {directory}
zone:
  - domain: example.com
    file: {zone_in(directory)}
"""
    )
    return (program, "-c", str(file))


def unbound(directory, port):
    """The command for Unbound."""
    program = installed("unbound")
    file = directory / "unbound.conf"
    file.write_text(
        f"""server:
    interface: 127.0.0.1@{port}
    username: ""
    chroot: ""
    directory: "{directory}"
    pidfile: ""
    use-syslog: no
    do-daemonize: no
    module-config: "iterator"
    local-zone: example.com. static
    local-data: "example.com. 300 IN SOA ns.example.com. a.example.com. 7 3600 600 86400 60"
remote-control:
    control-enable: no
"""
    )
    return (program, "-d", "-c", str(file))


def give_to_bind(directory):
    """Make it a directory that ``named -u bind`` can work in, or skip the test."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to run named as another user")
    try:
        shutil.chown(directory, "bind")
    except LookupError:
        pytest.skip("there is no user named 'bind'")
