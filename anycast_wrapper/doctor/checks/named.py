"""named.conf and named's process: what a name server behind an anycast address needs."""

from collections.abc import Iterator

from anycast_wrapper.core.model import Address
from anycast_wrapper.doctor.check import Finding, Severity, check, listed
from anycast_wrapper.doctor.facts import Facts, Plan, Unknown, known
from anycast_wrapper.doctor.matching import matches
from anycast_wrapper.doctor.namedconf import Block, everywhere, named, option

UNFRAGMENTED = 1232
"""Bytes of a UDP answer that fits into the smallest MTU of IPv6 with its headers (DNS flag day
2020), named's default since BIND 9.16.8."""

_SINCE = (9, 16, 8)
_NO = ("no", "false", "0")


@check(
    Severity.ERROR,
    why="named does not start with such a file, and the wrapper refuses a restart or a reload.",
    cure="Correct what named-checkconf says.",
)
def named_conf(facts: Facts) -> Iterator[Finding]:
    """named.conf: that named-checkconf is content."""
    if words := known(facts.named_verdict):
        yield Finding(f"named-checkconf: {words}", "correct the line it names", facts.named_file)


@check(
    Severity.ERROR,
    why="named answers on the service address only if it listens there; the probes fail "
    "otherwise, and nothing is ever announced.",
    cure="Add the address to `listen-on` or `listen-on-v6`, or leave them at `any`.",
)
def named_listens(facts: Facts) -> Iterator[Finding]:
    """`listen-on` and `listen-on-v6` at port 53: that they cover every service address."""
    plan, whole = known(facts.plan), known(facts.named)
    for version in plan.versions:
        missed = [
            address
            for address in plan.addresses
            if address.version == version and not _listens(whole, plan, address)
        ]
        if missed:
            name = "listen-on" if version == 4 else "listen-on-v6"
            yield Finding(
                f"{name} does not cover {listed(missed)}",
                f"{name} {{ any; }};   # or add: {' '.join(f'{a};' for a in missed)}",
                facts.named_file,
            )


def _listens(whole: Block, plan: Plan, address: Address) -> bool:
    if plan.program == "named" and f"-{10 - address.version}" in plan.command:
        return False  # named -4 or -6: of one family only
    name = "listen-on" if address.version == 4 else "listen-on-v6"
    options = [s for one in named(whole, "options") for s in named(one.block or (), name)]
    if not options:
        return True  # the default is any
    plain = [
        statement
        for statement in options
        if statement.after("port") in ("", "53") and not {"tls", "http"} & set(statement.words)
    ]
    return any(matches(one.block or (), address, whole) for one in plain)


@check(
    Severity.ERROR,
    why="What has the port already answers in the place of the server that was proven, or keeps "
    "it from listening. One that listens on an address of its own, such as systemd-resolved on "
    "127.0.0.53, is in nobody's way.",
    cure="Stop it and disable it, or have it listen on an address of its own.",
)
def port_taken(facts: Facts) -> Iterator[Finding]:
    """Port 53 of the service addresses: that nobody but the daemon listens there."""
    plan, process = known(facts.plan), known(facts.process)
    own = None if process is None else process.pid
    for one in known(facts.listeners):
        everywhere_else = one.address.is_unspecified and one.address.version in plan.versions
        if not everywhere_else and one.address not in plan.addresses:
            continue
        if one.pid is None:
            known(Unknown(f"only root can tell who listens on {one.address}, port 53"))
        if one.pid != own:
            yield Finding(
                f"{one.name or 'a process'} (pid {one.pid}) listens on {one.address}, port 53",
                f"ps -fp {one.pid}   # whose is it? stop that, and disable it",
            )


@check(
    Severity.WARNING,
    why="named learns of an address that appears while it runs (a reload that adds one, the "
    "classic layout) by its interface scan, within milliseconds.",
    cure="Leave `automatic-interface-scan` at its default, `yes`.",
)
def interface_scan(facts: Facts) -> Iterator[Finding]:
    """`automatic-interface-scan`: that it is on."""
    scan = option(known(facts.named), "automatic-interface-scan")
    if scan is not None and scan.value in _NO:
        yield Finding(
            "automatic-interface-scan is off", "automatic-interface-scan yes;", facts.named_file
        )


@check(
    Severity.WARNING,
    why="Routers with equal-cost paths hash a flow by its ports, and only the first fragment of a "
    "datagram has them: the others may go to another path and be lost.",
    cure="Set `edns-udp-size` and `max-udp-size` to 1232 (the default since BIND 9.16.8).",
)
def edns_size(facts: Facts) -> Iterator[Finding]:
    """`edns-udp-size` and `max-udp-size`: at most 1232 bytes, so that nothing is fragmented."""
    whole = known(facts.named)
    for name in ("edns-udp-size", "max-udp-size"):
        found = list(everywhere(whole, name))
        for where, statement in found:
            size = statement.value
            if size.isascii() and size.isdigit() and int(size[:9]) > UNFRAGMENTED:
                place = f" ({where})" if where else ""
                yield Finding(f"{name} is {size}{place}", f"{name} 1232;", facts.named_file)
        if not found and known(facts.named_version) < _SINCE:
            yield Finding(f"{name} is at this BIND's default", f"{name} 1232;", facts.named_file)


@check(
    Severity.WARNING,
    why="A client that has a cookie from one node and asks another is told BADCOOKIE, or counted "
    "as one without, unless all nodes make cookies with the same secret (RFC 9018, section 4).",
    cure="Set the same `cookie-secret` (32 hexadecimal digits) on every node of the address.",
)
def cookie_secret(facts: Facts) -> Iterator[Finding]:
    """`cookie-secret`: that it is set, so that the nodes can have the same one."""
    whole = known(facts.named)
    answers = option(whole, "answer-cookie")
    if answers is not None and answers.value in _NO:
        return
    if option(whole, "cookie-secret") is None:
        yield Finding(
            "every node makes DNS cookies with a secret of its own",
            'cookie-secret "...";   # 32 hexadecimal digits, the same on all nodes: '
            "openssl rand -hex 16",
            facts.named_file,
        )


@check(
    Severity.WARNING,
    why="named needs a file for each TCP client and each recursion under way; where they run out, "
    "queries are dropped although everything looks well.",
    cure="Raise `LimitNOFILE=` in the unit of anycast-wrap.",
)
def file_descriptors(facts: Facts) -> Iterator[Finding]:
    """The running named's files: the limit, what its configuration may need, what it has open."""
    process = known(facts.process)
    if process is None:
        return
    limit, whole = process.files_limit, known(facts.named)
    need = 512 + _number(whole, "tcp-clients", 150) + _number(whole, "recursive-clients", 1000)
    line = f"LimitNOFILE={max(65536, 2 * need)}   # in [Service]"
    unit = "/etc/systemd/system/anycast-wrap.service.d/files.conf"
    if limit < need:
        yield Finding(f"named may open {limit} files, and may need {need}", line, unit)
    elif process.files > 0.8 * limit:
        yield Finding(f"named has {process.files} of {limit} files open", line, unit)


def _number(whole: Block, name: str, default: int) -> int:
    statement = option(whole, name)
    digits = statement.value if statement is not None else ""
    return int(digits[:9]) if digits.isascii() and digits.isdigit() else default
