"""Deleted files that $MFT still describes, and what became of those that others have overwritten."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import pytest

from forensics.collectors.key_copies import KEY_NAMES
from forensics.disk.ntfs.deleted import DeletedFiles
from forensics.disk.ntfs.record import FileRecord
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.ntfs.tree import NtfsTree
from forensics.disk.tree import NotFound
from forensics.formats.capi_key import parse_capi_key_file
from tests.ntfs_surgery import RECORD, raw_disk

KEY = "4209c24da88321c2d1aa5b3e46e0c245_64023be8-9c1a-4eee-b6ec-0f951b6c7610"
PATH = f"ProgramData/Microsoft/Crypto/RSA/MachineKeys/{KEY} (deleted, file record 98)"
START = 1 << 20


def deleted_record_of(data: bytearray) -> int:
    """Return the offset of the record of the deleted key file."""
    wanted = KEY.encode("utf-16-le")
    return next(
        at
        for at in range(0, len(data), RECORD)
        if data[at : at + 4] == b"FILE" and wanted in data[at : at + RECORD] and not data[at + 22] & 1
    )


def tree_of(disk: Path) -> NtfsTree:
    reader = VolumeReader(disk.open("rb"), START)
    return NtfsTree(reader, reader.read_at(0, 512))


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    return raw_disk("cleaned-up", tmp_path / "disk.raw")


def test_a_deleted_key_file_is_found_whole(disk: Path) -> None:
    files = DeletedFiles(tree_of(disk).volume)
    (entry,) = (found for found in files.find(KEY_NAMES) if found is not None)
    assert (entry.path, entry.name, entry.size) == (PATH, KEY, 2229)
    assert parse_capi_key_file(files.open(entry).read()).container == "te-WebServer-web"
    assert files.security_descriptor(PATH) is not None
    assert files.entry(PATH) == entry
    with pytest.raises(NotFound):
        files.entry("other")


def test_one_whose_clusters_another_file_has_taken_is_not_offered(disk: Path) -> None:
    tree = tree_of(disk)
    volume = tree.volume
    record = volume.deleted_record(98)
    assert record is not None
    (lcn, _), *_ = next(a for a in record.attributes if a.type == 0x80).runs
    assert lcn is not None
    (bitmap_lcn, _), *_ = next(a for a in volume.record(6).attributes if a.type == 0x80).runs
    assert bitmap_lcn is not None
    with disk.open("r+b") as file:
        at = START + bitmap_lcn * volume.cluster + lcn // 8
        file.seek(at)
        byte = file.read(1)[0]
        assert not byte >> lcn % 8 & 1
        file.seek(at)
        file.write(bytes([byte | 1 << lcn % 8]))
    assert not list(DeletedFiles(tree_of(disk).volume).find(KEY_NAMES))


def test_where_the_free_clusters_are_not_known_the_search_says_so(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = tree_of(disk).volume
    whole = volume.stream

    def without_bitmap(record: FileRecord, type_code: int = 0x80, name: str = "") -> BinaryIO | None:
        return None if record is volume.record(6) else whole(record, type_code, name)

    monkeypatch.setattr(volume, "stream", without_bitmap)
    assert list(DeletedFiles(volume).find(KEY_NAMES)) == [None]


def test_one_whose_record_is_another_files_by_now_is_not_found(disk: Path) -> None:
    data = bytearray(disk.read_bytes())
    at = deleted_record_of(data)
    data[at + 22] |= 1  # in use again
    disk.write_bytes(data)
    assert not [found for found in DeletedFiles(tree_of(disk).volume).find(KEY_NAMES) if found and "98" in found.path]


def test_a_folder_that_is_gone_is_not_guessed(disk: Path) -> None:
    data = bytearray(disk.read_bytes())
    at = deleted_record_of(data)
    name = data.find(KEY.encode("utf-16-le"), at)
    data[name - 66 + 6] += 1  # sequence of the folder in $FILE_NAME
    disk.write_bytes(data)
    (entry,) = (found for found in DeletedFiles(tree_of(disk).volume).find(KEY_NAMES) if found is not None)
    assert entry.path == f"a deleted folder/{KEY} (deleted, file record 98)"
