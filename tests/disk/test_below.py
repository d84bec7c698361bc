"""What lies below a folder is looked at up to a bound, however much a user, or whoever made it, put there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from forensics.disk.below import Below
from forensics.engine import loader
from forensics.engine.loader import load_packs
from forensics.engine.rule import RulePackError


def made(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def names(below: Below, folder: Path) -> list[str]:
    return [Path(entry.path).relative_to(folder).as_posix() for entry in below]


def test_files_of_all_folders_are_yielded_in_their_order(tmp_path: Path) -> None:
    made(tmp_path, "b", "a", "one/d", "one/c", "two/e")
    below = Below(tmp_path, 7)
    assert names(below, tmp_path) == ["a", "b", "two/e", "one/c", "one/d"]
    assert not below.is_cut


@pytest.mark.parametrize("most", range(7))
def test_no_more_names_are_looked_at_than_allowed(tmp_path: Path, most: int) -> None:
    made(tmp_path, "b", "a", "one/d", "one/c", "two/e")
    below = Below(tmp_path, most)
    assert len(names(below, tmp_path)) <= most
    assert below.is_cut


def test_folders_without_files_count(tmp_path: Path) -> None:
    """A million empty folders hold no file, and take as long to look through."""
    for number in range(20):
        (tmp_path / str(number)).mkdir()
    below = Below(tmp_path, 10)
    assert names(below, tmp_path) == []
    assert below.is_cut


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_links_are_yielded_and_not_entered(tmp_path: Path) -> None:
    made(tmp_path, "folder/a")
    (tmp_path / "folder" / "up").symlink_to(tmp_path, target_is_directory=True)
    assert names(Below(tmp_path, 100), tmp_path) == ["folder/a", "folder/up"]


def test_what_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert names(Below(tmp_path / "gone", 100), tmp_path) == []


def test_a_folder_of_rules_with_too_much_in_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, *(f"{number}.txt" for number in range(11)))
    monkeypatch.setattr(loader, "MOST_NAMES", 10)
    with pytest.raises(RulePackError) as raised:
        load_packs([tmp_path], built_in=False)
    assert [(problem.path, problem.message) for problem in raised.value.problems] == [
        (tmp_path, "more than 10 files and folders: name the folder of the rules alone")
    ]


def test_no_more_rule_files_are_asked_for_than_a_pack_may_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, *(f"{number}.yaml" for number in range(20)))
    monkeypatch.setattr(loader, "MOST_FILES", 10)
    with pytest.raises(RulePackError) as raised:
        load_packs([tmp_path], built_in=False)
    assert [problem.message for problem in raised.value.problems] == ["more than 10 rule files in one pack"]
