"""Registry transaction logs: HvLE entries (Windows 8.1 and later) and DIRT logs (XP to 8), as pages to write.

References:
    - https://github.com/msuhanov/regf/blob/master/Windows%20registry%20file%20format%20specification.md
"""

from __future__ import annotations

import struct
from dataclasses import field

from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.registry.marvin32 import marvin32

LOG_START = 512
SECTOR = 512
ENTRY_HEADER_SIZE = 40
_ENTRY = struct.Struct("<4sIIIIIQQ")
_REFERENCE = struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class Page:
    """Bytes to write.

    Attributes:
        offset: From the start of the hive bins, in bytes, a multiple of 512.
        data: A multiple of 512 bytes.
    """

    offset: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class LogEntryHeader:
    """The first 40 bytes of an HvLE entry, their own hash being right.

    Attributes:
        size: Of the whole entry in bytes, a multiple of 512.
        sequence: Sequence number.
        bins_size: Size of the hive bins once the entry is applied, in bytes.
        page_count: Number of pages.
        hash1: Marvin32 over everything behind the header.
    """

    size: int
    sequence: int
    bins_size: int
    page_count: int
    hash1: int


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One flush.

    Attributes:
        header: Its header.
        pages: What it wrote, in the order in which it must be applied.
    """

    header: LogEntryHeader
    pages: tuple[Page, ...]


def parse_entry_header(data: bytes) -> LogEntryHeader:
    """Parse the header of an HvLE entry and check its hash.

    Args:
        data: At least the first 40 bytes of the entry.

    Raises:
        FormatError: ``truncated``, ``bad_magic`` (where a log simply ends), ``bad_hash`` or ``bad_length``.
    """
    if len(data) < ENTRY_HEADER_SIZE:
        raise FormatError(
            "truncated",
            len(data),
            sentence("an HvLE header needs {entry_header_size} bytes", entry_header_size=ENTRY_HEADER_SIZE),
        )
    magic, size, _, sequence, bins_size, count, hash1, hash2 = _ENTRY.unpack_from(data)
    if magic != b"HvLE":
        raise FormatError("bad_magic", 0, sentence("no log entry begins here"))
    if marvin32(data[:32]) != hash2:
        raise FormatError("bad_hash", 32, sentence("the hash of the log entry's header is wrong"))
    if size % SECTOR or size < ENTRY_HEADER_SIZE + count * _REFERENCE.size:
        raise FormatError(
            "bad_length", 4, sentence("a log entry of {size} bytes cannot hold {count} pages", size=size, count=count)
        )
    return LogEntryHeader(size, sequence, bins_size, count, hash1)


def parse_entry(data: bytes) -> LogEntry:
    """Parse a whole HvLE entry and check both hashes.

    Args:
        data: The entry, at least as long as its header says.

    Raises:
        FormatError: As :func:`parse_entry_header`, or a page leaves the entry or the hive bins.
    """
    header = parse_entry_header(data)
    if len(data) < header.size:
        raise FormatError(
            "truncated",
            len(data),
            sentence("a log entry of {size} bytes ends after {count}", size=header.size, count=len(data)),
        )
    if marvin32(memoryview(data)[ENTRY_HEADER_SIZE : header.size]) != header.hash1:
        raise FormatError("bad_hash", 24, sentence("the hash of the log entry's pages is wrong"))
    pages = []
    start = ENTRY_HEADER_SIZE + header.page_count * _REFERENCE.size
    for index in range(header.page_count):
        where = ENTRY_HEADER_SIZE + index * _REFERENCE.size
        offset, size = _REFERENCE.unpack_from(data, where)
        if offset % SECTOR or size % SECTOR or not size or offset + size > header.bins_size:
            raise FormatError(
                "bad_page",
                where,
                sentence("page {offset:#x} of {size} bytes does not fit the hive bins", offset=offset, size=size),
            )
        if start + size > header.size:
            raise FormatError(
                "bad_page",
                where,
                sentence("page {offset:#x} of {size} bytes leaves the log entry", offset=offset, size=size),
            )
        pages.append(Page(offset, data[start : start + size]))
        start += size
    return LogEntry(header, tuple(pages))


@dataclass(frozen=True, slots=True)
class DirtyVector:
    """The map of an old log.

    Attributes:
        runs: Offset from the start of the hive bins and length, in bytes, of each run of dirty 512-byte pages,
            in the order in which their content follows in the log.
        data_start: Offset in the log, in bytes, of that content.
    """

    runs: tuple[tuple[int, int], ...]
    data_start: int


def dirty_vector_size(bins_size: int) -> int:
    """Return the size in bytes of ``DIRT`` and its bitmap for a hive of that many bytes of bins."""
    return 4 + (bins_size // SECTOR + 7) // 8


def parse_dirty_vector(data: bytes, bins_size: int) -> DirtyVector:
    """Parse the dirty vector of an old log.

    Args:
        data: The log from byte 512 on, at least :func:`dirty_vector_size` bytes.
        bins_size: Size of the hive bins as the log's base block says, in bytes.

    Raises:
        FormatError: ``truncated`` or ``bad_magic``.
    """
    size = dirty_vector_size(bins_size)
    if data[:4] != b"DIRT":
        raise FormatError("bad_magic", LOG_START, sentence("the log does not hold DIRT"))
    if len(data) < size:
        raise FormatError(
            "truncated", LOG_START + len(data), sentence("a dirty vector of {size} bytes is cut off", size=size)
        )
    runs: list[tuple[int, int]] = []
    for index, byte in enumerate(data[4:size]):
        # Most of a hive is clean, so look at bits only where one is set.
        for bit in range(8) if byte else ():
            offset = (index * 8 + bit) * SECTOR
            if not byte >> bit & 1 or offset >= bins_size:
                continue
            if runs and sum(runs[-1]) == offset:
                runs[-1] = (runs[-1][0], runs[-1][1] + SECTOR)
            else:
                runs.append((offset, SECTOR))
    end = LOG_START + size
    return DirtyVector(tuple(runs), (end + SECTOR - 1) // SECTOR * SECTOR)
