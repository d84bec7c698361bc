"""The lock file covers what the project names, by hash and from nowhere in particular; CI calls targets that exist."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml

from tests.paths import PROJECT

LOCK = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
NAME = re.compile(r"[A-Za-z0-9._-]+")


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> dict[str, str]:
    """Blocks of the lock file by name; a name that is locked differently for other Pythons has them all."""
    blocks: dict[str, str] = {}
    for block in re.split(r"\n(?=\S)", LOCK):
        if not block.startswith("#"):
            name = plain(block.split("==")[0])
            blocks[name] = blocks.get(name, "") + block
    return blocks


def test_it_names_no_place() -> None:
    assert re.findall(r"://|index-url|find-links|file:", LOCK) == []


def test_every_version_is_pinned_and_has_hashes() -> None:
    assert len(locked()) > 100
    unpinned = [name for name, block in locked().items() if "==" not in block or "--hash=sha256:" not in block]
    assert unpinned == []


@pytest.mark.parametrize("group", ["dependencies", "test", "fleet", "remote", "shadow", "build"])
def test_it_covers_what_the_project_names(group: str) -> None:
    project = PYPROJECT["project"]
    named = {
        "dependencies": project["dependencies"],
        "build": [*PYPROJECT["dependency-groups"]["build"], *PYPROJECT["build-system"]["requires"]],
    }
    requirements = named.get(group) or project["optional-dependencies"][group]
    names = {plain(found[0]) for requirement in requirements if (found := NAME.match(requirement))}
    assert len(names) == len(set(requirements))
    assert names - {"keymortem"} - set(locked()) == set()


def test_every_requirement_has_a_lower_bound() -> None:
    project = PYPROJECT["project"]
    extras = [requirement for extra in project["optional-dependencies"].values() for requirement in extra]
    named = [*project["dependencies"], *extras, *PYPROJECT["dependency-groups"]["build"]]
    assert [name for name in named if ">=" not in name] == ["keymortem[archives,fleet,remote,shadow]"]


def test_the_hosted_workflow_calls_targets_of_the_makefile() -> None:
    text = (PROJECT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    matrix = jobs["test"]["strategy"]["matrix"]
    assert matrix["os"] == ["ubuntu", "macos", "windows"]
    assert matrix["python"] == ["3.11", "3.12", "3.13", "3.14"]
    called = set(re.findall(r"make ([a-z-]+)", text)) | set(jobs["ranges"]["strategy"]["matrix"]["target"])
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert called == {"demo", "test", "lint", "check-dist", "test-lowest", "test-newest"}
    assert called <= targets
