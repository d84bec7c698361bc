"""A volume carried on from one state of its files to the next, as libfsntfs and dissect.ntfs read it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from dissect.ntfs import NTFS

from testdata.builder import acl
from testdata.builder.change_journal import deletion
from testdata.builder.files import FileSpec
from testdata.builder.ntfs import NtfsError, build_ntfs, unavailable
from testdata.builder.ntfs_changes import change_ntfs
from tests.oracles import other_reader

pyfsntfs = other_reader("pyfsntfs", "libfsntfs-python")

_reason = unavailable()
pytestmark = pytest.mark.skipif(_reason is not None, reason=f"needs mkntfs (Debian package ntfs-3g): {_reason}")

SIZE = 8 << 20
LATER = datetime(2026, 11, 7, 9, 14, 22, tzinfo=UTC)
LARGE = bytes(range(250)) * 400
BEFORE = [
    FileSpec("folder/grows", b"1" * 100),
    FileSpec("folder/shrinks", LARGE),
    FileSpec("folder/gone", b"3" * 300),
    FileSpec("stays", LARGE),
    FileSpec("folder/old folder", None),
]
AFTER = [
    FileSpec("folder/grows", LARGE, modified=LATER),
    FileSpec("folder/shrinks", b"short", modified=LATER),
    FileSpec("stays", LARGE),
    FileSpec("new folder/deep/new", b"4" * 200, modified=LATER),
]


def changed(path: Path, **options: Any) -> Any:
    build_ntfs(BEFORE, path, SIZE, default_sd=acl.DEFAULT_SD)
    change_ntfs(path, BEFORE, AFTER, default_sd=acl.DEFAULT_SD, **options)
    volume = pyfsntfs.volume()
    volume.open(str(path))
    return volume


def entry(volume: Any, path: str) -> Any:
    return volume.get_file_entry_by_path("\\" + path.replace("/", "\\"))


def test_it_holds_what_it_shall(tmp_path: Path) -> None:
    volume = changed(tmp_path / "volume")
    for spec in AFTER:
        found = entry(volume, spec.path)
        assert found.read_buffer(found.size) == spec.data
        assert found.get_modification_time().replace(tzinfo=UTC) == spec.modified
    assert [entry(volume, path) for path in ("folder/gone", "folder/old folder")] == [None, None]
    folder = entry(volume, "folder")
    names = [folder.get_sub_file_entry(index).name for index in range(folder.number_of_sub_file_entries)]
    assert names == ["grows", "shrinks"]


def test_what_stays_is_where_it_was_and_a_new_file_takes_the_record_of_a_deleted_one(tmp_path: Path) -> None:
    build_ntfs(BEFORE, tmp_path / "before", SIZE, default_sd=acl.DEFAULT_SD)
    before = pyfsntfs.volume()
    before.open(str(tmp_path / "before"))
    after = changed(tmp_path / "after")
    for path in ("stays", "folder/grows", "folder/shrinks"):
        assert entry(after, path).file_reference == entry(before, path).file_reference
    assert entry(after, "stays").get_extent(0) == entry(before, "stays").get_extent(0)
    assert entry(after, "folder/shrinks").get_extent(0)[0] == entry(before, "folder/shrinks").get_extent(0)[0]
    gone = {entry(before, path).file_reference & 0xFFFF_FFFF for path in ("folder/gone", "folder/old folder")}
    new = {entry(after, path).file_reference for path in ("new folder", "new folder/deep")}
    assert {reference & 0xFFFF_FFFF for reference in new} == gone
    assert {reference >> 48 for reference in new} == {2}


def test_descriptors_are_those_of_the_volume(tmp_path: Path) -> None:
    volume = changed(tmp_path / "volume")
    for path in ("stays", "new folder", "new folder/deep/new"):
        assert entry(volume, path).security_descriptor_data == acl.DEFAULT_SD
    assert volume.get_root_directory().security_descriptor_data == acl.DEFAULT_SD


def test_journal_and_deleted_files_come_with_the_change(tmp_path: Path) -> None:
    left = FileSpec("folder/left behind", b"content that is no name's" * 100)
    changed(tmp_path / "volume", changes=deletion(LATER, "folder/gone", 900), deleted=[left])
    with (tmp_path / "volume").open("rb") as file:
        ntfs = NTFS(file)
        assert ntfs.usnjrnl is not None
        assert [(record.filename, record.timestamp) for record in ntfs.usnjrnl.records()] == [("gone", LATER)] * 2
        assert ntfs.mft is not None
        (record,) = [record for record in ntfs.mft.segments() if record.filename == "left behind"]
        assert record.header is not None
        assert not record.header.Flags & 1
    assert left.data is not None
    assert left.data in (tmp_path / "volume").read_bytes()


def test_the_same_change_writes_the_same_bytes(tmp_path: Path) -> None:
    options = {"changes": deletion(LATER, "folder/gone", 900), "deleted": [FileSpec("folder/left", b"x" * 900)]}
    for name in ("first", "second"):
        changed(tmp_path / name, **options)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


@pytest.mark.parametrize(
    "other",
    [
        replace(BEFORE[0], sd=acl.security_descriptor([])),
        replace(BEFORE[0], streams={"more": b"x"}),
        replace(BEFORE[0], data=None),
    ],
    ids=["rights", "streams", "a folder"],
)
def test_other_changes_are_refused(other: FileSpec, tmp_path: Path) -> None:
    build_ntfs(BEFORE, tmp_path / "volume", SIZE, default_sd=acl.DEFAULT_SD)
    with pytest.raises(NtfsError, match="folder/grows changes more than"):
        change_ntfs(tmp_path / "volume", BEFORE, [other, *BEFORE[1:]], default_sd=acl.DEFAULT_SD)
