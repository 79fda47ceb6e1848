"""systemd's units, NetworkManager and systemd-networkd, where they run."""

import fnmatch
from collections.abc import Collection, Iterator
from pathlib import Path

from anycast_wrapper.doctor.facts import Absent, Networkd, Unit, Unknown

from .running import Ran, run

NAME_SERVERS = ("named", "bind9", "named-chroot", "unbound", "nsd", "knot", "kresd@1", "pdns")
UNITS = ("anycast-wrap", *NAME_SERVERS, "pdns-recursor", "dnsmasq")

_PROPERTIES = "Id,LoadState,UnitFileState,ActiveState,KillMode,TimeoutStopUSec"
_NO_SYSTEMD = Absent("systemd does not run here")
_SPANS = {"min": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def here() -> bool:
    """Whether systemd is what runs this host (sd_booted(3))."""
    return Path("/run/systemd/system").is_dir()


async def units() -> tuple[Unit, ...] | Unknown | Absent:
    """Our unit and those of name servers, as far as they are installed."""
    if not here():
        return _NO_SYSTEMD
    names = [f"{name}.service" for name in UNITS]
    ran = await run(("systemctl", "show", "--no-pager", "-p", _PROPERTIES, "--", *names))
    if not isinstance(ran, Ran):
        return ran
    if ran.code and not ran.output:
        return Unknown(f"systemctl: {ran.complaint}")
    return tuple({unit.name: unit for unit in read_units(ran.output)}.values())


def read_units(text: str) -> Iterator[Unit]:
    """What ``systemctl show`` prints: KEY=VALUE, a blank line between two units."""
    for paragraph in text.split("\n\n"):
        pairs = dict(line.partition("=")[::2] for line in paragraph.splitlines())
        if pairs.get("LoadState") in ("loaded", "masked") and pairs.get("Id"):
            yield Unit(
                name=pairs["Id"],
                enabled=pairs.get("UnitFileState") in ("enabled", "enabled-runtime"),
                active=pairs.get("ActiveState") in ("active", "reloading", "activating"),
                kill_mode=pairs.get("KillMode", ""),
                stop_seconds=span(pairs.get("TimeoutStopUSec", "")),
            )


def span(text: str) -> float | None:
    """Seconds of a time span of systemd.time(7), such as ``1min 30s``; None for ``infinity``."""
    seconds = 0.0
    for part in text.split():
        digits = part.rstrip("abcdefghijklmnopqrstuvwxyz")
        try:
            seconds += float(digits) * _SPANS[part[len(digits) :]]
        except (KeyError, ValueError):
            return None
    return seconds if text.split() else None


async def network_manager(ours: Collection[str]) -> frozenset[str] | Unknown | Absent:
    """Those of our interfaces that exist and that NetworkManager manages."""
    if not _manages():
        return Absent("NetworkManager does not run here")
    ran = await run(("nmcli", "-t", "-f", "DEVICE,STATE", "device"))
    if not isinstance(ran, Ran):
        return ran
    if ran.code:
        return Unknown(f"nmcli: {ran.complaint}")
    return managed(ran.output, ours)


def _manages() -> bool:
    return Path("/run/NetworkManager").is_dir()


def managed(text: str, ours: Collection[str]) -> frozenset[str]:
    """What ``nmcli -t`` prints: DEVICE:STATE; what others have set up is left alone."""
    pairs = (line.rpartition(":")[::2] for line in text.splitlines())
    alone = ("unmanaged", "connected (externally)")
    return frozenset(name for name, state in pairs if name in ours and state not in alone)


def networkd(ours: Collection[str], root: Path = Path("/")) -> Networkd | Absent:
    """What systemd-networkd would do with our interfaces, by its files (systemd.network(5))."""
    if not (root / "run/systemd/netif/state").exists():
        return Absent("systemd-networkd does not run here")
    places = ("etc", "run", "usr/local/lib", "usr/lib", "lib")
    files: dict[str, Path] = {}
    for place in places:
        for path in sorted((root / place / "systemd/network").glob("*.network")):
            files.setdefault(path.name, path)
    matched: dict[str, str] = {}
    for _, path in sorted(files.items()):
        settings = list(_settings(path))
        names = [v for s, k, v in settings if (s, k) == ("Match", "Name")]
        others = [k for s, k, _ in settings if s == "Match" and k != "Name"]
        unmanaged = ("Link", "Unmanaged", "yes") in settings
        for name in ours:
            # A file that matches by something else too (a type, a driver) mostly is not for us.
            if name not in matched and not others and any(_fits(name, one) for one in names):
                matched[name] = "" if unmanaged else str(path)
    confs = [root / "usr/lib/systemd/networkd.conf", root / "etc/systemd/networkd.conf"]
    for place in places[::-1]:
        confs += sorted((root / place / "systemd/networkd.conf.d").glob("*.conf"))
    foreign = [v for conf in confs for _, k, v in _settings(conf) if k == "ManageForeignRoutes"]
    drops = not foreign or foreign[-1].lower() in ("yes", "true", "1", "on")
    return Networkd({n: f for n, f in matched.items() if f}, drops_routes=drops)


def _fits(name: str, patterns: str) -> bool:
    words = patterns.split()
    if words and words[0].startswith("!"):
        return not any(fnmatch.fnmatchcase(name, word.removeprefix("!")) for word in words)
    return any(fnmatch.fnmatchcase(name, word) for word in words)


def _settings(path: Path) -> Iterator[tuple[str, str, str]]:
    """Section, key and value of each line."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif "=" in line and not line.startswith(("#", ";")):
            key, _, value = line.partition("=")
            yield section, key.strip(), value.strip()
