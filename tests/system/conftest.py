"""What is here boots a machine: ``./run system``."""

from pathlib import Path

import pytest

from tests.system import image
from tests.system.namespaces import PYTHON, Contained
from tests.system.qemu import Emulated

HERE = Path(__file__).parent
BUILT = HERE.parents[1] / "dist"

START = (
    "cp /opt/test/anycast-wrap.toml /etc/anycast-wrap/anycast-wrap.toml && "
    "systemctl enable --quiet anycast-wrap && systemctl start anycast-wrap"
)
ANNOUNCED = "ip -n gateway route get 192.0.2.53 | grep -q 'via 192.168.53.11 '"
"""Of the machine: its gateway sends queries there."""


EMULATED = pytest.param("qemu", marks=pytest.mark.system)
"""With a kernel of its own, which knows dummies, and our package installed."""
CONTAINED = pytest.param("namespaces", marks=[pytest.mark.root, pytest.mark.lab])


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(1200))


@pytest.fixture(scope="session", params=[CONTAINED, EMULATED])
def machine(request, tmp_path_factory):
    """Booted, with neighbours, and named running by its own unit."""
    made = {"qemu": emulated, "namespaces": contained}
    machine = made[request.param](tmp_path_factory.mktemp("machine"))
    try:
        machine.switch_on()
        machine.until("systemctl is-active -q named")
        machine.until(
            "grep -q peer /run/load.log && vtysh -c 'show ip ospf neighbor' | grep -q Full"
        )
        yield machine
    finally:
        machine.remove()


def contained(folder):
    if not PYTHON.exists():
        pytest.skip(f"no {PYTHON} here: the system has another version than the tests")
    return Contained(folder)


def emulated(folder):
    packages = sorted(BUILT.glob("anycast-wrap_*.deb"))
    if not packages:
        pytest.skip("there is no package in dist: ./run deb")
    return Emulated(image.prepare(packages[-1]), folder)


@pytest.fixture
def serving(machine):
    """The machine, announcing, and not drained."""
    machine.run(START)
    machine.tried("anycast-wrap undrain")
    machine.until(ANNOUNCED)
    machine.until("tail -n 20 /run/load.log | grep -q host")
    return machine


@pytest.fixture
def tell(capsys):
    """Print a figure, whatever pytest keeps to itself."""

    def say(words):
        with capsys.disabled():
            print(f"\n    {words}")  # noqa: T201

    return say
