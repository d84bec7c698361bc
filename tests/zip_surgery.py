"""Makes members of a zip archive such that Python cannot give them: in their headers, or in their packed bytes.

References:
    APPNOTE.TXT 4.3.7 (local header: flags at 6, method at 8, name and extra lengths at 26) and 4.3.12 (central header:
    flags at 8, method at 10, offset of the local header at 42).
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

Damage = Callable[[bytearray, int, int, int], None]
"""Changes an archive: its bytes, offsets of a member's local and central headers, and its packed size."""


def make_zip(files: Mapping[str, bytes], out: Path) -> Path:
    """Pack files with Deflate."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out


def flip(data: bytearray, local: int, central: int, packed: int) -> None:
    """Flip a bit of the packed bytes: the checksum no longer fits."""
    name, extra = struct.unpack_from("<HH", data, local + 26)
    data[local + 30 + name + extra + packed // 2] ^= 0x10


def encrypt(data: bytearray, local: int, central: int, packed: int) -> None:
    """Set the flag of an encrypted member."""
    data[local + 6] |= 1
    data[central + 8] |= 1


def pack_with(method: int) -> Damage:
    """Name another method of compression."""

    def change(data: bytearray, local: int, central: int, packed: int) -> None:
        struct.pack_into("<H", data, local + 8, method)
        struct.pack_into("<H", data, central + 10, method)

    return change


def spoil(path: Path, names: Iterable[str], damage: Damage) -> Path:
    """Damage members of an archive by their names."""
    wanted = set(names)
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        central = archive.start_dir
    data = bytearray(path.read_bytes())
    for member in members:
        if member.filename in wanted:
            damage(data, member.header_offset, central, member.compress_size)
        central += 46 + sum(struct.unpack_from("<HHH", data, central + 28))
    path.write_bytes(data)
    return path
