"""Writes E01 images as EnCase 6 does, in as many segment files as one asks for.

References:
    libyal/libewf, Expert Witness Compression Format (EWF)
"""

from __future__ import annotations

import hashlib
import struct
import uuid
import zlib
from collections.abc import Sequence
from pathlib import Path

SECTOR, PER_CHUNK = 512, 64
CHUNK = SECTOR * PER_CHUNK
_MAGIC = b"EVF\x09\x0d\x0a\xff\x00"
_HEADER = (
    "1\nmain\nc\tn\ta\te\tt\tav\tov\tm\tu\tp\n1\t1\tforms\t\t\t6\tWindows\t2026 11 20 0 0 0\t2026 11 20 0 0 0\t0\n\n"
)


def write_e01(raw: bytes, first: Path, segments: int = 1) -> list[Path]:
    """Write a raw disk as an E01.

    Args:
        raw: The disk, whole sectors.
        first: The first segment's file, ``NAME.E01``.
        segments: How many files; each holds as many chunks.

    Returns:
        The files.
    """
    chunks = [raw[at : at + CHUNK] for at in range(0, len(raw), CHUNK)]
    each = -(-len(chunks) // segments)
    return [
        _segment(
            first.with_suffix(f".E{number:02d}"), number, segments, raw, chunks[each * (number - 1) : each * number]
        )
        for number in range(1, segments + 1)
    ]


def _segment(path: Path, number: int, segments: int, raw: bytes, chunks: Sequence[bytes]) -> Path:
    out = bytearray(_MAGIC + struct.pack("<BHH", 1, number, 0))
    if number == 1:
        _section(out, "header", zlib.compress(_HEADER.encode()))
        _section(out, "volume", _volume(raw))
    else:
        _section(out, "data", _volume(raw))
    packed = [zlib.compress(chunk, 6) for chunk in chunks]
    base = len(out) + 76
    entries, at = [], 0
    for data in packed:
        entries.append(0x80000000 | at)
        at += len(data)
    _section(out, "sectors", b"".join(packed))
    head = struct.pack("<I4xQ4x", len(entries), base)
    body = struct.pack(f"<{len(entries)}I", *entries)
    table = b"".join(each + struct.pack("<I", zlib.adler32(each)) for each in (head, body))
    _section(out, "table", table)
    _section(out, "table2", table)
    if number == segments:
        digest = hashlib.md5(raw).digest() + bytes(16)
        _section(out, "hash", digest + struct.pack("<I", zlib.adler32(digest)))
    _section(out, "done" if number == segments else "next", None)
    path.write_bytes(out)
    return path


def _section(out: bytearray, kind: str, data: bytes | None) -> None:
    """Append a section; the last of a file has no data and points at itself."""
    size = 76 + len(data or b"")
    following = len(out) if data is None else len(out) + size
    descriptor = struct.pack("<16sQQ40x", kind.encode(), following, 0 if data is None else size)
    out += descriptor + struct.pack("<I", zlib.adler32(descriptor)) + (data or b"")


def _volume(raw: bytes) -> bytes:
    sectors = len(raw) // SECTOR
    data = bytearray(1048)
    struct.pack_into("<B3xIIIQ", data, 0, 1, -(-len(raw) // CHUNK), PER_CHUNK, SECTOR, sectors)
    data[36], data[52] = 3, 1
    struct.pack_into("<I", data, 56, PER_CHUNK)
    data[64:80] = uuid.uuid5(uuid.NAMESPACE_OID, "forms").bytes_le
    return bytes(data) + struct.pack("<I", zlib.adler32(data))
