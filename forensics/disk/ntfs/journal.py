"""The change journal of an NTFS volume, read in the pieces of it that are still there.

The journal is a sparse stream whose old part was given back: only its end lies in clusters. It can be larger than its
volume, so nothing but those is read.

References:
    https://learn.microsoft.com/windows/win32/fileio/change-journals
"""

from __future__ import annotations

import io
import re
import struct
from array import array
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from forensics.disk.ntfs.index import parse_file_name
from forensics.disk.ntfs.record import DATA
from forensics.disk.ntfs.stream import RunStream
from forensics.disk.ntfs.volume import NtfsVolume
from forensics.disk.tree import Unreadable
from forensics.formats.errors import FormatError
from forensics.formats.usn_record import DELETED, LONGEST_RECORD, NAME_AT, UsnRecord, parse_usn_record
from forensics.late_methods import dataclass

_EXTEND = 11
MAX_READ = 2 << 30
"""Work: bytes of one journal that are searched, counted from its end."""
_PAGE = 4096
_WINDOW = 4 << 20
_HEAD = struct.Struct("<IH")
_WITHOUT_SIGN = (1 << 63) - 1
_FILLED = re.compile(rb"[^\0]")


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
        self._begun: dict[int, array[int]] = {}
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
        for data, base, within in self._windows():
            for at in self._begins(data, base, within):
                found = self._parsed(data, at, base)
                if found is not None:
                    return found.record
        return None

    def named(self, names: Iterable[str]) -> Iterator[Found]:
        """Yield the records of files whose names begin so, and what follows of the same files under other names.

        They come in the order of the journal; capitals count.

        Raises:
            Unreadable: A part of the journal could not be got.
        """
        needles = tuple(name.encode("utf-16-le") for name in dict.fromkeys(names))
        if not needles:
            return
        shortest = min(map(len, needles))
        heads = {needle[:shortest] for needle in needles}
        followed: set[bytes] = set()
        v2, v3 = NAME_AT[2], NAME_AT[3]
        for data, base, within in self._windows():
            for at in self._begins(data, base, within):
                file = data[at + 8 : at + 16]
                name = at + v2 if data[at + 4] == 2 else at + v3
                if file in followed or (data[name : name + shortest] in heads and data.startswith(needles, name)):
                    found = self._parsed(data, at, base)
                    if found is not None:
                        followed.add(file)
                        yield found

    def deletions(self, folders: Iterable[int]) -> Iterator[Deletion]:
        """Yield each deletion in some folders, in the order of the journal.

        Args:
            folders: Their file references.

        Raises:
            Unreadable: A part of the journal could not be got.
        """
        wanted = {folder.to_bytes(8, "little"): folder for folder in folders}
        for data, base, within in self._windows():
            for at in self._begins(data, base, within):
                is_v2 = data[at + 4] == 2
                # DELETED is a bit of the second byte of the reason, which follows the time.
                if not data[at + (41 if is_v2 else 57)] & DELETED >> 8:
                    continue
                folder = wanted.get(data[at + 16 : at + 24] if is_v2 else data[at + 24 : at + 32])
                if folder is not None:
                    ticks = int.from_bytes(data[at + 32 : at + 40] if is_v2 else data[at + 48 : at + 56], "little")
                    yield Deletion(
                        base + at, folder, ticks & _WITHOUT_SIGN, int.from_bytes(data[at + 8 : at + 16], "little")
                    )

    def _windows(self) -> Iterator[tuple[bytes, int, int]]:
        """Yield what is searched piece by piece: bytes, where they lie, how many of them records may begin in."""
        for start, end in self._searched:
            for at in range(start, end, _WINDOW):
                data = self._read(at, min(end, at + _WINDOW + LONGEST_RECORD))
                if data != bytes(len(data)):
                    yield data, at, min(end - at, _WINDOW)

    def _begins(self, data: bytes, base: int, within: int) -> array[int]:
        """Return where in a window records begin that are whole in it.

        What is no record is passed over: the zeros that fill a page or a hole that a copy filled, and damage.
        """
        if base in self._begun:
            return self._begun[base]
        begins = array("I")
        add, head, last = begins.append, _HEAD.unpack_from, len(data) - 8
        at, within = 0, min(within, last)
        while at < within:
            size, version = head(data, at)
            if (version == 2 or version == 3) and 60 <= size <= LONGEST_RECORD and not size & 7:
                add(at)
                at += size
            elif size:
                at += 8
            else:
                filled = _FILLED.search(data, at + 8)
                at = filled.start() & ~7 if filled else within
        while begins and begins[-1] + _HEAD.unpack_from(data, begins[-1])[0] > len(data):
            begins.pop()
        self._begun[base] = begins
        return begins

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
