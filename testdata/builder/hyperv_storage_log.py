"""Writes the replay log of a HyperVStorage file.

References:
    - https://github.com/microsoft/openvmm/blob/main/support/hvs_file/FORMAT.md
    - dissect.hypervisor, descriptor/c_hyperv.py (order of the fields of a log entry)
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

PAGE = 4096
LOG_HEAD = 34
ENTRY = 28
ROOM = (PAGE - LOG_HEAD) // ENTRY


def changes(before: bytes, after: bytes, grain: int, fixed: Sequence[range]) -> list[tuple[int, bytes]]:
    """Return what must be written to turn one file into another.

    Args:
        before: The file.
        after: What it becomes.
        grain: Bytes of each write, which starts at a multiple of it.
        fixed: Parts that are never written.
    """
    writes = []
    for offset in range(0, len(after), grain):
        data = after[offset : offset + grain]
        if data != before[offset : offset + grain] and not any(offset in part for part in fixed):
            writes.append((offset, data))
    return writes


def log_room(writes: Sequence[tuple[int, bytes]]) -> int:
    """Return how large a log must be to hold some writes."""
    return _data_start(len(writes)) + sum(len(data) for _, data in writes)


def log_bytes(writes: Sequence[tuple[int, bytes]], current: int, size: int) -> bytes:
    """Return a log of ``size`` bytes; of its entries, the first ``current`` are still to be written."""
    if log_room(writes) > size:
        raise ValueError("the log is too small for its entries")
    start = inside = _data_start(len(writes))
    room = (start - LOG_HEAD) // ENTRY
    head = struct.pack("<IIIBI17x", 0x01110003, 0, current, 0, room)
    log = head[:4] + struct.pack("<I", zlib.crc32(head)) + head[8:]
    content = b""
    for offset, data in writes:
        log += _entry(offset, inside, data)
        inside += len(data)
        content += data
    return (log.ljust(start, b"\0") + content).ljust(size, b"\0")


def _data_start(count: int) -> int:
    """Return where the bytes of so many entries start: behind whole pages of entries."""
    return -(-(LOG_HEAD + max(count, ROOM) * ENTRY) // PAGE) * PAGE


def _entry(offset: int, inside: int, data: bytes) -> bytes:
    fields = offset, len(data), inside
    raw = struct.pack("<QIQII", *fields, 0, zlib.crc32(data))
    return struct.pack("<QIQII", *fields, zlib.crc32(raw), zlib.crc32(data))
