"""Finds the bytes of a hive that are structure, not content of a value: what an oracle damages bit by bit.

References:
    https://github.com/msuhanov/regf/blob/master/Windows%20registry%20file%20format%20specification.md
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_BINS, _CHECKED, _BIN_HEADER = 4096, 512, 32
_NO_CELL, _INLINE = 0xFFFFFFFF, 0x80000000
_ENTRY_SIZES = {b"li": 4, b"lf": 8, b"lh": 8, b"ri": 4}
# What says nothing of names, lists and values: times, access bits, security, volatile counts, and sizes of the largest.
_UNREAD = {*range(4, 16), *range(24, 28), *range(32, 36), *range(44, 48), *range(52, 72)}


def structure(data: bytes) -> Iterator[tuple[int, str]]:
    """Yield each byte that is structure: its offset in the file, and of what.

    Base block, headers of bins, sizes of cells, keys, values (with data that stands in the cell itself), lists of
    sub-keys and of values; of security descriptors and of the data of values only the size of the cell.
    """
    yield from ((at, "base block") for at in range(_CHECKED))
    lists = _value_lists(data)
    for bin_at, cells in _bins(data):
        yield from ((bin_at + at, "bin") for at in range(12))
        for at, size in cells:
            yield from ((at + byte, "cell size") for byte in range(4))
            content = data[at + 4 : at + size]
            yield from ((at + 4 + byte, what) for byte, what in _cell(content, lists.get(at - _BINS)))


def _bins(data: bytes) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Yield the offset of each bin, and offset and size of the cells in it that are allocated."""
    bin_at = _BINS
    while data[bin_at : bin_at + 4] == b"hbin":
        end = bin_at + struct.unpack_from("<I", data, bin_at + 8)[0]
        cells, at = [], bin_at + _BIN_HEADER
        while at < end:
            size = struct.unpack_from("<i", data, at)[0]
            cells += [(at, -size)] if size < 0 else []
            at += abs(size)
        yield bin_at, cells
        bin_at = end


def _value_lists(data: bytes) -> dict[int, int]:
    """Return the number of values by the cell of their list."""
    lists = {}
    for _, cells in _bins(data):
        for at, _ in cells:
            if data[at + 4 : at + 6] == b"nk":
                count, cell = struct.unpack_from("<II", data, at + 4 + 36)
                lists.update({cell: count} if count else {})
    return lists


def _cell(content: bytes, values: int | None) -> Iterator[tuple[int, str]]:
    kind = content[:2]
    if values is not None:
        yield from ((at, "value list") for at in range(4 * values))
    elif kind == b"nk":
        end = 76 + struct.unpack_from("<H", content, 72)[0]
        yield from ((at, "key" if at < 76 else "key name") for at in range(end) if at not in _UNREAD)
    elif kind == b"vk":
        end = 20 + struct.unpack_from("<H", content, 2)[0]
        size = struct.unpack_from("<I", content, 4)[0]
        unread = {18, 19} | (set(range(8, 12)) if size & _INLINE else set())
        yield from ((at, "value" if at < 20 else "value name") for at in range(end) if at not in unread)
    elif kind in _ENTRY_SIZES:
        end = 4 + _ENTRY_SIZES[kind] * struct.unpack_from("<H", content, 2)[0]
        yield from ((at, "sub-key list") for at in range(end))
