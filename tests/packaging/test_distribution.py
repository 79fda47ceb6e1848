"""The sdist and the wheel: they have what they need, and run where nothing else of ours is."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from anycast_wrapper import __version__

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The tree as it would be checked out: building leaves files behind."""
    place = tmp_path_factory.mktemp("copy")
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    if tracked.returncode:
        pytest.skip("this is no checkout")
    names = [name for name in tracked.stdout.split("\0") if name and (ROOT / name).is_file()]
    listed = "\0".join(names)
    archive = subprocess.run(
        ["tar", "--null", "-T", "-", "-c"],
        cwd=ROOT,
        input=listed.encode(),
        capture_output=True,
        check=True,
    )
    subprocess.run(["tar", "-x", "-C", place], input=archive.stdout, check=True)
    return place


@pytest.fixture(scope="module")
def made(copy, tmp_path_factory):
    """The directory with the sdist, and the wheel that was made of it."""
    place = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--outdir", place, copy], check=True)
    return place


def test_the_wheel_has_all_of_the_package_and_nothing_else(copy, made):
    wheel = made / f"anycast_wrap-{__version__}-py3-none-any.whl"
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = copy / "anycast_wrapper"
    there = {str(path.relative_to(copy)) for path in package.rglob("*") if path.is_file()}
    assert inside == {name for name in there if not name.endswith(".pyc")}


def test_the_sdist_has_what_the_tests_and_the_package_need(made):
    with tarfile.open(made / f"anycast_wrap-{__version__}.tar.gz") as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    needed = {"run", "README.rst", "LICENSE", "CHANGELOG.rst", "docs/man/anycast-wrap.8"}
    needed |= {"contrib/frr/host.frr.conf", "debian/control", "tests/core/test_properties.py"}
    assert needed - inside == set()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_wheel_runs_in_an_environment_of_its_own(made, tmp_path):
    wheel = next(made.glob("*.whl"))
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "env"], check=True)
    pip = [tmp_path / "env/bin/python", "-m", "pip", "install", "--quiet", f"{wheel}[metrics,lab]"]
    subprocess.run(pip, check=True)
    environ = {**os.environ, "PYTHONPATH": ""}
    program = tmp_path / "env/bin/anycast-wrap"
    said = subprocess.run(
        [program, "--version"], env=environ, check=True, capture_output=True, text=True
    )
    assert said.stdout == f"anycast-wrap, version {__version__}\n"
    file = tmp_path / "one.toml"
    file.write_text('[[service]]\nname = "one"\naddresses = ["192.0.2.53"]\n')
    subprocess.run([program, "-c", file, "config", "check"], env=environ, check=True)
