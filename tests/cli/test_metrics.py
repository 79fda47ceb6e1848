"""The extra ``metrics``: needed by those who want it, and by nobody else."""

import subprocess
import sys

import pytest

from anycast_wrapper.cli import exits
from anycast_wrapper.cli.checking import check_metrics
from anycast_wrapper.cli.exits import Exit, NotInstalledError
from anycast_wrapper.config.load import parse

from .program import ENVIRON

SERVICE = '[[service]]\nname = "a"\naddresses = ["192.0.2.53"]\n'
LISTENING = parse(f'[metrics]\nlisten = "127.0.0.1:9153"\n{SERVICE}', "f")


def test_without_the_extra_a_start_says_which_it_is():
    with pytest.raises(NotInstalledError) as caught:
        check_metrics(LISTENING.metrics, {"aiohttp": object()}.get)
    assert "metrics.listen is set, but prometheus_client cannot be imported" in str(caught.value)
    assert "pip install 'anycast-wrap[metrics]'" in str(caught.value)
    assert exits.of(caught.value) is Exit.NOT_INSTALLED


def test_who_does_not_listen_needs_no_extra():
    check_metrics(parse(SERVICE, "f").metrics, {}.get)
    check_metrics(LISTENING.metrics)


def test_nothing_of_the_extra_is_imported_unless_it_is_wanted():
    code = """
import sys
from pathlib import Path
import anycast_wrapper.cli.start, anycast_wrapper.cli.status
from anycast_wrapper.config.load import parse
from anycast_wrapper.node import Node
node = lambda text: Node(parse(text + sys.argv[1], "f"), Path("f"), {})
node("")
assert not {"aiohttp", "prometheus_client"} & sys.modules.keys(), "imported without need"
node('[metrics]\\nlisten = "127.0.0.1:9153"\\n')
assert {"aiohttp", "prometheus_client"} <= sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code, SERVICE], env=ENVIRON, check=True)
