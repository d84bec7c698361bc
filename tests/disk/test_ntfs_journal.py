"""The change journal of a volume: only what lies in clusters, holes of any size, records of both versions."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest

from forensics.disk.ntfs.journal import ChangeJournal
from forensics.disk.tree import Unreadable
from testdata.builder.change_journal import Change, deletion, journal

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


def test_records_are_walked_around_a_byte_in_their_order() -> None:
    data = journal(changes(500), {"k": 42}, TB)
    read = ChangeJournal(Sparse(data), [(TB, TB + len(data))])
    (found, _) = sorted(read.named(["00000250"]), key=lambda f: f.offset)
    near = [f.record.name for f in read.around(found.offset, 0, 4096)]
    assert "00000250" in near
    assert near == sorted(near)


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
