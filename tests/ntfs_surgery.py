"""Changes file records on raw disks: marks a file as encrypted, or tears its record.

References:
    Linux kernel fs/ntfs/layout.h: first attribute at 20 of a record, type, length and flags at 0, 4 and 12 of an
    attribute; the last two bytes of each sector hold the update sequence number.
"""

from __future__ import annotations

import lzma
import struct
from pathlib import Path

from forensics.disk.vhdx.reader import open_vhdx
from tests.paths import IMAGES

RECORD = 1024
_DATA, _END, _ENCRYPTED = 0x80, 0xFFFFFFFF, 0x4000


def raw_disk(name: str, out: Path) -> Path:
    """Unpack a test image and write what it holds as a raw image."""
    packed = out.with_suffix(".vhdx")
    packed.write_bytes(lzma.decompress((IMAGES / f"{name}.vhdx.xz").read_bytes()))
    with packed.open("rb") as file:
        disk = open_vhdx(file, name=name)
        out.write_bytes(disk.read(disk.size))
    return out


def record_of(data: bytes | bytearray, name: str) -> int:
    """Return the offset of the file record of a name, which no other record bears."""
    wanted = name.encode("utf-16-le")
    return next(
        at
        for at in range(0, len(data), RECORD)
        if data[at : at + 4] == b"FILE" and wanted in data[at : at + RECORD] and data[at + 22] & 1
    )


def flag_encrypted(disk: Path, name: str, content: int) -> None:
    """Set the flag of an encrypted stream in a file's content attribute."""
    data = bytearray(disk.read_bytes())
    record = record_of(data, name)
    at = record + struct.unpack_from("<H", data, record + 20)[0]
    while (kind := struct.unpack_from("<I", data, at)[0]) != _DATA:
        assert kind != _END
        at += struct.unpack_from("<I", data, at + 4)[0]
    struct.pack_into("<H", data, at + 12, _ENCRYPTED)
    disk.write_bytes(data)


def tear_record(disk: Path, name: str, content: int) -> None:
    """Let the first sector of a file's record be one of another write than the second."""
    data = bytearray(disk.read_bytes())
    data[record_of(data, name) + 510] ^= 0xFF
    disk.write_bytes(data)
