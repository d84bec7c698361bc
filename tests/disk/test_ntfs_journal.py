"""The change journal of a volume: only what lies in clusters, holes of any size, records of both versions."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from dissect.ntfs.usnjrnl import UsnJrnl

from forensics.disk.ntfs.journal import ChangeJournal
from forensics.disk.tree import Unreadable
from testdata.builder.change_journal import Change, deletion, journal, renaming
from tests.oracles import needs_shared
from tests.paths import REALDATA
from tests.time_bound import within

REAL = REALDATA / "shadow-copies" / "UsnJrnl.raw"
WHEN = datetime(2026, 11, 7, 9, 14, 22, tzinfo=UTC)
TB = 1 << 40


class Sparse(io.BytesIO):
    """A stream whose first terabyte is a hole that must not be read."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._data = data
        self._at = 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        assert whence == io.SEEK_SET
        self._at = offset
        return offset

    def read(self, size: int | None = -1, /) -> bytes:
        assert self._at >= TB, "the hole was read"
        data = self._data[self._at - TB : self._at - TB + (size or 0)]
        self._at += len(data)
        return data


def changes(count: int) -> list[Change]:
    return [
        change
        for number in range(count)
        for change in deletion(WHEN + timedelta(seconds=number), f"k/{number:08d}", 100 + number)
    ]


def test_a_hole_larger_than_the_volume_is_never_read() -> None:
    data = journal(changes(500), {"k": 42}, TB)
    read = ChangeJournal(Sparse(data), [(TB, TB + len(data))])
    first = read.first()
    assert first is not None
    assert (first.name, first.at, first.usn) == ("00000000", WHEN, TB)
    found = list(read.named(["00000123", "00000499"]))
    assert sorted({f.record.name for f in found}) == ["00000123", "00000499"]
    assert len(found) == 4
    assert not read.is_cut


