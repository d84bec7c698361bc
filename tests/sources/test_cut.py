"""A search that ended at a bound: a problem of the source, whose folder was seen in part only."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from forensics.registry import hive_cells, hive_key
from forensics.sources import guest_disks
from forensics.sources.guest_disks import read_guest_disks
from forensics.sources.open import open_source
from forensics.sources.searched_tree import SearchedTree
from forensics.sources.source import Source
from testdata.builder.regf import HiveWriter
from tests.collectors.virtual import CONFIG, installation, software_hive
from tests.memory_tree import MemoryTree

REG = 'Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SYSTEM\\Select]\r\n"Current"=dword:00000001\r\n'


def told(source: Source) -> list[tuple[str, str, str]]:
    return [(p.source_path, p.kind, p.message) for p in source.problems if p.kind in ("too_many", "too_large")]


def partial(source: Source) -> list[tuple[str, str, str, str | None]]:
    return [(c.area, c.name, c.source_path, c.detail) for c in source.coverage if c.outcome == "partial"]


def _hive(path: Path, writer: HiveWriter | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((writer or software_hive()).build())


def test_registry_exports_that_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        (tmp_path / f"{number}.reg").write_text(REG)
    monkeypatch.setattr("forensics.sources.reg_source._MAX_FILES", 2)
    message = "only the first 2 of 3 exports are read"
    with open_source(tmp_path) as source:
        assert len(source.installations) == 1
        assert told(source) == [(str(tmp_path), "too_many", message)]
        assert partial(source) == [("folder", "exports", str(tmp_path), message)]


@pytest.mark.parametrize(("bound", "value"), [("_MAX_FOLDERS", 2), ("_MAX_DEPTH", 1)])
def test_a_search_for_windows_that_ended_early(
    bound: str, value: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _hive(tmp_path / "a" / "Windows" / "System32" / "config" / "SOFTWARE")
    (tmp_path / "b" / "c" / "d" / "e").mkdir(parents=True)
    monkeypatch.setattr(f"forensics.sources.layout.{bound}", value)
    message = "too many folders, or too deep: the search for Windows did not look into all of them"
    with open_source(tmp_path) as source:
        assert told(source) == [(str(tmp_path), "too_large", message)]
        assert partial(source) == [("folder", "a", str(tmp_path), message)]


def test_members_of_an_archive_that_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "case.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{CONFIG}/SOFTWARE", software_hive().build())
        archive.writestr("Windows/a/b/c/d/e.txt", b"")
    monkeypatch.setattr("forensics.sources.archive_tree._MAX_DEPTH", 4)
    message = "1 member lies too deep, or there are too many in its folder: it is left out"
    with open_source(path) as source:
        assert told(source) == [(str(path), "too_many", message)]
        assert partial(source) == [("folder", "archive", str(path), message)]


def test_installations_that_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.sources.source.MAX_INSTALLATIONS", 1)
    for name in ("one", "two", "three"):
        _hive(tmp_path / name / "Windows" / "System32" / "config" / "SOFTWARE")
    message = "only the first 1 Windows installations are examined: name the others one by one"
    with open_source(tmp_path) as source:
        assert told(source) == [(str(tmp_path), "too_many", message)]
        assert partial(source) == [("folder", "Windows installations", str(tmp_path), message)]


def test_virtual_disks_that_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_disks, "MAX_GUEST_DISKS", 1)
    tree = MemoryTree({"a.vhdx": b"", "b.vhdx": b""})
    source = Source("memory")
    place = SearchedTree(tree, "memory", "partition 1")
    read_guest_disks(source, place, tree.entries(""), 1)
    message = "only the first 1 of 2 virtual disks are asked for BitLocker volumes"
    assert told(source) == [("partition 1/", "too_many", message)]
    assert partial(source) == [("folder", "virtual disks", "partition 1/", message)]


@pytest.mark.parametrize(
    ("module", "bound", "value", "kind"),
    [
        (hive_cells, "MAX_WORK", 40, "too_much_work"),
        (hive_cells, "MAX_VALUE_SIZE", 10, "too_large"),
        (hive_key, "MAX_DEPTH", 1, "too_deep"),
        (hive_key, "MAX_KEY_DATA", 10, "too_large"),
    ],
)
def test_a_hive_that_is_not_read_to_its_end_was_seen_in_part(
    module: object, bound: str, value: int, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, bound, value)
    software = HiveWriter("SOFTWARE")
    software.key("One\\Two\\Three").binary("v", bytes(100))
    for number in range(60):
        software.key(f"More\\{number}")
    examined = installation({}, {"SOFTWARE": software})
    hive = examined.hive("SOFTWARE")
    assert hive is not None
    waiting = [hive.key("")]
    while waiting:
        key = waiting.pop()
        if key is not None:
            list(key.values())
            waiting += key.subkeys()
    problem, *_ = [p for p in examined.problems if p.kind == kind]
    (row,) = [c for c in examined.coverage if c.area == "hive"]
    assert (row.name, row.outcome, row.detail) == ("SOFTWARE", "partial", problem.message)
    assert examined.hive_outcome("SOFTWARE").state == "partial"
    if kind == "too_much_work":
        assert not hive.covers("Nothing")
