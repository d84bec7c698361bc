"""Damages one list of one key in a hive's bytes: its values or its sub-keys lie where there is nothing.

References:
    The fields of an nk cell: parent at 16, sub-key list at 28, count and list of values at 36 and 40, name at 76.
"""

from __future__ import annotations

import struct
from pathlib import Path

_BINS, _NOWHERE = 4096, 0x7FFFFFF8


def lose_values(hive: Path, path: str) -> None:
    """Let the list of values of a key lie outside the hive."""
    _overwrite(hive, path, 40)


def lose_subkeys(hive: Path, path: str) -> None:
    """Let the list of sub-keys of a key lie outside the hive."""
    _overwrite(hive, path, 28)


def _overwrite(hive: Path, path: str, field: int) -> None:
    data = bytearray(hive.read_bytes())
    struct.pack_into("<I", data, _BINS + _cell(data, path) + 4 + field, _NOWHERE)
    hive.write_bytes(data)


def _cell(data: bytearray, path: str) -> int:
    """Return the offset of a key's cell behind the base block."""
    keys: dict[int, tuple[str, int]] = {}
    for at in range(_BINS, len(data) - 80, 8):
        if data[at + 4 : at + 6] == b"nk" and struct.unpack_from("<i", data, at)[0] < 0:
            size = struct.unpack_from("<H", data, at + 4 + 72)[0]
            parent = struct.unpack_from("<I", data, at + 20)[0]
            keys[at - _BINS] = (data[at + 80 : at + 80 + size].decode("latin-1"), parent)
    return next(cell for cell in keys if _path(keys, cell).lower() == path.lower())


def _path(keys: dict[int, tuple[str, int]], cell: int) -> str:
    names: list[str] = []
    while cell in keys and len(names) < 64:
        name, cell = keys[cell]
        names.append(name)
    return "\\".join(reversed(names[:-1]))
