"""Writes a large file with holes as a short input, and back: what is empty is not worth a mutation.

An input is the size of the file in sectors (4 bytes), then for each piece the unit of 64 bytes at which it lies
(4 bytes), how many units it has (2 bytes), and these. Only what the last piece lacks is zeros.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence

_UNIT, _SECTOR = 64, 512
_MOST = 64 << 20
"""Work: bytes of a file, and up to where pieces lie."""
Piece = tuple[int, bytes]


class Stream(io.BufferedIOBase):
    """Reads the file that an input stands for, of which nothing but its pieces is in memory.

    Args:
        size: Bytes of the file.
        found: Its pieces; of those that overlap the last counts.
    """

    def __init__(self, size: int, found: Sequence[Piece]) -> None:
        self._size, self._pieces, self._at = size, found, 0

    def read(self, size: int | None = -1, /) -> bytes:
        end = self._size if size is None or size < 0 else min(self._at + size, self._size)
        data = bytearray(max(0, end - self._at))
        for at, piece in self._pieces:
            if at < end and at + len(piece) > self._at:
                start = max(at, self._at)
                part = piece[start - at : end - at]
                data[start - self._at : start - self._at + len(part)] = part
        self._at += len(data)
        return bytes(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._at = max(0, (0, self._at, self._size)[whence] + offset)
        return self._at

    def tell(self) -> int:
        return self._at


def pack(data: bytes) -> bytes:
    """Return a file as an input."""
    parts = [struct.pack("<I", -(-len(data) // _SECTOR))]
    start = None
    for at in range(0, len(data) + _UNIT, _UNIT):
        is_empty = not any(data[at : at + _UNIT])
        if is_empty and start is not None:
            piece = data[start:at]
            parts.append(struct.pack("<IH", start // _UNIT, -(-len(piece) // _UNIT)) + piece)
            start = None
        elif not is_empty and start is None:
            start = at
        elif start is not None and at - start >= 0xFFFF * _UNIT:
            raise ValueError("a piece is too long")
    return b"".join(parts)


def pieces(data: bytes) -> tuple[int, list[Piece]]:
    """Return the size of the file that an input stands for, and its pieces."""
    size = min(int.from_bytes(data[:4], "little") * _SECTOR, _MOST)
    found, at = [], 4
    while at + 6 <= len(data):
        unit, count = struct.unpack_from("<IH", data, at)
        piece = data[at + 6 : at + 6 + count * _UNIT]
        if unit * _UNIT + len(piece) <= _MOST:
            found.append((unit * _UNIT, piece))
        at += 6 + count * _UNIT
    return size, found


def packed(size: int, found: list[Piece]) -> bytes:
    """Return pieces as an input again."""
    parts = [struct.pack("<IH", at // _UNIT, -(-len(piece) // _UNIT)) + piece for at, piece in found]
    return struct.pack("<I", size // _SECTOR) + b"".join(parts)
