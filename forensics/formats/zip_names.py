"""The names in the directory of a zip archive, and nothing else: many archives are told apart by them in no time.

References:
    APPNOTE.TXT 4.3.12 and 4.3.16: central directory and its end.
"""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

MAX_DIRECTORY = 32 << 20
"""Format: bytes of a directory whose names are read so."""
_END = struct.Struct("<4s6xHII")
_LONGEST_TAIL = (1 << 16) + 22
"""Format: bytes of the end of the directory, with the longest comment behind it."""
_HEADER = struct.Struct("<4s24xHHH12x")
_IN_ZIP64 = (0xFFFF, 0xFFFFFFFF)


def zip_names(file: BinaryIO) -> list[str] | None:
    """Return the last parts of the names of all members; None for an archive that has to be read in full to tell.

    What is outside ASCII in them is not decoded as its writer meant it.
    """
    size = file.seek(0, io.SEEK_END)
    before = max(0, size - _LONGEST_TAIL)
    file.seek(before)
    tail = file.read(_LONGEST_TAIL)
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < 22:
        return None
    _, count, length, offset = _END.unpack_from(tail, at)
    # What was put before an archive, such as a program that unpacks it, moves its directory.
    start = before + at - length
    if count in _IN_ZIP64 or offset in _IN_ZIP64 or length > MAX_DIRECTORY or start < 0:
        return None
    file.seek(start)
    return _names(file.read(length), count)


def _names(directory: bytes, count: int) -> list[str] | None:
    names: list[str] = []
    at = 0
    for _ in range(count):
        if at + _HEADER.size > len(directory):
            return None
        magic, length, extra, comment = _HEADER.unpack_from(directory, at)
        if magic != b"PK\1\2":
            return None
        at += _HEADER.size
        name = directory[at : at + length].decode("latin-1").replace("\\", "/")
        names.append(name.rpartition("/")[2])
        at += length + extra + comment
    return names
