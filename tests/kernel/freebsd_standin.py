"""Stands in for FreeBSD's ifconfig(8) and route(8): argv and output as theirs, state in a file.

Called as ``freebsd_standin.py STATE ifconfig|route ARGUMENT...``; argv is appended to a log.
"""

import json
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path

STATE = Path(sys.argv[1])


def die(words: str) -> None:
    sys.stderr.write(words + "\n")
    sys.exit(1)


def say(words: str) -> None:
    sys.stdout.write(words + "\n")


def show(name: str, link: dict) -> None:
    flags = "8049<UP,LOOPBACK,RUNNING,MULTICAST>" if link["up"] else "8008<LOOPBACK,MULTICAST>"
    say(f"{name}: flags={flags} metric 0 mtu 16384")
    say("\toptions=680003<RXCSUM,TXCSUM,LINKSTATE,RXCSUM_IPV6,TXCSUM_IPV6>")
    if name == "lo0":
        say("\tinet 127.0.0.1 netmask 0xff000000\n\tinet6 ::1 prefixlen 128")
    say(f"\tinet6 fe80::1%{name} prefixlen 64 scopeid 0x3")
    for text in link["addresses"]:
        address = ip_address(text)
        if address.version == 4:
            say(f"\tinet {text} netmask 0xffffffff")
        else:
            say(f"\tinet6 {text} prefixlen 128")
    say("\tgroups: lo\n\tnd6 options=21<PERFORMNUD,AUTO_LINKLOCAL>")


def ifconfig(state: dict, words: list[str]) -> None:
    links = state["links"]
    if words == ["-a"]:
        for name, link in links.items():
            show(name, link)
        return
    name, rest = words[0], words[1:]
    if name not in links:
        die(f"ifconfig: interface {name} does not exist")
    link = links[name]
    match rest:
        case []:
            show(name, link)
        case ["up"] | ["down"]:
            link["up"] = rest == ["up"]
        case ["inet", text, "alias"] if text.endswith("/32"):
            link["addresses"].append(text.removesuffix("/32"))
        case ["inet6", text, "prefixlen", "128", "alias"]:
            link["addresses"].append(text)
        case ["inet" | "inet6", text, "-alias"]:
            if text not in link["addresses"]:
                die("ifconfig: ioctl (SIOCDIFADDR): Can't assign requested address")
            link["addresses"].remove(text)
        case _:
            die("usage: ifconfig " + " ".join(words))


def route(state: dict, words: list[str]) -> None:
    match words:
        case ["-n", "get", family, "default"]:
            wanted = ip_network("0.0.0.0/0" if family == "-inet" else "::/0")
        case ["-n", "get", _, "-net", text]:
            wanted = ip_network(text)
        case _:
            die("usage: route " + " ".join(words))
    covering = [
        network
        for network in map(ip_network, state["routes"])
        if network.version == wanted.version and wanted.subnet_of(network)
    ]
    if not covering:
        die("route: route has not been found")
    best = max(covering, key=lambda network: network.prefixlen)
    say(f"   route to: {wanted.network_address}")
    say(f"destination: {best.network_address}\n       mask: {best.netmask}")
    say("    gateway: 10.9.0.2\n        fib: 0\n  interface: em0")
    say("      flags: <UP,GATEWAY,DONE,STATIC>")


def main() -> None:
    tool, words = sys.argv[2], sys.argv[3:]
    with STATE.with_suffix(".log").open("a") as log:
        log.write(" ".join([tool, *words]) + "\n")
    state = json.loads(STATE.read_text())
    before = json.dumps(state)
    {"ifconfig": ifconfig, "route": route}[tool](state, words)
    if json.dumps(state) != before:
        replacement = STATE.with_suffix(".theirs")
        replacement.write_text(json.dumps(state))
        replacement.replace(STATE)


main()
