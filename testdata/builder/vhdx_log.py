"""Writes the log of a VHDX that was not closed.

References:
    - [MS-VHDX] v8, section 2.3
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from uuid import UUID

from testdata.builder.crc32c import stamp

SECTOR = 4096


@dataclass(frozen=True, slots=True)
class LogShape:
    """How the pending pages are spread over the log.

    Attributes:
        start: Offset in the ring of the first entry, whole 4 KiB; near the end of the ring the entries wrap round.
        pages_per_entry: Pages that one entry changes.
        first_sequence: Sequence number of the first entry.
        stale: Also leave, elsewhere in the ring, complete older entries of the same log that spoil the same pages,
            as a ring does that has been round before; they must not be replayed.
        torn: Also leave, after the last entry, one that spoils the same pages and was not written to its end.
        unflushed: Bytes at the end of the file that the entries do not call flushed; a file that lacks them is whole.
    """

    start: int = 0
    pages_per_entry: int = 8
    first_sequence: int = 100
    stale: bool = False
    torn: bool = False
    unflushed: int = 0


def build_log(pages: dict[int, bytes], guid: UUID, length: int, file_size: int, shape: LogShape) -> bytes:
    """Return the log ring.

    Args:
        pages: New content of 4 KiB pages by offset in the file; zero pages become zero descriptors.
        guid: LogGuid of the header.
        length: Size of the ring.
        file_size: What the entries say of the file's size.
        shape: Where and how the entries stand.
    """
    ring = bytearray(length)
    offsets = sorted(pages)
    groups = [offsets[at : at + shape.pages_per_entry] for at in range(0, len(offsets), shape.pages_per_entry)]
    at, sequence = shape.start, shape.first_sequence
    for group in groups or [[]]:
        entry = _entry(
            {offset: pages[offset] for offset in group}, guid, sequence, shape.start, file_size, shape.unflushed
        )
        at = _put(ring, at, entry)
        sequence += 1
    spoilt = dict.fromkeys(offsets[: shape.pages_per_entry], b"\xde\xad\xbe\xef" * (SECTOR // 4))
    if shape.torn:
        torn = _entry(spoilt, guid, sequence, shape.start, file_size, shape.unflushed)
        at = _put(ring, at, torn[:-SECTOR])
        at = (at + SECTOR) % length
    if shape.stale:
        old = _entry(spoilt, guid, max(shape.first_sequence - 50, 1), (at + SECTOR) % length, file_size)
        _put(ring, (at + SECTOR) % length, old)
    return bytes(ring)


def _put(ring: bytearray, at: int, entry: bytes) -> int:
    """Write an entry into the ring, round its end; return where the next one stands."""
    for sector in range(0, len(entry), SECTOR):
        where = (at + sector) % len(ring)
        if any(ring[where : where + SECTOR]):
            raise ValueError("the log is too small for its entries")
        ring[where : where + SECTOR] = entry[sector : sector + SECTOR]
    return (at + len(entry)) % len(ring)


def _entry(pages: dict[int, bytes], guid: UUID, sequence: int, tail: int, file_size: int, unflushed: int = 0) -> bytes:
    descriptors = sectors = b""
    for offset, page in sorted(pages.items()):
        if any(page):
            descriptors += struct.pack("<4s4s8sQQ", b"desc", page[-4:], page[:8], offset, sequence)
            sectors += struct.pack("<4sI4084sI", b"data", sequence >> 32, page[8:-4], sequence & 0xFFFFFFFF)
        else:
            descriptors += struct.pack("<4sIQQQ", b"zero", 0, SECTOR, offset, sequence)
    head_size = -(-(64 + len(descriptors)) // SECTOR) * SECTOR
    head = struct.pack(
        "<4sIIIQII16sQQ",
        b"loge",
        0,
        head_size + len(sectors),
        tail,
        sequence,
        len(pages),
        0,
        guid.bytes_le,
        file_size - unflushed,
        file_size,
    )
    return stamp((head + descriptors).ljust(head_size, b"\0") + sectors)
