"""Per-interface IPv6 settings, which the kernel takes only through /proc/sys.

/proc/sys/net shows the network namespace of the task that reads it, so this follows a setns(2).
Source: kernel Documentation/networking/ip-sysctl.rst.
"""

import logging
from collections.abc import Mapping
from pathlib import Path

_CONF = Path("/proc/sys/net/ipv6/conf")
_log = logging.getLogger(__name__)

RANK_SETTINGS: Mapping[str, str] = {
    # ospf6d advertises nothing on an interface without a link-local address, whatever the host's
    # default says: 0 is EUI-64 generation.
    "addr_gen_mode": "0",
    # The link-local address must not wait for duplicate address detection on a wire where nobody
    # is: announcing would take 1.3 to 2 s instead of 13 ms. Both, because the greater of
    # conf/all and conf/IF wins for accept_dad.
    "accept_dad": "0",
    "dad_transmits": "0",
    # Nobody reads what the kernel would send here, so it shall not solicit routers either.
    "accept_ra": "0",
}
"""For a rank interface."""

HOLD_SETTINGS: Mapping[str, str] = {
    # Without a link-local address ospf6d keeps the interface down even if it ever had carrier.
    "addr_gen_mode": "1",
    "accept_dad": "0",
    "dad_transmits": "0",
    "accept_ra": "0",
}
"""For the hold."""


def apply(name: str, settings: Mapping[str, str]) -> None:
    """Set them; where that cannot be done, warn.

    No error, since the worst of it is that announcing over IPv6 takes longer: a container often
    has /proc/sys read-only, and a host without IPv6 has none of these.

    Args:
        name: the interface.
        settings: file names under ``/proc/sys/net/ipv6/conf/NAME`` and their values.
    """
    if not _CONF.is_dir():
        return
    for key, value in settings.items():
        path = _CONF / name / key
        try:
            # Reading is always permitted; writing what is there already may not be.
            if path.read_text().strip() != value:
                path.write_text(value)
        except OSError as error:
            _log.warning("sysctl-failed", {"path": path, "value": value, "detail": error.strerror})
