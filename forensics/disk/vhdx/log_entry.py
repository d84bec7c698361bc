"""One entry of the VHDX log: a set of 4 KiB sectors and zero runs that were to be written to the file.

References:
    - [MS-VHDX] v8, section 2.3 (log)
"""

from __future__ import annotations

import struct
from dataclasses import field
from uuid import UUID

from forensics.disk.vhdx.crc32c import checksum_holds
from forensics.disk.vhdx.structures import LOG_SECTOR
from forensics.formats.cursor import Cursor
from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass

_HEADER = 64
_DESCRIPTOR = 32
_DATA = struct.Struct("<4sI4084sI")


@dataclass(frozen=True, slots=True)
class LogEntryHeader:
    """The first 64 bytes of a log entry.

    Attributes:
        length: Size of the whole entry, whole log sectors.
        tail: Offset in the ring of the oldest entry that was still needed when this one was written.
        sequence: One more than that of the entry before.
        descriptors: How many descriptors follow.
        log_guid: Counts only when it is that of the current header.
        flushed_file_offset: Size the file had on stable storage at least; a shorter file was truncated.
        last_file_offset: Size that holds every structure of the file; a replay may have to extend the file to it.
    """

    length: int
    tail: int
    sequence: int
    descriptors: int
    log_guid: UUID
    flushed_file_offset: int
    last_file_offset: int

    @property
    def descriptor_sectors(self) -> int:
        """Log sectors that hold the header and the descriptors."""
        return -(-(_HEADER + self.descriptors * _DESCRIPTOR) // LOG_SECTOR)


@dataclass(frozen=True, slots=True)
class LogWrite:
    """One change of the file.

    Attributes:
        offset: Where in the file.
        length: How many bytes.
        data: The bytes, one log sector of them; None for zeros.
    """

    offset: int
    length: int
    data: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A whole, valid log entry."""

    header: LogEntryHeader
    writes: tuple[LogWrite, ...] = field(repr=False)


def parse_log_entry_header(data: bytes) -> LogEntryHeader:
    """Parse the start of a log entry (64 bytes are enough); the checksum is not looked at."""
    cursor = Cursor(data)
    if cursor.take(4, "log entry signature") != b"loge":
        raise FormatError("bad_magic", 0, sentence("a log entry starts with 'loge'"))
    cursor.take(4, "checksum")
    length, tail, sequence = cursor.u32("length"), cursor.u32("tail"), cursor.u64("sequence number")
    descriptors = cursor.u32("descriptor count")
    cursor.take(4, "reserved")
    header = LogEntryHeader(
        length=length,
        tail=tail,
        sequence=sequence,
        descriptors=descriptors,
        log_guid=cursor.guid(),
        flushed_file_offset=cursor.u64(),
        last_file_offset=cursor.u64(),
    )
    if sequence == 0:
        raise FormatError("bad_sequence", 16, sentence("a log entry's sequence number is not zero"))
    if length % LOG_SECTOR or length < header.descriptor_sectors * LOG_SECTOR or tail % LOG_SECTOR:
        raise FormatError(
            "bad_length",
            8,
            sentence(
                "a log entry of {length} bytes cannot hold {descriptors} descriptors",
                length=length,
                descriptors=descriptors,
            ),
        )
    return header


def parse_log_entry(data: bytes) -> LogEntry:
    """Parse a whole log entry.

    Args:
        data: The entry, its length as its header says, taken out of the ring.

    Raises:
        FormatError: Descriptors and data sectors do not belong to this entry, as in one that was not written to its
            end; or, with kind ``bad_checksum``, they do, and the checksum is wrong all the same.
    """
    header = parse_log_entry_header(data)
    if len(data) != header.length:
        raise FormatError(
            "truncated",
            len(data),
            sentence("a log entry of {length} bytes has {count}", length=header.length, count=len(data)),
        )
    writes = []
    sector = header.descriptor_sectors * LOG_SECTOR
    for at in range(_HEADER, _HEADER + header.descriptors * _DESCRIPTOR, _DESCRIPTOR):
        write = _parse_descriptor(data, at, sector, header.sequence)
        writes.append(write)
        if write.data is not None:
            sector += LOG_SECTOR
    if not checksum_holds(data):
        raise FormatError("bad_checksum", 4, sentence("the checksum of the log entry is wrong"))
    return LogEntry(header, tuple(writes))


def _parse_descriptor(data: bytes, at: int, sector: int, sequence: int) -> LogWrite:
    """Parse the descriptor at byte ``at``; its data, if it has any, are in the log sector at byte ``sector``."""
    cursor = Cursor(data, at)
    kind = cursor.take(4, "descriptor signature")
    if kind not in (b"desc", b"zero"):
        raise FormatError("bad_magic", at, sentence("a log descriptor starts with 'desc' or 'zero'"))
    trailing = cursor.take(4, "trailing bytes")
    leading = cursor.take(8, "leading bytes or zero length")
    offset, own_sequence = cursor.u64("file offset"), cursor.u64("sequence number")
    if own_sequence != sequence:
        raise FormatError("bad_sequence", at + 24, sentence("a log descriptor belongs to another entry"))
    length = LOG_SECTOR if kind == b"desc" else int.from_bytes(leading, "little")
    if offset % LOG_SECTOR or length % LOG_SECTOR or offset + length >= 1 << 63:
        raise FormatError(
            "bad_offset",
            at + 16,
            sentence("a log descriptor writes {length} bytes at {offset}", length=length, offset=offset),
        )
    if kind == b"zero":
        return LogWrite(offset, length, None)
    if sector + LOG_SECTOR > len(data):
        raise FormatError("truncated", at, sentence("a log descriptor has no data sector"))
    magic, high, middle, low = _DATA.unpack_from(data, sector)
    if magic != b"data" or high << 32 | low != sequence:
        raise FormatError("bad_magic", sector, sentence("a log data sector belongs to another entry"))
    return LogWrite(offset, LOG_SECTOR, leading + middle + trailing)
