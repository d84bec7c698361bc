"""Raw disks put together from volume images, sparse as their parts are."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from testdata.builder import gpt

ALIGNMENT = 1 << 20
_COPY_SIZE = 1 << 24


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume image and the partition it goes into.

    Attributes:
        image: Raw file system image, or None for an empty partition of ``size`` bytes.
        type: GPT partition type.
        name: GPT partition name.
        size: Bytes; None takes the image's size.
    """

    image: Path | None
    type: uuid.UUID = gpt.BASIC_DATA
    name: str = "Basic data partition"
    size: int | None = None

    @property
    def bytes(self) -> int:
        if self.size is not None:
            return self.size
        if self.image is None:
            raise ValueError("a volume without image needs a size")
        return self.image.stat().st_size


def build_disk(
    volumes: Sequence[Volume | Path],
    out: Path,
    *,
    scheme: Literal["gpt", "mbr", "none"] = "gpt",
    sector_size: int = 512,
    size: int | None = None,
    seed: str = "disk",
) -> list[int]:
    """Write a sparse raw disk with each volume in a partition aligned to 1 MiB.

    Args:
        volumes: Volume images in order; a bare path is a basic data partition.
        out: Raw disk to write; replaced if it exists.
        scheme: Partition table; ``none`` puts the only volume at offset 0.
        sector_size: Bytes per logical sector, 512 or 4096; must be what the volumes were made with.
        size: Bytes of the whole disk; by default as small as alignment allows.
        seed: GUIDs and the MBR signature are derived from it, so that the same call writes the same bytes.

    Returns:
        Byte offset of each volume.

    Raises:
        ValueError: The volumes do not fit, or ``none`` without exactly one volume.
    """
    items = [item if isinstance(item, Volume) else Volume(item) for item in volumes]
    if scheme == "none" and len(items) != 1:
        raise ValueError("a disk without partition table holds exactly one volume")
    offsets: list[int] = []
    end = 0 if scheme == "none" else ALIGNMENT
    for item in items:
        offsets.append(end)
        end = item.bytes if scheme == "none" else _align(end + item.bytes, ALIGNMENT)
    tail = gpt.overhead_sectors(sector_size) * sector_size if scheme == "gpt" else 0
    total = size if size is not None else (end if scheme == "none" else _align(end + tail, ALIGNMENT))
    if total < end + tail or total % sector_size:
        raise ValueError(f"{total} bytes do not hold {end + tail} bytes in sectors of {sector_size}")

    with out.open("wb") as disk:
        disk.truncate(total)
        for item, offset in zip(items, offsets, strict=True):
            if item.image is not None:
                copy_sparse(item.image, disk, offset)
        for offset, data in _tables(items, offsets, total, scheme, sector_size, seed):
            disk.seek(offset)
            disk.write(data)
    return offsets


def copy_sparse(image: Path, disk: BinaryIO, offset: int) -> None:
    """Copy the allocated ranges of ``image`` to ``offset`` of an open file, leaving its holes alone."""
    with image.open("rb") as source:
        for start, end in data_ranges(source):
            for position in range(start, end, _COPY_SIZE):
                source.seek(position)
                disk.seek(offset + position)
                disk.write(source.read(min(_COPY_SIZE, end - position)))


def data_ranges(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Yield ``(start, end)`` of what a sparse file holds; the rest is zero and was never written."""
    size = os.fstat(file.fileno()).st_size
    position = 0
    while position < size:
        try:
            start = os.lseek(file.fileno(), position, os.SEEK_DATA)
        except OSError:  # ENXIO: nothing but a hole up to the end
            return
        position = os.lseek(file.fileno(), start, os.SEEK_HOLE)
        yield start, position


def _tables(
    items: Sequence[Volume], offsets: Sequence[int], total: int, scheme: str, sector_size: int, seed: str
) -> list[tuple[int, bytes]]:
    disk_guid = uuid.uuid5(uuid.NAMESPACE_OID, f"{seed}/disk")
    partitions = [
        gpt.Partition(
            first=offset // sector_size,
            sectors=item.bytes // sector_size,
            type=item.type,
            name=item.name,
            guid=uuid.uuid5(uuid.NAMESPACE_OID, f"{seed}/{index}"),
            active=index == 0,
        )
        for index, (item, offset) in enumerate(zip(items, offsets, strict=True))
    ]
    if scheme == "gpt":
        front, back = gpt.gpt(partitions, total // sector_size, disk_guid, sector_size=sector_size)
        return [(0, front), (total - len(back), back)]
    if scheme == "mbr":
        return [(0, gpt.mbr(partitions, total // sector_size, disk_guid.int & 0xFFFFFFFF, sector_size=sector_size))]
    return []


def _align(value: int, unit: int) -> int:
    return -(-value // unit) * unit
