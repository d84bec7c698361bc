"""Blocks of 16 KiB of NTFS images: which are free, and in which two states of one volume differ."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from testdata.builder.disk import data_ranges
from testdata.builder.ntfs_library import NtfsVolume
from testdata.builder.shadow_store import BLOCK, StoreError

_PIECE = 1 << 20
_PAIRS = bytes(sum(((byte >> 2 * pair & 3) == 3) << pair for pair in range(4)) for byte in range(256))
"""Of each byte, one bit for two: set where both are."""


class Bitmap:
    """One bit a block."""

    def __init__(self, bits: bytes) -> None:
        self.bits = bytearray(bits)

    @classmethod
    def of(cls, value: bool, size: int) -> Bitmap:
        """Return a bitmap of a volume of ``size`` bytes in which all bits are alike."""
        blocks = -(-size // BLOCK)
        return cls(((1 << blocks) - 1 if value else 0).to_bytes(-(-blocks // 8), "little"))

    def __contains__(self, block: int) -> bool:
        return bool(self.bits[block // 8] >> block % 8 & 1)

    def add(self, block: int) -> None:
        """Set the bit of a block."""
        self.bits[block // 8] |= 1 << block % 8

    def __and__(self, other: Bitmap) -> Bitmap:
        both = int.from_bytes(self.bits, "little") & int.from_bytes(other.bits, "little")
        return Bitmap(both.to_bytes(len(self.bits), "little"))


class ClusterBitmap:
    """$Bitmap of an NTFS image."""

    def __init__(self, image: Path) -> None:
        self._image = image
        with image.open("rb") as file:
            boot = file.read(512)
        sector, per_cluster = struct.unpack_from("<HB", boot, 11)
        self.cluster: int = sector * per_cluster
        if BLOCK % self.cluster:
            raise StoreError(f"clusters of {self.cluster} bytes are none of 512 bytes to 16 KiB")
        self._size = image.stat().st_size
        self._length = -(-(self._size // self.cluster) // 8)
        with NtfsVolume(image, read_only=True) as volume, volume.open(volume.BITMAP_RECORD) as inode:
            self._places = [number * self.cluster for number in inode.clusters(-(-self._length // self.cluster))]

    def read(self) -> bytearray:
        """Return one bit a cluster, set where it is in use."""
        found = bytearray()
        with self._image.open("rb") as file:
            for place in self._places:
                file.seek(place)
                found += file.read(self.cluster)
        return found[: self._length]

    @contextmanager
    def only_free(self, clusters: Iterable[int]) -> Iterator[None]:
        """Show all clusters but these as in use, so that what is written meanwhile goes there and nowhere else."""
        were, shown = self.read(), bytearray(b"\xff" * self._length)
        for cluster in clusters:
            shown[cluster // 8] &= ~(1 << cluster % 8)
            were[cluster // 8] |= 1 << cluster % 8
        self._write(shown)
        yield
        if self.read() != b"\xff" * self._length:
            raise StoreError("not all of the room was taken")
        self._write(were)

    def free_blocks(self) -> Bitmap:
        """Return the blocks of which no cluster is in use."""
        free = bytes(byte ^ 0xFF for byte in self.read())
        clusters = BLOCK // self.cluster
        while clusters > 1:
            pairs = free.translate(_PAIRS) + b"\0" * (len(free) % 2)
            low, high = (int.from_bytes(pairs[half::2], "little") for half in (0, 1))
            free = (low | high << 4).to_bytes(len(pairs) // 2, "little")
            clusters //= 2
        length = len(Bitmap.of(False, self._size).bits)
        return Bitmap(free[:length].ljust(length, b"\0"))

    def _write(self, bits: bytearray) -> None:
        with self._image.open("r+b") as file:
            for number, place in enumerate(self._places):
                file.seek(place)
                file.write(bits[number * self.cluster : (number + 1) * self.cluster])


def differing_blocks(before: BinaryIO, after: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield number and former content of each block in which two sparse files of one size differ."""
    pieces = {at for file in (before, after) for start, end in data_ranges(file) for at in _pieces(start, end)}
    for at in sorted(pieces):
        before.seek(at)
        after.seek(at)
        old, new = before.read(_PIECE), after.read(_PIECE)
        if old != new:
            for within in range(0, len(old), BLOCK):
                if old[within : within + BLOCK] != new[within : within + BLOCK]:
                    yield (at + within) // BLOCK, old[within : within + BLOCK]


def read_block(file: BinaryIO, block: int) -> bytes:
    """Return what a file holds of a block."""
    file.seek(block * BLOCK)
    return file.read(BLOCK)


def _pieces(start: int, end: int) -> range:
    return range(start // _PIECE * _PIECE, end, _PIECE)
