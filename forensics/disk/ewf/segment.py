"""One segment file of an Expert Witness image: its sections, and where the tables of its chunks are.

References:
    - libyal/libewf, Expert Witness Compression Format (EWF): file header, section descriptor, volume, table, error2
"""

from __future__ import annotations

import io
import struct
from dataclasses import field
from typing import BinaryIO
from zlib import adler32

from forensics.disk.magic import EWF_MAGIC
from forensics.language import sentence
from forensics.late_methods import dataclass

HEADER = 13
_DESCRIPTOR = 76
_MAX_SECTIONS = 1 << 17
"""Format: sections of one segment file of an E01."""
_MAX_CHUNK = 64 << 20
"""Format: bytes of one chunk of an E01."""
_MAX_BAD_RANGES = 1 << 16
"""Format: ranges of sectors that an imager could not read."""
_FULL_VOLUME, _SHORT_VOLUME = 1052, 94
_ERRORS_HEADER = 520


@dataclass(frozen=True, slots=True)
class Media:
    """What a volume section says of the disk.

    Attributes:
        chunks: Chunks of all segments.
        chunk_size: Bytes of a chunk; the last may be shorter.
        sector_size: Bytes.
        size: Bytes of the disk.
    """

    chunks: int
    chunk_size: int
    sector_size: int
    size: int


@dataclass(frozen=True, slots=True)
class ChunkTable:
    """Where the offsets of consecutive chunks are.

    Attributes:
        entries_at: Offset of the entries in the segment file.
        count: Chunks.
        base: What the entries' offsets count from.
        section: Offset of the table's section: chunks that lie before it end there at the latest.
        end: Offset of the section after it.
        mirror_at: Offset of the entries' second copy; None where there is none.
    """

    entries_at: int
    count: int
    base: int
    section: int
    end: int
    mirror_at: int | None = None


@dataclass(slots=True)
class Segment:
    """One segment file.

    Attributes:
        media: From its volume section, where it has one that is sound.
        claimed: Likewise, where the checksum of that section is wrong.
        tables: In the order of the disk.
        bad_sectors: First sector and count of what the imager could not read and filled with zeros.
        is_last: It ends as the last one does.
        fault: Why its sections cannot be followed to the end; None when they can.
    """

    media: Media | None = None
    claimed: Media | None = None
    tables: list[ChunkTable] = field(default_factory=list)
    bad_sectors: list[tuple[int, int]] = field(default_factory=list)
    is_last: bool = False
    fault: str | None = None


def segment_number(head: bytes) -> int | None:
    """Return the number in the header of a segment file, from 1; None when it is none."""
    return int.from_bytes(head[9:11], "little") if head.startswith(EWF_MAGIC) and len(head) >= HEADER else None


def read_segment(file: BinaryIO) -> Segment:
    """Follow the sections of a segment file; what is wrong with it is its ``fault``."""
    segment = Segment()
    size = file.seek(0, io.SEEK_END)
    offset, lost = HEADER, None
    for _ in range(_MAX_SECTIONS):
        file.seek(offset)
        head = file.read(_DESCRIPTOR)
        if len(head) < _DESCRIPTOR:
            segment.fault = sentence("it ends at byte {size}, before its last section: it is truncated", size=size)
            break
        kind, following = head[:16].rstrip(b"\0"), struct.unpack_from("<Q", head, 16)[0]
        if adler32(head[:72]) != struct.unpack_from("<I", head, 72)[0]:
            segment.fault = sentence("the header of the section at byte {offset} is damaged", offset=offset)
            break
        if kind in (b"next", b"done"):
            segment.is_last = kind == b"done"
            break
        if following < offset + _DESCRIPTOR:
            segment.fault = sentence("the section at byte {offset} was not finished", offset=offset)
            break
        lost = _take(segment, file, kind, offset, following, lost)
        offset = following
    else:
        segment.fault = sentence("it has more than {max_sections} sections", max_sections=_MAX_SECTIONS)
    if lost is not None and segment.fault is None:
        segment.fault = sentence("the table of chunks at byte {lost} is damaged", lost=lost)
    return segment


def _take(segment: Segment, file: BinaryIO, kind: bytes, offset: int, end: int, lost: int | None) -> int | None:
    """Take what a section says; return the offset of a table that is damaged while its second copy is awaited."""
    start = offset + _DESCRIPTOR
    if kind in (b"volume", b"disk", b"data") and segment.media is None:
        file.seek(start)
        data = file.read(min(_FULL_VOLUME, end - start))
        if len(data) >= _SHORT_VOLUME:
            segment.claimed = _media(data)
            if adler32(data[:-4]) == struct.unpack_from("<I", data, len(data) - 4)[0]:
                segment.media = segment.claimed
    elif kind == b"table":
        table = _table(file, offset, end)
        if table is None:
            # A second damaged table would leave unknown which chunks are missing; the first is told.
            return offset if lost is None else lost
        segment.tables.append(table)
    elif kind == b"table2":
        table = _table(file, offset, end)
        if lost is not None and table is not None:
            segment.tables.append(table)
            return None
        if table is not None and segment.tables and segment.tables[-1].count == table.count:
            last = segment.tables[-1]
            segment.tables[-1] = ChunkTable(
                last.entries_at, last.count, last.base, last.section, last.end, table.entries_at
            )
    elif kind == b"error2":
        segment.bad_sectors = _bad_sectors(file, start)
    return lost


def _media(data: bytes) -> Media | None:
    chunks, per_chunk, sector = struct.unpack_from("<III", data, 4)
    sectors = struct.unpack_from("<Q" if len(data) == _FULL_VOLUME else "<I", data, 16)[0]
    chunk = per_chunk * sector
    if not sector or sector % 512 or not 0 < chunk <= _MAX_CHUNK:
        return None
    size = sectors * sector
    if not 0 < size <= chunks * chunk:
        size = chunks * chunk
    return Media(chunks, chunk, sector, size)


def _table(file: BinaryIO, section: int, end: int) -> ChunkTable | None:
    file.seek(section + _DESCRIPTOR)
    head = file.read(24)
    if len(head) < 24 or adler32(head[:20]) != struct.unpack_from("<I", head, 20)[0]:
        return None
    count, base = struct.unpack_from("<I4xQ", head)
    entries_at = section + _DESCRIPTOR + 24
    if not count or entries_at + 4 * count > end:
        return None
    return ChunkTable(entries_at, count, base, section, end)


def _bad_sectors(file: BinaryIO, start: int) -> list[tuple[int, int]]:
    file.seek(start)
    head = file.read(_ERRORS_HEADER)
    if len(head) < _ERRORS_HEADER or adler32(head[:516]) != struct.unpack_from("<I", head, 516)[0]:
        return []
    count = min(struct.unpack_from("<I", head)[0], _MAX_BAD_RANGES)
    data = file.read(8 * count)
    return [(first, sectors) for first, sectors in struct.iter_unpack("<II", data[: len(data) // 8 * 8]) if sectors]
