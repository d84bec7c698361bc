"""The lock file covers what the project names, by hash and from nowhere in particular; CI calls targets that exist."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml

from tests.paths import PROJECT

LOCK = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
AUDIT_LOCK = (PROJECT / "audit.lock").read_text(encoding="utf-8")
FUZZ_LOCK = (PROJECT / "fuzz.lock").read_text(encoding="utf-8")
DOCS_LOCK = (PROJECT / "docs.lock").read_text(encoding="utf-8")
CONTAINER_LOCK = (PROJECT / "container.lock").read_text(encoding="utf-8")
LEAST = {"requirements": 100, "audit": 30, "fuzz": 0, "docs": 8, "container": 30}
LOCKS = {
    "requirements": LOCK,
    "audit": AUDIT_LOCK,
    "fuzz": FUZZ_LOCK,
    "docs": DOCS_LOCK,
    "container": CONTAINER_LOCK,
}
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
NAME = re.compile(r"[A-Za-z0-9._-]+")


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(lock: str = LOCK) -> dict[str, str]:
    """Blocks of a lock file by name; a name that is locked differently for other Pythons has them all."""
    blocks: dict[str, str] = {}
    for block in re.split(r"\n(?=\S)", lock):
        if not block.startswith("#"):
            name = plain(block.split("==")[0])
            blocks[name] = blocks.get(name, "") + block
    return blocks


@pytest.mark.parametrize("name", LOCKS)
def test_it_names_no_place(name: str) -> None:
    assert re.findall(r"://|index-url|find-links|file:", LOCKS[name]) == []


@pytest.mark.parametrize("name", LOCKS)
def test_every_version_is_pinned_and_has_hashes(name: str) -> None:
    blocks = locked(LOCKS[name])
    assert len(blocks) > LEAST[name]
    assert [each for each, block in blocks.items() if "==" not in block or "--hash=sha256:" not in block] == []


def test_what_audits_is_locked_by_itself() -> None:
    names = {plain(found[0]) for each in PYPROJECT["dependency-groups"]["audit"] if (found := NAME.match(each))}
    assert names == {"pip-audit", "cyclonedx-bom"}
    assert names <= set(locked(AUDIT_LOCK))
    assert not names & set(locked())


def test_what_fuzzes_is_locked_by_itself() -> None:
    """It has no wheel for most systems and Pythons, so nobody else's installation may rest on it."""
    assert [each.partition(">=")[0] for each in PYPROJECT["dependency-groups"]["fuzz"]] == ["atheris"]
    assert set(locked(FUZZ_LOCK)) == {"atheris"}
    assert "atheris" not in locked()


def test_what_builds_the_site_is_locked_by_itself() -> None:
    names = {plain(found[0]) for each in PYPROJECT["dependency-groups"]["docs"] if (found := NAME.match(each))}
    assert names == {"zensical", "pyyaml"}
    assert names <= set(locked(DOCS_LOCK))
    assert "zensical" not in locked()


def test_a_container_holds_what_is_tested_and_nothing_that_tests() -> None:
    project = PYPROJECT["project"]
    wanted = [*project["dependencies"], *(each for one in ("archives", "shadow") for each in _extra(one))]
    names = {plain(found[0]) for each in wanted if (found := NAME.match(each))}
    inside = locked(CONTAINER_LOCK)
    assert names <= set(inside)
    assert {name for name, block in inside.items() if block.split("==")[1].split()[0] not in LOCK} == set()
    assert {name for name in inside if name not in locked()} == set()
    # What of its licence is not cleared for a bundle: docs/licences.md.
    assert "impacket" not in inside
    assert not {"pytest", "hypothesis", "moto", "s3fs", "duckdb", "jupyter", "ruff"} & set(inside)


def _extra(name: str) -> list[str]:
    requirements: list[str] = PYPROJECT["project"]["optional-dependencies"][name]
    return requirements


def test_nothing_is_installed_without_its_hash_but_the_project_itself() -> None:
    """From the locks; the environments of the oldest and newest versions are those that no lock can name."""
    text = (PROJECT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    calls = [line.strip() for line in text.splitlines() if "$(PIP_INSTALL)" in line]
    assert [line for line in calls if "--require-hashes" not in line] == [
        ".venv-lowest/$(SCRIPTS)/python $(PIP_INSTALL) --requirement .venv-lowest/requirements.txt",
        ".venv-lowest/$(SCRIPTS)/python $(PIP_INSTALL) --no-deps --editable .",
        ".venv-newest/$(SCRIPTS)/python $(PIP_INSTALL) --editable '.[test]'",
        "$(BIN)/python $(PIP_INSTALL) 'mutmut>=3.8'",
        ".venv-dist/$(SCRIPTS)/python $(PIP_INSTALL) dist/*.whl",
        "$(BIN)/python $(PIP_INSTALL) --no-deps --no-build-isolation --editable .",
    ]


@pytest.mark.parametrize("group", ["dependencies", "test", "fleet", "remote", "second-opinion", "shadow", "build"])
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
    assert [name for name in named if ">=" not in name] == ["keymortem[archives,fleet,remote,second-opinion,shadow]"]


def test_the_hosted_workflow_calls_targets_of_the_makefile() -> None:
    text = (PROJECT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    matrix = jobs["test"]["strategy"]["matrix"]
    assert matrix["os"] == ["ubuntu", "macos", "windows"]
    assert matrix["python"] == ["3.11", "3.12", "3.13", "3.14"]
    called = set(re.findall(r"make ([a-z-]+)", text)) | set(jobs["ranges"]["strategy"]["matrix"]["target"])
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert called == {"demo", "test", "lint", "audit", "fuzz", "check-dist", "site", "test-lowest", "test-newest"}
    assert called <= targets
