"""The configuration, as plain values."""

from pathlib import Path

from anycast_wrapper.config import schema
from anycast_wrapper.config.errors import ConfigError
from anycast_wrapper.config.load import load
from anycast_wrapper.doctor.facts import Plan, PlannedProbe, Unknown


def plan(path: Path) -> Plan | Unknown:
    """What a file says; `Unknown` with every mistake if it is not good."""
    try:
        return planned(load(path), str(path))
    except ConfigError as error:
        return Unknown("; ".join(error.problems))


def planned(config: schema.Config, file: str) -> Plan:
    """A configuration as the checks know it."""
    interfaces = config.interfaces
    given = {service.name for service in config.service if service.probe}

    def real(name: str) -> str | None:
        return None if name == schema.NONE else name

    return Plan(
        file=file,
        addresses=tuple(a for service in config.services for a in service.addresses),
        preferred=interfaces.preferred,
        last_resort=real(interfaces.last_resort),
        hold=real(interfaces.hold),
        kind=interfaces.kind,
        require_route=interfaces.require_route,
        command=config.daemon.command,
        probes=tuple(
            _probe(service.name, probe, given=service.name in given)
            for service in config.services
            for probe in service.probe
        ),
        linger=config.drain.linger,
        stopping=config.daemon.stop_timeout,
        drain_file=str(config.drain.file),
        control_socket=str(config.control.socket),
        routing_daemon=config.routing.daemon,
        protocol=config.routing.protocol,
        vtysh=config.routing.vtysh,
        bird_socket=str(config.routing.bird_socket),
    )


def _probe(service: str, probe: schema.AnyProbe, *, given: bool) -> PlannedProbe:
    dns = probe if isinstance(probe, schema.DnsProbe) and probe.qclass == "IN" else None
    # The first question may go out just before the server stops.
    patience = probe.interval + probe.fall * probe.timeout + (probe.fall - 1) * probe.recheck
    return PlannedProbe(
        service=service,
        qname=dns.qname if dns else None,
        withdraws=probe.on_failure == "withdraw",
        given=given,
        patience=patience,
    )
