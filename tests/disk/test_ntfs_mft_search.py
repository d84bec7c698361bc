"""Files found by name in $MFT, against what was put on the volume."""

from __future__ import annotations

import re

import pytest

from forensics.disk.ntfs import mft_search
from forensics.disk.ntfs.tree import NtfsTree
from forensics.disk.tree import FindsNames, NameMark, WantedNames
from tests.disk import ntfs_fixture as fixture

NAMES = WantedNames(
    re.compile(r"[0-9a-f]{32}_[-0-9a-f]{36}"),
    (NameMark(re.compile(rb"_\0(?<=(?:[0-9a-f]\0){32}_\0)(?=(?:[-0-9a-f]\0){36})", re.IGNORECASE), 64, 138),),
)


def test_every_file_with_such_a_name(ntfs_tree: NtfsTree) -> None:
    assert isinstance(ntfs_tree, FindsNames)
    found = list(ntfs_tree.paths_named(NAMES, []))
    assert sorted(map(str, found)) == [f"{fixture.KEYS}/{fixture.key_name(n)}" for n in range(200)]


def test_a_folder_whose_files_are_not_wanted(ntfs_tree: NtfsTree) -> None:
    assert list(ntfs_tree.paths_named(NAMES, [fixture.KEYS.upper(), "no/such/folder"])) == []


def test_long_names_beside_short_ones(ntfs_tree: NtfsTree) -> None:
    name = "Component-{:05d}-with-a-rather-long-name.manifest"
    utf16 = NameMark(re.compile("-with-a-rather-long-name".encode("utf-16-le")), 0, 0)
    found = list(ntfs_tree.paths_named(WantedNames(re.compile(name.format(7)), (utf16,)), []))
    assert found == [f"many/{name.format(7)}"]


def test_what_is_not_searched_is_told(ntfs_tree: NtfsTree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mft_search, "MAX_SEARCHED", 32 << 10)
    found = list(ntfs_tree.paths_named(NAMES, []))
    assert found[-1] is None
    assert len(found) < 200
