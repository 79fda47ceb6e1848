"""What else manages this host: systemd's units, NetworkManager, systemd-networkd."""

from collections.abc import Iterator

from anycast_wrapper.doctor.check import Finding, Severity, check, listed
from anycast_wrapper.doctor.facts import Facts, Unit, known

OUR_UNIT = "anycast-wrap.service"
_DROP_IN = f"/etc/systemd/system/{OUR_UNIT}.d/times.conf"


def _ours(units: tuple[Unit, ...]) -> Unit | None:
    return next((unit for unit in units if unit.name == OUR_UNIT), None)


@check(
    Severity.ERROR,
    why="Two name servers fight for the port, and the one that the wrapper did not start goes on "
    "answering, or is announced, unproven.",
    cure="Disable the other unit; the wrapper takes its place.",
)
def second_unit(facts: Facts) -> Iterator[Finding]:
    """Units of name servers: that none is enabled or active beside the wrapper."""
    for unit in known(facts.units):
        if unit.name != OUR_UNIT and (unit.enabled or unit.active):
            words = " and ".join(
                word for word, so in (("enabled", unit.enabled), ("active", unit.active)) if so
            )
            yield Finding(f"{unit.name} is {words}", f"systemctl disable --now {unit.name}")


@check(
    Severity.WARNING,
    why="After a reboot nobody starts the name server: the other nodes carry this one's load "
    "until somebody notices.",
    cure="`systemctl enable anycast-wrap`, once the node is as you want it.",
)
def unit_enabled(facts: Facts) -> Iterator[Finding]:
    """Our unit, if it is installed: that it is started at boot."""
    unit = _ours(known(facts.units))
    if unit is not None and not unit.enabled:
        yield Finding(f"{OUR_UNIT} is not enabled", f"systemctl enable {OUR_UNIT}")


@check(
    Severity.WARNING,
    why="With systemd's default, control-group, the name server gets SIGTERM together with the "
    "wrapper: it is gone before it is withdrawn, and queries are lost.",
    cure="Set `KillMode=mixed`, as contrib/systemd/anycast-wrap.service does.",
)
def unit_kill_mode(facts: Facts) -> Iterator[Finding]:
    """Our unit, if it is installed: `KillMode=`."""
    unit = _ours(known(facts.units))
    if unit is not None and unit.kill_mode == "control-group":
        yield Finding("KillMode is control-group", "KillMode=mixed   # in [Service]", _DROP_IN)


@check(
    Severity.WARNING,
    why="systemd kills what has not stopped by then: wrapper, name server and all, in the middle "
    "of an orderly stop.",
    cure="Set `TimeoutStopSec=` to more than `drain.linger` and `daemon.stop-timeout` together.",
)
def unit_stop_time(facts: Facts) -> Iterator[Finding]:
    """Our unit, if it is installed: that `TimeoutStopSec=` leaves time for an orderly stop."""
    plan, unit = known(facts.plan), _ours(known(facts.units))
    need = plan.linger + plan.stopping
    if unit is not None and unit.stop_seconds is not None and unit.stop_seconds < need:
        yield Finding(
            f"systemd kills after {unit.stop_seconds:g} s, and a stop may take {need:g} s",
            f"TimeoutStopSec={need + 10:.0f}   # in [Service]",
            _DROP_IN,
        )


@check(
    Severity.WARNING,
    why="NetworkManager may take the link of an interface down, or its addresses away.",
    cure="Tell it to leave our interfaces alone.",
)
def network_manager(facts: Facts) -> Iterator[Finding]:
    """NetworkManager, if it runs: that it does not manage our interfaces."""
    plan = known(facts.plan)
    if managed := sorted(known(facts.network_manager) & plan.ours):
        names = ";".join(f"interface-name:{name}" for name in sorted(plan.ours))
        yield Finding(
            f"NetworkManager manages {listed(managed)}",
            f"unmanaged-devices={names}   # in [keyfile]",
            "/etc/NetworkManager/conf.d/anycast-wrap.conf",
        )


@check(
    Severity.WARNING,
    why="systemd-networkd takes addresses away that it has not put on an interface it manages.",
    cure="Narrow the `[Match]` of that file, or give our interfaces one with `Unmanaged=yes`.",
)
def networkd_interfaces(facts: Facts) -> Iterator[Finding]:
    """systemd-networkd, if it runs: that no file of its matches our interfaces."""
    plan, networkd = known(facts.plan), known(facts.networkd)
    for name in sorted(plan.ours & set(networkd.matched)):
        yield Finding(
            f"{networkd.matched[name]} matches {name}",
            f"[Match] Name={name} / [Link] Unmanaged=yes",
            "/etc/systemd/network/00-anycast-wrap.network",
        )


@check(
    Severity.WARNING,
    why="When it is restarted (an upgrade does that), systemd-networkd removes the routes that "
    "FRR has installed, the default route among them.",
    cure="Set `ManageForeignRoutes=no`.",
)
def networkd_routes(facts: Facts) -> Iterator[Finding]:
    """systemd-networkd, if it runs: that it leaves the routes of others alone."""
    if known(facts.networkd).drops_routes:
        yield Finding(
            "systemd-networkd removes routes that are not its own",
            "ManageForeignRoutes=no   # in [Network]",
            "/etc/systemd/networkd.conf.d/anycast-wrap.conf",
        )


@check(
    Severity.INFO,
    why="The other checks look at what is configured; only a wrapper that runs serves anybody.",
    cure="`anycast-wrap start`, or `systemctl start anycast-wrap`.",
)
def wrapper_running(facts: Facts) -> Iterator[Finding]:
    """The control socket: whether a wrapper answers there."""
    if not known(facts.running):
        yield Finding("anycast-wrap does not run", "anycast-wrap start")
