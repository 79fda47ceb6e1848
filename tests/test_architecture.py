"""Arrows run down, the core is pure, adapters know neither each other nor the configuration.

The arrows are import-linter's contracts in pyproject.toml; what they cannot say is said here.
"""

import ast
import functools
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "anycast_wrapper"

MAY_KNOW_THE_CONFIGURATION = {
    *("__init__", "__main__", "cli", "config", "errors", "node", "probewiring", "track", "wiring"),
    *("comparing", "doctor", "observing", "reloading", "showing", "starting"),
}

CORE_MAY_USE = {"collections", "dataclasses", "enum", "ipaddress", "typing"}

HOME = {
    # library: where it may be imported
    "aiohttp": {"web"},
    "click": {"cli", "identify"},
    "dns": {"config", "identify", "questions", "lab"},
    "prometheus_client": {"telemetry"},
    "psutil": {"doctor", "nameserver", "lab", "telemetry"},
    "pydantic": {"config"},
    "pydantic_core": {"config"},
    "pyroute2": {"doctor", "kernel", "reroute", "gateway", "lab"},
    "rich": {"cli", "identify", "lab"},
}


def parts():
    """The modules and packages right below the package."""
    return {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()} - {
        "__pycache__",
        "py",
    }


@functools.cache
def imported():
    """For every part of the package, the top-level modules of others that it imports."""
    found = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found[part] |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found[part].add(node.module.split(".")[0])
    return found


def test_the_contracts_are_kept():
    program = Path(sys.executable).with_name("lint-imports")
    if not program.exists():
        pytest.skip("import-linter is not installed")
    done = subprocess.run(
        [program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


def test_no_part_is_forgotten_by_the_contract_about_the_configuration():
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (contract,) = (
        contract
        for contract in document["tool"]["importlinter"]["contracts"]
        if contract.get("forbidden_modules") == ["anycast_wrapper.config"]
    )
    named = {name.removeprefix("anycast_wrapper.") for name in contract["source_modules"]}
    assert named | MAY_KNOW_THE_CONFIGURATION == parts()


def test_the_core_uses_nothing_but_values():
    assert imported()["core"] <= CORE_MAY_USE


@pytest.mark.parametrize("library", HOME)
def test_a_library_stays_where_it_is_needed(library):
    users = {part for part, names in imported().items() if library in names}
    assert users <= HOME[library]


def test_nothing_else_is_needed_but_the_standard_library():
    others = set().union(*imported().values()) - set(sys.stdlib_module_names) - set(HOME)
    assert others == {"anycast_wrapper"}
