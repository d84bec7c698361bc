"""Partition tables as bytes: GPT with its protective MBR and backup, and the classic MBR.

References:
    UEFI Specification 2.10, chapter 5 (GUID Partition Table), sections 5.2.1 and 5.3.
"""

from __future__ import annotations

import struct
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

BASIC_DATA = uuid.UUID("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7")
EFI_SYSTEM = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
MICROSOFT_RESERVED = uuid.UUID("e3c9e316-0b5c-4db8-817d-f92df00215ae")
WINDOWS_RECOVERY = uuid.UUID("de94bba4-06d1-4d40-a16a-bfd50179d6ac")
_NO_GUID = uuid.UUID(int=0)

MBR_NTFS = 0x07
MBR_PROTECTIVE = 0xEE

_ENTRY_COUNT = 128
_ENTRY_SIZE = 128
_ENTRIES_SIZE = _ENTRY_COUNT * _ENTRY_SIZE
# Windows writes FE FF FF where an LBA no longer fits the cylinder/head/sector fields; every reader uses the LBA.
_CHS_OUT_OF_RANGE = b"\xfe\xff\xff"


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition, in sectors of the disk.

    Attributes:
        first: First sector.
        sectors: Number of sectors.
        type: GPT partition type; an MBR entry is always type 7 (NTFS).
        name: GPT partition name, at most 36 UTF-16 units.
        guid: GPT unique GUID; an MBR has none.
        active: MBR boot flag.
    """

    first: int
    sectors: int
    type: uuid.UUID = BASIC_DATA
    name: str = "Basic data partition"
    guid: uuid.UUID = _NO_GUID
    active: bool = False

    @property
    def last(self) -> int:
        return self.first + self.sectors - 1


def overhead_sectors(sector_size: int) -> int:
    """Sectors a GPT takes at the end of the disk (entries and header); the front takes one more, the MBR."""
    return _ENTRIES_SIZE // sector_size + 1


def gpt(
    partitions: Sequence[Partition], disk_sectors: int, disk_guid: uuid.UUID, *, sector_size: int = 512
) -> tuple[bytes, bytes]:
    """Write a GPT.

    Args:
        partitions: In the order of their entries.
        disk_sectors: Size of the whole disk in sectors.
        disk_guid: GUID of the disk.
        sector_size: Bytes per logical sector, 512 or 4096.

    Returns:
        What stands at sector 0 (protective MBR, header, entries) and what stands in the last
        ``overhead_sectors(sector_size)`` sectors (entries, backup header).

    Raises:
        ValueError: A partition overlaps another or the tables, or there are more than 128.
    """
    tail = overhead_sectors(sector_size)
    first_usable, last_usable = tail + 1, disk_sectors - tail - 1
    _check(partitions, first_usable, last_usable, _ENTRY_COUNT)
    entries = b"".join(_gpt_entry(partition) for partition in partitions).ljust(_ENTRIES_SIZE, b"\0")

    def header(here: int, there: int, entries_at: int) -> bytes:
        def fields(crc: int) -> bytes:
            return struct.pack(
                "<8sIIIIQQQQ16sQIII",
                b"EFI PART",
                0x00010000,
                92,
                crc,
                0,
                here,
                there,
                first_usable,
                last_usable,
                disk_guid.bytes_le,
                entries_at,
                _ENTRY_COUNT,
                _ENTRY_SIZE,
                zlib.crc32(entries),
            )

        return fields(zlib.crc32(fields(0))).ljust(sector_size, b"\0")

    backup_at = disk_sectors - 1
    protective = _mbr_entry(MBR_PROTECTIVE, 1, min(disk_sectors - 1, 0xFFFFFFFF), active=False, chs=b"\x00\x02\x00")
    front = _boot_sector([protective], 0, sector_size) + header(1, backup_at, 2) + entries
    return front, entries + header(backup_at, 1, backup_at - tail + 1)


def mbr(partitions: Sequence[Partition], disk_sectors: int, signature: int, *, sector_size: int = 512) -> bytes:
    """Write an MBR with up to four primary NTFS partitions.

    Args:
        partitions: In the order of their entries.
        disk_sectors: Size of the whole disk in sectors.
        signature: The NT disk signature at offset 0x1B8.
        sector_size: Bytes per logical sector.

    Returns:
        Sector 0.

    Raises:
        ValueError: More than four partitions, an overlap, or a sector number beyond 32 bits.
    """
    _check(partitions, 1, min(disk_sectors - 1, 0xFFFFFFFF), 4)
    entries = [_mbr_entry(MBR_NTFS, item.first, item.sectors, active=item.active) for item in partitions]
    return _boot_sector(entries, signature, sector_size)


def _check(partitions: Sequence[Partition], first: int, last: int, most: int) -> None:
    if len(partitions) > most:
        raise ValueError(f"{len(partitions)} partitions, the table holds {most}")
    end = first - 1
    for partition in sorted(partitions, key=lambda item: item.first):
        if partition.sectors < 1 or partition.first <= end or partition.last > last:
            raise ValueError(f"partition at sectors {partition.first}-{partition.last} overlaps or leaves the disk")
        end = partition.last


def _gpt_entry(partition: Partition) -> bytes:
    name = partition.name.encode("utf-16-le")
    if len(name) > 72:
        raise ValueError(f"partition name {partition.name!r} is longer than 36 UTF-16 units")
    return struct.pack(
        "<16s16sQQQ72s", partition.type.bytes_le, partition.guid.bytes_le, partition.first, partition.last, 0, name
    )


def _mbr_entry(kind: int, first: int, sectors: int, *, active: bool, chs: bytes = _CHS_OUT_OF_RANGE) -> bytes:
    return struct.pack("<B3sB3sII", 0x80 if active else 0, chs, kind, _CHS_OUT_OF_RANGE, first, sectors)


def _boot_sector(entries: Sequence[bytes], signature: int, sector_size: int) -> bytes:
    sector = bytes(440) + struct.pack("<IH", signature, 0) + b"".join(entries).ljust(64, b"\0") + b"\x55\xaa"
    return sector.ljust(sector_size, b"\0")