def test_deletions_of_a_folder_come_in_their_order() -> None:
    mixed = [
        c for change in changes(500) for c in (change, replace(change, path=change.path.replace("k", "m"), version=3))
    ]
    data = journal(mixed, {"k": 42, "m": 43}, TB)
    read = ChangeJournal(Sparse(data), [(TB, TB + len(data))])
    (v3,) = {
        found.record.parent
        for found in read.named(["00000007"])
        if found.record.name and found.record.parent & 43 == 43
    }
    found = list(read.deletions([v3]))
    assert [deletion.file & 0xFFFFFFFF for deletion in found] == [100 + number // 2 for number in range(1000)]
    assert [deletion.offset for deletion in found] == sorted(deletion.offset for deletion in found)


def test_a_file_is_followed_under_its_next_names() -> None:
    data = journal(
        [*renaming(WHEN, "k/wanted", "k/old", 7), *deletion(WHEN, "k/old", 7), *deletion(WHEN, "k/old", 8)],
        {"k": 42},
        0,
    )
    found = list(ChangeJournal(io.BytesIO(data), [(0, len(data))]).named(["wanted"]))
    assert [f.record.name for f in found] == ["wanted", "old", "old", "old", "old"]


@pytest.mark.parametrize("before", [4096 * 3, 8 << 20, (8 << 20) + 512])
def test_a_copy_begins_with_the_zeros_of_what_was_given_back(before: int) -> None:
    data = bytes(before) + journal(changes(500), {"k": 42}, 1 << 30)
    read = ChangeJournal(io.BytesIO(data), [(0, len(data))], is_whole=False)
    first = read.first()
    assert first is not None
    assert first.name == "00000000"
    assert len(list(read.named(["00000499"]))) == 2


def test_lengths_that_lie_hide_no_more_than_a_record() -> None:
    data = bytearray(journal(changes(20), {"k": 42}, 0))
    data[0:4] = (0xFFFFFFF8).to_bytes(4, "little")
    data[80:84] = (8).to_bytes(4, "little")
    read = ChangeJournal(io.BytesIO(bytes(data)), [(0, len(data))])
    assert len(list(read.named(["000000"]))) == 38


def test_a_journal_of_millions_of_records_is_read_in_seconds() -> None:
    page = journal(changes(20), {"k": 42}, 0)[:4096]
    data = page * (25 << 8)
    names = [f"{number:032x}" for number in range(500)]
    read = ChangeJournal(io.BytesIO(data), [(0, len(data))], is_whole=False)
    with within(0.3):
        assert list(read.named(names)) == []


def test_a_name_in_other_bytes_is_no_record() -> None:
    data = bytearray(journal(changes(3), {"k": 42}, 0))
    name = "00000001".encode("utf-16-le")
    data[2048 : 2048 + len(name)] = name
    read = ChangeJournal(io.BytesIO(bytes(data)), [(0, len(data))])
    assert len(list(read.named(["00000001"]))) == 2


def test_a_record_that_lies_elsewhere_than_it_says_counts_in_a_copy_alone() -> None:
    data = journal(changes(3), {"k": 42}, 1 << 20)
    extents = [(0, len(data))]
    assert not list(ChangeJournal(io.BytesIO(data), extents).named(["00000001"]))
    assert len(list(ChangeJournal(io.BytesIO(data), extents, is_whole=False).named(["00000001"]))) == 2


def test_a_journal_that_ends_early_is_told() -> None:
    data = journal(changes(500), {"k": 42}, 0)
    with pytest.raises(Unreadable, match="the change journal ends at byte 4096"):
        list(ChangeJournal(io.BytesIO(data[:4096]), [(0, len(data))]).named(["00000499"]))


def test_of_a_huge_journal_the_end_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.disk.ntfs.journal.MAX_READ", 8192)
    data = journal(changes(500), {"k": 42}, 0)
    read = ChangeJournal(io.BytesIO(data), [(0, len(data))])
    assert read.is_cut
    assert not list(read.named(["00000001"]))
    assert len(list(read.named(["00000499"]))) == 2


def test_damage_between_records_hides_none() -> None:
    """Bytes that are no record, and one that says it is longer than it is, stand before what is looked for."""
    data = bytearray(journal(changes(20), {"k": 42}, 0))
    data[160:240] = b"\x02\0\0\0" * 20
    data[320:324] = (584).to_bytes(4, "little")
    read = ChangeJournal(io.BytesIO(bytes(data)), [(0, len(data))])
    assert [f.offset for f in read.named(["000000"])] == [80 * number for number in range(40) if number != 2]
    assert [d.offset for d in read.deletions([42 | 1 << 48])] == [80 * number for number in range(40) if number != 2]


def test_a_name_that_ends_before_what_follows_makes_it_longer_is_another() -> None:
    data = bytearray(journal(changes(3), {"k": 42}, 0))
    data[56:58] = (8).to_bytes(2, "little")
    read = ChangeJournal(io.BytesIO(bytes(data)), [(0, len(data))])
    assert [f.record.name for f in read.named(["00000000"])] == ["00000000"]


@pytest.mark.parametrize("version", [2, 3])
def test_hundreds_of_files_anywhere_are_followed_among_thousands(version: int) -> None:
    """Their references are so unlike that no pattern tells them from others."""
    numbers = [(number * 7919 + 13) % 200_003 for number in range(3000)]
    named = [Change(WHEN, f"k/{number:06x}", 0x100, number, version) for number in numbers]
    renamed = [Change(WHEN, f"k/was {number:06x}", 0x80000200, number, version) for number in numbers]
    data = journal([*named, *renamed], {"k": 42}, 0)
    wanted = numbers[::7]
    found = list(ChangeJournal(io.BytesIO(data), [(0, len(data))]).named([f"{number:06x}" for number in wanted]))
    assert [f.record.name for f in found] == [
        *(f"{number:06x}" for number in wanted),
        *(f"was {number:06x}" for number in wanted),
    ]


@needs_shared(REAL)
def test_a_piece_of_a_real_journal_is_searched_as_another_reader_lists_it() -> None:
    data = REAL.read_bytes()
    theirs = [(r.filename, int(r.record.Usn), r.record.Reason.value) for r in UsnJrnl(io.BytesIO(data)).records()]
    read = ChangeJournal(io.BytesIO(data), [(0, len(data))])
    first = read.first()
    assert first is not None
    assert first.name == theirs[0][0]
    found = [(f.record.name, f.offset, f.record.reason) for f in read.named({name for name, _, _ in theirs})]
    assert found == theirs
    folders = {f.record.parent for f in read.named({name for name, _, _ in theirs})}
    deleted = [offset for _, offset, reason in theirs if reason & 0x200]
    assert [deletion.offset for deletion in read.deletions(folders)] == deleted
