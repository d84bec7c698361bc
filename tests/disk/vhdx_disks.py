"""Small forged disks whose content is known, and random reads that compare."""

from __future__ import annotations

import io
import random
import struct
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

MIB = 1 << 20
DISK = 24 * MIB + 4096 * 5

Read = Callable[[int, int], bytes]


def content(seed: int, size: int = DISK) -> bytearray:
    """Return a disk of which some MiB are random and some empty, and each 4 KiB page of data is unlike any other."""
    mix = random.Random(seed)
    raw = bytearray(size)
    for start in range(0, size, MIB):
        if mix.random() < 0.75:
            end = min(start + MIB, size)
            raw[start:end] = mix.randbytes(end - start)
    return raw


def random_changes(seed: int, size: int, sector: int, count: int, longest: int = 40) -> list[tuple[int, bytes]]:
    """Return changes of whole sectors anywhere on a disk."""
    mix = random.Random(seed)
    changes = []
    for _ in range(count):
        length = sector * mix.randint(1, longest)
        offset = mix.randrange(0, (size - length) // sector) * sector
        changes.append((offset, mix.randbytes(length)))
    return changes


def apply(raw: bytearray, changes: Iterable[tuple[int, bytes]]) -> bytearray:
    """Return the disk after the changes."""
    changed = bytearray(raw)
    for offset, data in changes:
        changed[offset : offset + len(data)] = data
    return changed


def assert_reads_like(read: Read, raw: bytearray, count: int = 2000, seed: int = 1) -> None:
    """Compare random reads: short ones, ones across block boundaries, and some of several MiB."""
    mix = random.Random(seed)
    view = memoryview(raw)
    for number in range(count):
        if number % 4 == 0:
            offset = max(0, mix.randrange(1, len(raw) // MIB + 1) * MIB - mix.randint(1, 70_000))
            length = mix.randint(1, 140_000)
        elif number % 50 == 1:
            offset, length = mix.randrange(len(raw)), mix.randint(1, 3 * MIB)
        else:
            offset, length = mix.randrange(len(raw)), mix.randint(1, 9000)
        length = min(length, len(raw) - offset)
        assert read(offset, length) == view[offset : offset + length], f"read {number}: {length} bytes at {offset}"


def at(stream: io.RawIOBase | BinaryIO) -> Read:
    """Return a positional read of a stream."""

    def read(offset: int, length: int) -> bytes:
        stream.seek(offset)
        return stream.read(length) or b""

    return read


def raw_file(folder: Path, raw: bytearray) -> Path:
    """Write a disk's content to a file."""
    path = folder / "disk.raw"
    path.write_bytes(raw)
    return path


HEADERS = (64 << 10, 128 << 10)
REGION_TABLES = (192 << 10, 256 << 10)
LOG, METADATA, BAT = 1 * MIB, 2 * MIB, 3 * MIB
"""Where testdata.builder.vhdx puts them."""


class Counting(io.BytesIO):
    """A file that counts the bytes read from it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def patch(path: Path, offset: int, data: bytes) -> None:
    """Overwrite bytes of a file."""
    with path.open("r+b") as fh:
        fh.seek(offset)
        fh.write(data)


def data_write_guid(path: Path) -> uuid.UUID:
    """Return the DataWriteGuid in the second header."""
    return uuid.UUID(bytes_le=path.read_bytes()[HEADERS[1] + 32 : HEADERS[1] + 48])


def crc32c(structure: bytes) -> int:
    """Return the checksum of a structure, from the definition of CRC-32C alone."""
    crc = 0xFFFFFFFF
    for byte in structure[:4] + bytes(4) + structure[8:]:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def restamp(path: Path, offset: int, length: int) -> None:
    """Give a structure of a file its right checksum again."""
    structure = path.read_bytes()[offset : offset + length]
    patch(path, offset + 4, struct.pack("<I", crc32c(structure)))
