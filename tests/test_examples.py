"""What ``help(forensics.examine)`` and a notebook's ``?`` show is run, and every function shows something."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import forensics
from tests.examined import examined
from tests.paths import IMAGES, PROJECT

FUNCTIONS = sorted(name for name in forensics.__all__ if inspect.isfunction(getattr(forensics, name)))
DISKS = {
    "disk": "sample",
    "before": "before-sysprep",
    "after": "sysprepped",
    "host": "hyperv-source",
    "new-host": "hyperv-target",
    "ca": "attest-ca",
    "laptop": "tpm-laptop",
}
FLEETS = ["fleet_run", "fleet_retry", "fleet_status", "open_fleet", "fleet_report"]
"""In the order in which one writes what the next reads."""
PACKS = ["new_rule", "lint_rules"]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def examples(name: str) -> doctest.DocTest:
    finder = doctest.DocTestFinder(recurse=False)
    [found] = finder.find(getattr(forensics, name), name, globs={})
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which the names that examples use are test disks."""
    folder = tmp_path_factory.mktemp("examples")
    for name, image in DISKS.items():
        (folder / f"{name}.vhdx").symlink_to(IMAGES / f"{image}.vhdx.xz")
    (folder / "password.txt").write_text("correct horse battery staple\n")
    examined("sample").save(folder / "case.sqlite")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


def _run(name: str) -> None:
    told: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    runner.run(examples(name), out=told.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(told)


def test_every_function_shows_an_example() -> None:
    assert [name for name in FUNCTIONS if not examples(name).examples] == []
    assert {*FLEETS, *PACKS} <= set(FUNCTIONS)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in {*FLEETS, *PACKS, "test_rules"}])
def test_an_example_shows_what_is(name: str, folder: Path) -> None:
    _run(name)


def test_the_example_of_testing_rules_shows_what_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one pack: tests/engine/test_loading.py tests all."""
    monkeypatch.setattr("forensics.engine.loader.built_in_packs", lambda: PROJECT / "rules" / "attestation")
    _run("test_rules")


@pytest.mark.parametrize("names", [FLEETS, PACKS], ids=["fleets", "packs"])
def test_examples_that_go_on_show_what_is(names: list[str], folder: Path) -> None:
    for name in names:
        _run(name)


def test_the_date_of_the_examples_is_that_of_the_disk() -> None:
    assert examined("sample").as_of == datetime(2026, 11, 22, tzinfo=UTC)
