"""What an NTFS volume still says of files that are gone: their deleted records, and remains of names in their folders.

A remain is told only where its structure is whole, and where it names the very folder in whose index it lies: clusters
of one index are used again by another.

References:
    Linux kernel fs/ntfs/layout.h (INDEX_HEADER, FILE_NAME_ATTR, STANDARD_INFORMATION).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from datetime import datetime
from typing import BinaryIO

from forensics.disk.ntfs.index import DOS_NAME, parse_file_name
from forensics.disk.ntfs.mft_search import names_in, numbers_named
from forensics.disk.ntfs.names import NUMBER
from forensics.disk.ntfs.record import (
    BITMAP,
    FILE_NAME,
    INDEX_ALLOCATION,
    INDEX_ROOT,
    STANDARD_INFORMATION,
    FileRecord,
    apply_fixups,
)
from forensics.disk.ntfs.volume import NtfsVolume
from forensics.disk.tree import Unreadable, WantedNames
from forensics.formats.errors import FormatError
from forensics.formats.filetime import filetime
from forensics.late_methods import dataclass

_MAX_INDEX = 64 << 20
"""Work: bytes of the index of one folder in which remains are looked for."""
_MAX_MAP = 1 << 20
"""Work: bytes of the map of used nodes of one index."""
_MAX_NODE = 1 << 16
"""Format: bytes of one node of an index."""
_NAME_AT = 66
"""Where the name stands in a $FILE_NAME structure."""
_ROOT_HEADER, _NODE_HEADER = 16, 24
"""Where the header of the entries stands in the root of an index, and in another node."""
_NAMESPACES = 3


@dataclass(frozen=True, slots=True)
class FileTimes:
    """Times of a file, UTC; None for one that is none.

    Attributes:
        created: When it was made, as its own attribute has it: whoever restores a file may set that back.
        modified: When its content was changed.
        changed: When its record was changed, which Windows itself notes.
    """

    created: datetime | None
    modified: datetime | None
    changed: datetime | None


@dataclass(frozen=True, slots=True)
class Trace:
    """A file that was there once.

    Attributes:
        name: Its name.
        folder: File reference of the folder in which it lay.
        times: The times that the trace carries.
        place: Where the trace was read, for people.
    """

    name: str
    folder: int
    times: FileTimes
    place: str


class FileTraces:
    """Reads the traces of a volume.

    Args:
        volume: The volume.
    """

    def __init__(self, volume: NtfsVolume) -> None:
        self._volume = volume

    @property
    def is_dirty(self) -> bool:
        """The volume is marked dirty: its $LogFile holds changes that were not finished."""
        return self._volume.is_dirty

    def deleted(self, wanted: WantedNames) -> Iterator[Trace | None]:
        """Yield the deleted files with a wanted name whose record nobody has used again; their content may be gone.

        None stands for a part of $MFT that was not searched.
        """
        for number in numbers_named(self._volume, wanted):
            if number is None:
                yield None
            else:
                yield from self._of_record(number, wanted)

    def in_index(self, folder: int, wanted: WantedNames) -> Iterator[Trace | None]:
        """Yield the remains of wanted names in the index of a folder, those of names that are there now among them.

        Args:
            folder: File reference of the folder.
            wanted: The names.

        Yields:
            A trace; None where the index was not searched whole.
        """
        number = folder & NUMBER
        try:
            record = self._volume.record(folder)
            own = number | record.sequence << 48
            for data, place in self._unused(record, number):
                for at in names_in(data, wanted):
                    trace = _remain(data, at - _NAME_AT, own, place)
                    if trace is not None and wanted.fit(trace.name):
                        yield trace
            if _size_of_index(record) > _MAX_INDEX:
                yield None
        except Unreadable:
            yield None

    def times(self, file: int) -> tuple[FileTimes, FileTimes] | None:
        """Return the times of a file, and those that it had when it got its name; None where they cannot be read.

        Args:
            file: File reference.
        """
        try:
            record = self._volume.record(file)
        except Unreadable:
            return None
        own = _own_times(record)
        for attribute in record.attributes:
            value = attribute.value or b""
            if attribute.type == FILE_NAME and len(value) > _NAME_AT and value[65] != DOS_NAME:
                return (own, _times(value, 8)) if own is not None else None
        return None

    def _of_record(self, number: int, wanted: WantedNames) -> Iterator[Trace | None]:
        try:
            record = self._volume.deleted_record(number)
        except Unreadable:
            yield None
            return
        if record is None or record.is_dir:
            return
        for attribute in record.attributes:
            if attribute.type != FILE_NAME:
                continue
            value = attribute.value or b""
            try:
                key = parse_file_name(value)
            except FormatError:
                continue
            if key.namespace != DOS_NAME and wanted.fit(key.name):
                times = _own_times(record) or _times(value, 8)
                yield Trace(key.name, int.from_bytes(value[:8], "little"), times, f"file record {number}")

    def _unused(self, record: FileRecord, number: int) -> Iterator[tuple[bytes, str]]:
        """Yield what of a folder may hold remains: the bytes behind what is in use, and where they lie."""
        data = self._volume.record_bytes(number)
        yield data[struct.unpack_from("<I", data, 24)[0] :], f"the end of file record {number}"
        root = record.find(INDEX_ROOT, "$I30")
        if root is None or root.value is None or len(root.value) < _ROOT_HEADER + 16:
            return
        end = _ROOT_HEADER + struct.unpack_from("<I", root.value, _ROOT_HEADER + 4)[0]
        yield root.value[end:], "the root of its index"
        size = struct.unpack_from("<I", root.value, 8)[0]
        stream = self._volume.stream(record, INDEX_ALLOCATION, "$I30")
        if stream is None or not 512 <= size <= _MAX_NODE or size & (size - 1):
            return
        used = self._volume.stream(record, BITMAP, "$I30")
        yield from _nodes(stream, size, used.read(_MAX_MAP) if used is not None else b"")


def _nodes(stream: BinaryIO, size: int, used: bytes) -> Iterator[tuple[bytes, str]]:
    end = min(stream.seek(0, io.SEEK_END), _MAX_INDEX)
    for slot in range(end // size):
        stream.seek(slot * size)
        try:
            node = apply_fixups(stream.read(size), b"INDX")
        except FormatError:
            continue
        is_used = slot >> 3 < len(used) and used[slot >> 3] >> (slot & 7) & 1
        start = _NODE_HEADER + struct.unpack_from("<I", node, _NODE_HEADER + 4)[0] if is_used else _NODE_HEADER + 16
        yield node[start:], f"byte {slot * size} of its index"


def _remain(data: bytes, at: int, own: int, place: str) -> Trace | None:
    """Return the name whose structure stands at an offset, if it is one of the own folder."""
    if at < 0 or int.from_bytes(data[at : at + 8], "little") not in (own, own & NUMBER):
        return None
    length, namespace = data[at + 64], data[at + 65]
    if not length or namespace > _NAMESPACES or namespace == DOS_NAME:
        return None
    try:
        key = parse_file_name(data[at : at + _NAME_AT + 2 * length])
    except FormatError:
        return None
    return Trace(key.name, own, _times(data, at + 8), place)


def _size_of_index(record: FileRecord) -> int:
    allocation = record.find(INDEX_ALLOCATION, "$I30")
    return allocation.size if allocation is not None else 0


def _own_times(record: FileRecord) -> FileTimes | None:
    standard = record.find(STANDARD_INFORMATION)
    value = (standard.value or b"") if standard is not None else b""
    return _times(value, 0) if len(value) >= 24 else None


def _times(data: bytes, at: int) -> FileTimes:
    return FileTimes(*(filetime(ticks) for ticks in struct.unpack_from("<3Q", data, at)))
