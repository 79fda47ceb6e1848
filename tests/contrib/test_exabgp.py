"""The files for ExaBGP, as ExaBGP 4 and 5 read them, and as anycast-wrap speaks of them."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from anycast_wrapper.config.load import parse
from anycast_wrapper.core.model import Rank
from anycast_wrapper.exabgp import Watchdogs
from anycast_wrapper.lab.exabgp import find_exabgp

FILES = ("exabgp.conf", "exabgp-watchdog.conf")
ASK = {4: ("--validate",), 5: ("validate",)}
TRUE = shutil.which("true") or "/bin/true"


@pytest.mark.parametrize("version", ASK)
@pytest.mark.parametrize("name", FILES)
def test_exabgp_takes_it(name, version, contrib, tmp_path):
    program = find_exabgp(version)
    if program is None:
        reason = f"there is no ExaBGP {version} here"
        if os.environ.get("CI") == "true" or os.environ.get("ANYCAST_LAB_REQUIRED") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    text = (contrib / "exabgp" / name).read_text()
    assert "run /usr/bin/anycast-wrap exabgp;" in text
    file = tmp_path / name
    # It looks whether the program is there.
    file.write_text(text.replace("/usr/bin/anycast-wrap", TRUE))
    done = subprocess.run(
        [program, *ASK[version], str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    broken = tmp_path / "broken.conf"
    broken.write_text(file.read_text().replace("router-id", "rooter-id"))
    done = subprocess.run(
        [program, *ASK[version], str(broken)], capture_output=True, timeout=60, check=False
    )
    assert done.returncode != 0, "it takes anything"


def test_the_configuration_is_good_and_its_services_have_the_watchdogs(contrib: pathlib.Path):
    text = (contrib / "exabgp" / "anycast-wrap.toml").read_text()
    (service,) = parse(text, "it").services
    routes = (contrib / "exabgp" / "exabgp-watchdog.conf").read_text()
    found = set(re.findall(r"route (\S+)/\d+ .* watchdog (\S+) withdraw;", routes))
    names = {line.split()[-1] for rank in Rank for line in Watchdogs().lines(service.name, rank)}
    assert found == {(str(a), name) for a in service.addresses for name in names}
