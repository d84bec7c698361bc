"""The wheel holds what an installed keymortem needs: the package, its type marker, the rules and the licences."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
import zipfile

import pytest

import forensics
from tests.paths import PROJECT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(PROJECT)]
    if importlib.util.find_spec("hatchling") is not None:
        command.append("--no-build-isolation")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "Could not find a version that satisfies the requirement hatchling" in done.stderr:
        pytest.skip("pip cannot get the build backend (hatchling): no package index within reach")
    assert done.returncode == 0, done.stderr
    [path] = folder.iterdir()
    return zipfile.ZipFile(path)


def test_modules_rules_and_type_marker_are_in_it(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    modules = {p.relative_to(PROJECT).as_posix() for p in (PROJECT / "forensics").rglob("*.py")}
    rules = {f"forensics/{p.relative_to(PROJECT).as_posix()}" for p in (PROJECT / "rules").rglob("*") if p.is_file()}
    assert {"forensics/rules/LICENSE", "forensics/rules/README.md"} <= rules
    data = {p.relative_to(PROJECT).as_posix() for p in (PROJECT / "forensics" / "data").iterdir()}
    assert "forensics/data/windows_lifecycle.json" in data
    report = {p.relative_to(PROJECT).as_posix() for p in (PROJECT / "forensics/report/html").iterdir() if p.is_file()}
    assert {f"forensics/report/html/report.{kind}" for kind in ("css", "js", "html.j2")} <= report
    made = {"forensics/py.typed", "forensics/rules/compiled"}
    assert (modules | rules | data | report | made) <= names
    assert {name.split("/")[0] for name in names} == {"forensics", f"keymortem-{forensics.__version__}.dist-info"}


def test_metadata(wheel: zipfile.ZipFile) -> None:
    info = f"keymortem-{forensics.__version__}.dist-info"
    metadata = wheel.read(f"{info}/METADATA").decode()
    assert f"\nVersion: {forensics.__version__}\n" in metadata
    assert "\nLicense-Expression: AGPL-3.0-or-later\n" in metadata
    assert "keymortem = forensics.cli.main:main" in wheel.read(f"{info}/entry_points.txt").decode()
    assert b"GNU AFFERO GENERAL PUBLIC LICENSE" in wheel.read(f"{info}/licenses/LICENSE")
    assert b"Apache License" in wheel.read(f"{info}/licenses/rules/LICENSE")


_OF_USERS = ("archives", "fleet", "remote", "second-opinion", "shadow")
"""The extras that whoever examines may want; the others are for whoever works on this project, or in notebooks."""


def imported_modules() -> set[str]:
    nodes = [node for path in (PROJECT / "forensics").rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))]
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


def distribution(module: str) -> str:
    if module.startswith(("dissect.", "flow.")):
        return ".".join(module.split(".")[:2])
    names = {
        "Crypto": "pycryptodome",
        "yaml": "PyYAML",
        "prometheus_client": "prometheus-client",
        "jinja2": "Jinja2",
        "markupsafe": "MarkupSafe",
        "pyvshadow": "libvshadow-python",
        "backports": "backports.zstd",
        "compression": "backports.zstd",
    }
    return names.get(module.split(".")[0], module.split(".")[0])


def test_every_library_that_is_imported_is_named_in_the_project() -> None:
    """A library that only some other package drags in works until that package no longer does."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    # What an extra brings is asked for by name where it is missing, never silently left out.
    extras = project["optional-dependencies"]
    dependencies = [*project["dependencies"], *(name for extra in _OF_USERS for name in extras[extra])]
    named = {re.split(r"[>\[]", dependency)[0] for dependency in dependencies}
    imported = {distribution(module) for module in imported_modules()}
    assert "click" in imported
    assert imported - {*sys.stdlib_module_names, "forensics"} - named == set()
