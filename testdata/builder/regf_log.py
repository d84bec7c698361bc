"""Writes registry transaction logs, and hives that need them.

References:
    - https://github.com/msuhanov/regf/blob/master/Windows%20registry%20file%20format%20specification.md
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from testdata.builder.regf import BASE_BLOCK_SIZE, PAGE, seal_base_block

SECTOR = 512
NEW_LOG, OLD_LOG = 6, 1
_SEED = 0x82EF4D887A4E55C5


@dataclass(frozen=True)
class DirtyHive:
    """A hive whose last flushes are in its logs only.

    Attributes:
        hive: The file as the crash left it.
        log1: Content of ``.LOG1`` (or of ``.LOG``).
        log2: Content of ``.LOG2``; empty where there is none.
    """

    hive: bytes
    log1: bytes
    log2: bytes = b""


def marvin32(data: bytes, seed: int = _SEED) -> int:
    """Return the Marvin32 hash of ``data``."""
    padded = data + b"\x80" + bytes(-(len(data) + 1) % 4) + bytes(4)
    a, b = seed & 0xFFFFFFFF, seed >> 32
    for (word,) in struct.iter_unpack("<I", padded):
        a = (a + word) & 0xFFFFFFFF
        b ^= a
        a = (_rotate(a, 20) + b) & 0xFFFFFFFF
        b = _rotate(b, 9) ^ a
        a = (_rotate(a, 27) + b) & 0xFFFFFFFF
        b = _rotate(b, 19)
    return b << 32 | a


def _rotate(word: int, count: int) -> int:
    return (word << count | word >> 32 - count) & 0xFFFFFFFF


def hvle_entry(sequence: int, bins_size: int, pages: Sequence[tuple[int, bytes]]) -> bytes:
    """Return one HvLE entry.

    Args:
        sequence: Its number.
        bins_size: Size of the hive bins after it, in bytes.
        pages: Offset from the start of the bins and content of each page.
    """
    body = b"".join(struct.pack("<II", offset, len(data)) for offset, data in pages)
    body += b"".join(data for _, data in pages)
    size = (40 + len(body) + SECTOR - 1) // SECTOR * SECTOR
    body = body.ljust(size - 40, b"\0")
    head = struct.pack("<4sIIIIIQ", b"HvLE", size, 0, sequence, bins_size, len(pages), marvin32(body))
    return head + struct.pack("<Q", marvin32(head)) + body


def log_base_block(hive: bytes, sequence: int, file_type: int) -> bytes:
    """Return the 512 bytes that open a log of ``hive``."""
    block = (
        hive[:4] + struct.pack("<II", sequence, sequence) + hive[12:28] + struct.pack("<I", file_type) + hive[32:512]
    )
    return seal_base_block(block)


def new_log(hive: bytes, entries: Sequence[bytes], first: int) -> bytes:
    """Return a log of the new format whose first entry bears the number ``first``."""
    return log_base_block(hive, first, NEW_LOG) + b"".join(entries)


def old_log(hive: bytes, sequence: int, pages: Sequence[tuple[int, bytes]]) -> bytes:
    """Return a log of the old format.

    Args:
        hive: The hive it belongs to, of the size it shall have after the replay.
        sequence: Both sequence numbers.
        pages: Offset (multiples of 512) from the start of the bins and content of each page, ascending.
    """
    (bins_size,) = struct.unpack_from("<I", hive, 40)
    bitmap = bytearray(bins_size // SECTOR // 8)
    for offset, data in pages:
        for sector in range(offset // SECTOR, (offset + len(data)) // SECTOR):
            bitmap[sector // 8] |= 1 << sector % 8
    vector = b"DIRT" + bytes(bitmap)
    vector = vector.ljust((len(vector) + SECTOR - 1) // SECTOR * SECTOR, b"\0")
    return log_base_block(hive, sequence, OLD_LOG) + vector + b"".join(data for _, data in pages)


def dirty_pages(old: bytes, new: bytes, page: int = PAGE) -> list[tuple[int, bytes]]:
    """Return offset and content of the pages of the bins in which ``new`` differs from ``old``."""
    before, after = old[BASE_BLOCK_SIZE:], new[BASE_BLOCK_SIZE:]
    return [
        (start, after[start : start + page])
        for start in range(0, len(after), page)
        if before[start : start + page] != after[start : start + page]
    ]


def dirty_with_new_logs(old: bytes, new: bytes, sequence: int = 10) -> DirtyHive:
    """Return ``old`` in transaction with two logs that make ``new`` of its bins.

    LOG1 holds the older half of the flushes, LOG2 the rest, one flush a page; LOG2 first repairs what LOG1 wrote wrong,
    so that only a replay of both, in order, gives ``new``.

    Args:
        old: Hive before the flushes.
        new: Hive after them, at least two pages of its bins other than in ``old`` and not fewer bins.
        sequence: Sequence number 2 of the dirty hive.
    """
    pages = dirty_pages(old, new)
    bins = len(new) - BASE_BLOCK_SIZE
    wrong = [(pages[0][0], b"\xee" * PAGE)]
    half = len(pages) // 2
    flushes = [wrong, *([page] for page in pages[1 : half + 1]), [pages[0]], *([page] for page in pages[half + 1 :])]
    entries = [hvle_entry(sequence + i, bins, flush) for i, flush in enumerate(flushes)]
    cut = half + 1
    hive = with_sequence(old, sequence + 1, sequence)
    return DirtyHive(
        hive,
        new_log(old, entries[:cut], sequence),
        new_log(old, entries[cut:], sequence + cut) if entries[cut:] else b"",
    )


def dirty_with_old_log(old: bytes, new: bytes, sequence: int = 10) -> DirtyHive:
    """Return ``old`` with one DIRT log that makes ``new`` of its bins, in 512-byte pages."""
    log = old_log(new, sequence, dirty_pages(old, new, SECTOR))
    return DirtyHive(with_sequence(old, sequence + 1, sequence), log)


def with_sequence(hive: bytes, sequence1: int, sequence2: int) -> bytes:
    """Return a hive with other sequence numbers and the checksum they need."""
    block = hive[:4] + struct.pack("<II", sequence1, sequence2) + hive[12:BASE_BLOCK_SIZE]
    return seal_base_block(block) + hive[BASE_BLOCK_SIZE:]
