"""Makes sums right again, so that a mutated input is not refused for its sum alone."""

from __future__ import annotations

import struct
import zlib


def put_crc32(data: bytearray, at: int, size: int, where: int) -> None:
    """Put the CRC-32 of some bytes into them, where it counts as zeros; what is cut off stays as it is."""
    if at + size <= len(data):
        data[at + where : at + where + 4] = bytes(4)
        struct.pack_into("<I", data, at + where, zlib.crc32(data[at : at + size]))


def put_fixups(record: bytearray, sector: int = 512) -> None:
    """Write the update sequence of an NTFS record into the ends of its sectors."""
    if len(record) < 8:
        return
    at, count = struct.unpack_from("<HH", record, 4)
    if at + 2 * count > len(record) or not count:
        return
    mark = bytes(record[at : at + 2])
    for number in range(1, min(count, len(record) // sector + 1)):
        end = number * sector
        record[at + 2 * number : at + 2 * number + 2] = record[end - 2 : end]
        record[end - 2 : end] = mark
