"""The change journal of an NTFS volume, read in the pieces of it that are still there.

The journal is a sparse stream whose old part was given back: only its end lies in clusters. It can be larger than its
volume, so nothing but those is read. There are millions of records: those that are wanted are found by bytes that only
they hold, and no other is looked at.

References:
    https://learn.microsoft.com/windows/win32/fileio/change-journals
"""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from math import prod
from typing import BinaryIO, NamedTuple

from forensics.disk.ntfs.index import parse_file_name
from forensics.disk.ntfs.record import DATA
from forensics.disk.ntfs.stream import RunStream
from forensics.disk.ntfs.volume import NtfsVolume
from forensics.disk.tree import Unreadable
from forensics.formats.errors import FormatError
from forensics.formats.usn_record import (
    DELETED,
    FILE_AT,
    LONGEST_RECORD,
    NAME_AT,
    PARENT_AT,
    REASON_AT,
    TIME_AT,
    UsnRecord,
    parse_usn_record,
)
from forensics.language import sentence
from forensics.late_methods import dataclass

_EXTEND = 11
MAX_READ = 2 << 30
"""Work: bytes of one journal that are searched, counted from its end."""
_PAGE = 4096
_WINDOW = 1 << 20
_WITHOUT_SIGN = (1 << 63) - 1
_VERSION_AT = 4
_WORD = 8
"""Bytes that records are aligned to, and of a reference."""
_HEAD = 16
"""Bytes of a name by which it is searched for."""
_SIZES = {
    version: {
        (size | version << 32).to_bytes(_WORD, "little"): size
        for size in range(-(-name // _WORD) * _WORD, LONGEST_RECORD + 1, _WORD)
    }
    for version, name in NAME_AT.items()
}
"""By version the size of a record by its first bytes, which are the size and the version, 2.0 or 3.0."""
_ANY_FILE = [re.compile(b"\\x%02x\\0\\0\\0(.{8})" % version, re.DOTALL) for version in NAME_AT]
_ALIKE = 1 << 14
"""References that one pattern may fit before it is cheaper to see first which of the wanted ones a window holds."""


@dataclass(frozen=True, slots=True)
class Found:
    """A record, and the byte of the journal at which it lies."""

    offset: int
    record: UsnRecord


class Deletion(NamedTuple):
    """That a file of a folder was deleted: the byte of its record, its folder, the time as FILETIME, the file."""

    offset: int
    folder: int
    ticks: int
    file: int


def open_journal(volume: NtfsVolume) -> ChangeJournal | None:
    """Open $Extend\\$UsnJrnl:$J; None where the volume keeps no journal. Raises Unreadable."""
    for found in volume.index(volume.record(_EXTEND), "$I30").entries():
        if isinstance(found, Unreadable):
            raise found
        if parse_file_name(found.key).name == "$UsnJrnl":
            stream = volume.stream(volume.record(found.reference), DATA, "$J")
            if stream is None:
                return None
            extents = stream.extents() if isinstance(stream, RunStream) else [(0, stream.seek(0, io.SEEK_END))]
            return ChangeJournal(stream, extents)
    return None


class ChangeJournal:
    """A change journal.

    Args:
        stream: Its content.
        extents: First byte and end of each part that holds anything, in order.
        is_whole: Records lie at the byte that their number names; not where a copy left out what is empty.
    """

    def __init__(self, stream: BinaryIO, extents: Iterable[tuple[int, int]], *, is_whole: bool = True) -> None:
        self._stream = stream
        self._extents = [(start, end) for start, end in extents if end > start]
        self._is_whole = is_whole
        room = MAX_READ
        kept: list[tuple[int, int]] = []
        for start, end in reversed(self._extents):
            if room <= 0:
                break
            kept.append((max(start, (end - room) // _PAGE * _PAGE), end))
            room -= kept[-1][1] - kept[-1][0]
        self.is_cut = sum(end - start for start, end in kept) < sum(end - start for start, end in self._extents)
        self._searched = kept[::-1]

    def first(self) -> UsnRecord | None:
        """Return the oldest record that is searched; None where there is none."""
        for window in self._windows():
            for at, _ in window.begins(_by_version(dict.fromkeys(NAME_AT, b""))):
                if (found := self._parsed(window, at)) is not None:
                    return found.record
        return None

    def named(self, names: Iterable[str]) -> Iterator[Found]:
        """Yield the records of files whose names begin so, and what follows of the same files under other names.

        They come in the order of the journal; capitals count.

        Raises:
            Unreadable: A part of the journal could not be got.
        """
        wanted = dict.fromkeys(names)
        if not wanted:
            return
        head = min(_HEAD, *(2 * len(name) for name in wanted))
        by_head: defaultdict[bytes, tuple[str, ...]] = defaultdict(tuple)
        for name in wanted:
            by_head[name.encode("utf-16-le")[:head]] += (name,)
        by_name = _by_name(by_head)
        since: dict[bytes, int] = {}
        for window in self._windows():
            for at, version in window.begins(by_name):
                begins = by_head.get(window.data[at + NAME_AT[version] : at + NAME_AT[version] + head])
                found = None if begins is None else self._parsed(window, at)
                if begins is not None and found is not None and found.record.name.startswith(begins):
                    since.setdefault(window.field(at, FILE_AT[version]), found.offset)
            for at, version in window.begins(_by_file(window.files(since))):
                named_at = since.get(window.field(at, FILE_AT[version]))
                is_later = named_at is not None and named_at <= window.base + at
                if is_later and (found := self._parsed(window, at)) is not None:
                    yield found

    def deletions(self, folders: Iterable[int]) -> Iterator[Deletion]:
        """Yield each deletion in some folders, in the order of the journal.

        Args:
            folders: Their file references.

        Raises:
            Unreadable: A part of the journal could not be got.
        """
        wanted = {folder.to_bytes(_WORD, "little"): folder for folder in folders}
        deleted = _of_deletions(wanted)
        for window in self._windows():
            for at, version in window.begins(deleted):
                folder = wanted.get(window.field(at, PARENT_AT[version]))
                if folder is not None:
                    ticks = int.from_bytes(window.field(at, TIME_AT[version]), "little")
                    file = int.from_bytes(window.field(at, FILE_AT[version]), "little")
                    yield Deletion(window.base + at, folder, ticks & _WITHOUT_SIGN, file)

    def _windows(self) -> Iterator[_Window]:
        """Yield what is searched piece by piece."""
        for start, end in self._searched:
            for at in range(start, end, _WINDOW):
                data = self._read(at, min(end, at + _WINDOW + LONGEST_RECORD))
                if data != bytes(len(data)):
                    yield _Window(data, at, min(end - at, _WINDOW))

    def _parsed(self, window: _Window, at: int) -> Found | None:
        try:
            record = parse_usn_record(window.data, at)
        except FormatError:
            return None
        offset = window.base + at
        return Found(offset, record) if not self._is_whole or record.usn == offset else None

    def _read(self, start: int, end: int) -> bytes:
        self._stream.seek(start)
        data = self._stream.read(end - start)
        if len(data) != end - start and start + len(data) < end - LONGEST_RECORD:
            raise Unreadable(sentence("the change journal ends at byte {start}", start=start + len(data)))
        return data


class _Searched(NamedTuple):
    """Bytes that some records of a version hold.

    Attributes:
        version: The version.
        pattern: What every record holds, and behind that, looked at but not taken, what only some do.
        at: The byte of a record at which it begins.
    """

    version: int
    pattern: re.Pattern[bytes]
    at: int


class _Window(NamedTuple):
    """A piece of a journal.

    Attributes:
        data: The piece, and of what follows as much as a record may have.
        base: The byte of the journal at which it lies.
        within: Bytes of it in which records may begin.
    """

    data: bytes
    base: int
    within: int

    def field(self, at: int, field: int) -> bytes:
        """Return eight bytes of a record."""
        return self.data[at + field : at + field + _WORD]

    def begins(self, searched: Iterable[_Searched]) -> list[tuple[int, int]]:
        """Return where whole records begin that hold what is searched for, and their versions, in order."""
        found = []
        for version, pattern, field in searched:
            sizes = _SIZES[version]
            for match in pattern.finditer(self.data):
                at = match.start() - field
                if 0 <= at < self.within and not at % _WORD:
                    size = sizes.get(self.data[at : at + _WORD])
                    if size is not None and at + size <= len(self.data):
                        found.append((at, version))
        return sorted(found)

    def files(self, wanted: Mapping[bytes, object]) -> Collection[bytes]:
        """Return of some references of files those that records may hold; all, where few others are like them."""
        if prod(len(set(column)) for column in zip(*wanted, strict=True)) <= _ALIKE:
            return wanted.keys()
        return {file for any_file in _ANY_FILE for file in wanted.keys() & any_file.findall(self.data)}


def _by_version(behind: Mapping[int, bytes]) -> list[_Searched]:
    """Search for records by what stands behind their version, from the reference of the file on."""
    return [
        _Searched(version, re.compile(b"\\x%02x\\0\\0\\0(?=%b)" % (version, pattern), re.DOTALL), _VERSION_AT)
        for version, pattern in behind.items()
    ]


def _by_name(heads: Collection[bytes]) -> list[_Searched]:
    """Search for records whose names may begin so; where a name begins is told by the two bytes before it."""
    return [
        _Searched(version, re.compile(b"\\x%02x\\0(?=%b)" % (at, _like(heads))), at - 2)
        for version, at in NAME_AT.items()
    ]


def _by_file(files: Collection[bytes]) -> list[_Searched]:
    """Search for records of files that may have these references."""
    return _by_version(dict.fromkeys(NAME_AT, _like(files))) if files else []


def _of_deletions(folders: Collection[bytes]) -> list[_Searched]:
    """Search for records of deletions in folders that may have these references."""
    # DELETED is a bit of the second byte of the reason.
    deleted = _like([bytes([bits]) for bits in range(256) if bits & DELETED >> 8])
    return _by_version(
        {
            version: b".{%d}%b.{%d}%b"
            % (at - FILE_AT[version], _like(folders), REASON_AT[version] + 1 - at - _WORD, deleted)
            for version, at in PARENT_AT.items()
            if folders
        }
    )


def _like(wanted: Collection[bytes]) -> bytes:
    """Return a pattern that fits some bytes and few others: at each place any that one of them has there."""
    columns = zip(*wanted, strict=True)
    return b"".join(b"[%b]" % b"".join(b"\\x%02x" % byte for byte in sorted(set(column))) for column in columns)
