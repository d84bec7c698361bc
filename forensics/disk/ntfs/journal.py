"""The change journal of an NTFS volume, read in the pieces of it that are still there.

The journal is a sparse stream whose old part was given back: only its end lies in clusters. It can be larger than its
volume, so nothing but those is read.

References:
    https://learn.microsoft.com/windows/win32/fileio/change-journals
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from forensics.disk.ntfs.index import parse_file_name
from forensics.disk.ntfs.record import DATA
from forensics.disk.ntfs.stream import RunStream
from forensics.disk.ntfs.volume import NtfsVolume
from forensics.disk.tree import Unreadable
from forensics.formats.errors import FormatError
from forensics.formats.usn_record import LONGEST_RECORD, NAME_AT, UsnRecord, parse_usn_record
from forensics.late_methods import dataclass

_EXTEND = 11
MAX_READ = 2 << 30
"""Work: bytes of one journal that are searched, counted from its end."""
_PAGE = 4096
_WINDOW = 4 << 20


@dataclass(frozen=True, slots=True)
class Found:
    """A record, and the byte of the journal at which it lies."""

    offset: int
    record: UsnRecord


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
        for start, end in self._searched:
            for found in self._records(start, min(end, start + _WINDOW)):
                return found.record
        return None

    def named(self, names: Iterable[str]) -> Iterator[Found]:
        """Yield the records of files whose names begin so, in no order; capitals count.

        Raises:
            Unreadable: A part of the journal could not be got.
        """
        needles = [name.encode("utf-16-le") for name in dict.fromkeys(names)]
        for start, end in self._searched:
            for at in range(start, end, _WINDOW):
                data = self._read(at, min(end, at + _WINDOW + LONGEST_RECORD))
                within = min(end, at + _WINDOW) - at
                yield from (f for needle in needles for f in self._hits(data, at, within, needle))

    def around(self, offset: int, before: int, after: int) -> Iterator[Found]:
        """Yield the records in a neighbourhood of a byte, in their order.

        Args:
            offset: The byte.
            before: Bytes before it.
            after: Bytes behind it.
        """
        for start, end in self._searched:
            if start <= offset < end:
                yield from self._records(max(start, (offset - before) // _PAGE * _PAGE), min(end, offset + after))

    def _hits(self, data: bytes, base: int, within: int, needle: bytes) -> Iterator[Found]:
        at = data.find(needle)
        while at >= 0:
            for version, name_at in NAME_AT.items():
                begins = at - name_at
                if 0 <= begins < within and begins % 8 == 0 and data[begins + 4 : begins + 6] == bytes([version, 0]):
                    found = self._parsed(data, begins, base)
                    if found is not None:
                        yield found
            at = data.find(needle, at + 2)

    def _records(self, start: int, end: int) -> Iterator[Found]:
        """Walk records page by page: none crosses a page, and what follows the last one of a page is zero."""
        for page in range(start, end, _PAGE):
            data = self._read(page, min(page + _PAGE, end))
            at = 0
            while at + 8 <= len(data):
                found = self._parsed(data, at, page)
                if found is None:
                    break
                yield found
                at += found.record.size

    def _parsed(self, data: bytes, at: int, base: int) -> Found | None:
        try:
            record = parse_usn_record(data, at)
        except FormatError:
            return None
        return Found(base + at, record) if not self._is_whole or record.usn == base + at else None

    def _read(self, start: int, end: int) -> bytes:
        self._stream.seek(start)
        data = self._stream.read(end - start)
        if len(data) != end - start and start + len(data) < end - LONGEST_RECORD:
            raise Unreadable(f"the change journal ends at byte {start + len(data)}")
        return data
