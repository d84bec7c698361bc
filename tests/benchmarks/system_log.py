"""A System log as long as a server's: a published one over and over, its chunks and records numbered through.

Each chunk stands alone, so that a copy of one needs nothing but its own numbers and checksums.

References:
    https://github.com/libyal/libevtx/blob/main/documentation/Windows%20XML%20Event%20Log%20(EVTX).asciidoc
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator

from tests.paths import REALDATA

COPIES = 26
"""Of 13 chunks of 64 KiB: 21 MiB, somewhat more than Windows lets a System log grow to."""
_SOURCE = REALDATA / "event-logs" / "belkasoft-win10.zip"
_LOG = "Windows/System32/winevt/Logs/System.evtx"
_HEADER, _CHUNK, _RECORDS = 4096, 0x10000, 512
_FREE, _FIRST_DEFINITION = 48, 38
_RECORD_ID = 10  # the value of EventRecordID in all of Windows' own templates


def system_log(copies: int = COPIES) -> tuple[bytes, int] | None:
    """Return the log and the number of its records; None where the published one is not at hand."""
    if not _SOURCE.is_file():
        return None
    with zipfile.ZipFile(_SOURCE) as archive:
        published = archive.read(_LOG)
    (count,) = struct.unpack_from("<H", published, 42)
    chunks = [published[at : at + _CHUNK] for at in range(_HEADER, _HEADER + count * _CHUNK, _CHUNK)]
    last, numbered = 0, []
    for chunk in chunks * copies:
        renumbered, records = _renumbered(chunk, last + 1)
        numbered.append(renumbered)
        last += records
    return _file_header(published, len(numbered), last + 1) + b"".join(numbered), last


def _renumbered(chunk: bytes, first: int) -> tuple[bytes, int]:
    """Return a chunk whose records are numbered from ``first``, and how many they are."""
    raw, number = bytearray(chunk), first
    for at in _records(chunk):
        old = raw[at + 8 : at + 16]
        new = struct.pack("<Q", number)
        value = _value(chunk, at, _RECORD_ID)
        assert raw[value : value + 8] == old, f"the record at {at} has its number elsewhere"
        raw[at + 8 : at + 16] = raw[value : value + 8] = new
        number += 1
    struct.pack_into("<4Q", raw, 8, first, number - 1, first, number - 1)
    (free,) = struct.unpack_from("<I", raw, _FREE)
    struct.pack_into("<I", raw, 52, zlib.crc32(raw[_RECORDS:free]))
    struct.pack_into("<I", raw, 124, zlib.crc32(raw[128:_RECORDS], zlib.crc32(raw[:120])))
    return bytes(raw), number - first


def _records(chunk: bytes) -> Iterator[int]:
    at, (free,) = _RECORDS, struct.unpack_from("<I", chunk, _FREE)
    while at < free:
        yield at
        at += struct.unpack_from("<I", chunk, at + 4)[0]


def _value(chunk: bytes, at: int, index: int) -> int:
    """Return where in the chunk a value of a record lies, which stands behind its template or names one before it."""
    (template,) = struct.unpack_from("<I", chunk, at + _FIRST_DEFINITION - 4)
    at += _FIRST_DEFINITION
    if template == at:
        at += 24 + struct.unpack_from("<I", chunk, at + 20)[0]
    (count,) = struct.unpack_from("<I", chunk, at)
    sizes = [struct.unpack_from("<H", chunk, at + 4 + 4 * number)[0] for number in range(index)]
    return int(at + 4 + 4 * count + sum(sizes))


def _file_header(published: bytes, chunks: int, next_record: int) -> bytes:
    raw = bytearray(published[:_HEADER])
    struct.pack_into("<QQQ", raw, 8, 0, chunks - 1, next_record)
    struct.pack_into("<H", raw, 42, chunks)
    struct.pack_into("<I", raw, 120, 0)  # closed in good order
    struct.pack_into("<I", raw, 124, zlib.crc32(raw[:120]))
    return bytes(raw)
