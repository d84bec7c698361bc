"""Partition tables of a disk: GPT and MBR, with 512- and 4096-byte sectors, bounded against hostile tables."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from uuid import UUID

from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.tree import Unreadable
from forensics.formats.mounted_devices import of_gpt_partition, of_mbr_partition
from forensics.language import sentence
from forensics.late_methods import dataclass

SECTOR_SIZES = (512, 4096)
_MAX_ENTRIES = 1024
"""Format: entries of a GPT."""
_MAX_LOGICAL = 128
"""Format: logical partitions of one extended partition."""
_EXTENDED = (0x05, 0x0F, 0x85)
_PROTECTIVE = 0xEE
_SIGNATURE_AT = 440

_UNREADABLE_TYPES = {
    UUID("e3c9e316-0b5c-4db8-817d-f92df00215ae"): sentence("Microsoft reserved partition"),
    UUID("5808c8aa-7e8f-42e0-85d2-e1e90434cfb3"): sentence("dynamic disk metadata (LDM)"),
    UUID("e75caf8f-f680-4cee-afa3-b001e56efc2d"): sentence("Storage Spaces: image the virtual disk, not its member"),
}
_WITHOUT_FILES = (sentence("Microsoft reserved partition"), sentence("dynamic disk metadata (LDM)"))
_LDM_MBR = 0x42
_LDM_GPT = UUID("af9b60a0-1431-4f62-bc68-3311714a69ad")
_EFI_SYSTEM = UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
_EFI_SYSTEM_MBR = 0xEF


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition.

    Attributes:
        number: Place in the table, from 1; logical partitions from 5.
        offset: Byte offset on the disk.
        size: Bytes.
        name: GPT partition name.
        note: What its type says of it when no file system can be expected.
        is_efi: Its type says EFI system partition.
        mounted_as: What Windows notes of it where it gives it a drive letter.
        is_dynamic: It belongs to the volumes of a dynamic disk (LDM).
    """

    number: int
    offset: int
    size: int
    name: str = ""
    note: str | None = None
    is_efi: bool = False
    mounted_as: bytes = b""
    is_dynamic: bool = False

    @property
    def is_without_files(self) -> bool:
        """Its type says that it never holds files."""
        return self.note in _WITHOUT_FILES


@dataclass(frozen=True, slots=True)
class PartitionTable:
    """A partition table and what is wrong with it."""

    scheme: str
    partitions: tuple[Partition, ...]
    problems: tuple[str, ...] = ()


def read_partition_table(disk: VolumeReader, disk_size: int, sector_size: int | None = None) -> PartitionTable | None:
    """Read the partition table of a disk; None when it has none.

    Args:
        disk: The whole disk.
        disk_size: Its bytes.
        sector_size: Logical sector size where the container knows it; both usual ones are tried otherwise.
    """
    sizes = (sector_size,) if sector_size else SECTOR_SIZES
    for size in sizes:
        table = _gpt(disk, disk_size, size)
        if table is not None:
            return table
    tables = [table for table in (_mbr(disk, disk_size, size) for size in sizes) if table is not None]
    # An MBR does not say its sector size: the one under which more partitions begin with a boot sector is right.
    return max(tables, key=lambda table: sum(_has_boot_sector(disk, p) for p in table.partitions), default=None)


def _has_boot_sector(disk: VolumeReader, partition: Partition) -> bool:
    try:
        return disk.read_at(partition.offset + 510, 2) == b"\x55\xaa"
    except Unreadable:
        return False


def _gpt(disk: VolumeReader, disk_size: int, sector: int) -> PartitionTable | None:
    """Return the first table whose checksums fit, else the primary one if only they do not."""
    problems: list[str] = []
    is_start_gone = False
    doubted: tuple[Partition, ...] | None = None
    for what, offset in (("primary", sector), ("backup", disk_size - sector)):
        try:
            header = disk.read_at(offset, 92)
            if header[:8] != b"EFI PART":
                raise Unreadable(sentence("no GPT header"))
            entries = _entries(disk, header, sector)
            if not is_start_gone and doubted is None:
                doubted = tuple(_gpt_partitions(header, entries, sector))
            _check_sums(disk, header, entries, sector, offset)
            return PartitionTable("gpt", tuple(_gpt_partitions(header, entries, sector)), tuple(problems))
        except Unreadable as reason:
            problems.append(sentence("the {what} GPT is damaged: {reason}", what=what, reason=reason))
        if doubted is not None:
            continue
        protective = _is_protective(disk)
        # A disk that went back to MBR keeps the old backup table at its end.
        if protective is False:
            return None
        if protective is None and not is_start_gone:
            is_start_gone = True
            problems.append(sentence("sector 0 holds no MBR either: the partitions are those of the backup GPT"))
    return PartitionTable("gpt", doubted, tuple(problems)) if doubted is not None else None


def _is_protective(disk: VolumeReader) -> bool | None:
    """Tell whether the MBR is that of a GPT disk; None where sector 0 holds no MBR and no boot sector."""
    try:
        return any(kind == _PROTECTIVE for _, kind, _, _ in _mbr_entries(disk, 0))
    except Unreadable:
        return None


def _check_sums(disk: VolumeReader, header: bytes, entries: bytes, sector: int, offset: int) -> None:
    """Refuse a table that is not whole, or does not know where it lies; raises Unreadable."""
    length, found, own = *struct.unpack_from("<II", header, 12), struct.unpack_from("<Q", header, 24)[0]
    if not 92 <= length <= sector or own * sector != offset:
        raise Unreadable(sentence("its header does not belong where it lies"))
    whole = header if length == len(header) else disk.read_at(offset, length)
    if zlib.crc32(whole[:16] + bytes(4) + whole[20:]) != found:
        raise Unreadable(sentence("the checksum of its header does not fit"))
    if zlib.crc32(entries) != struct.unpack_from("<I", header, 88)[0]:
        raise Unreadable(sentence("the checksum of its entries does not fit"))


def _entries(disk: VolumeReader, header: bytes, sector: int) -> bytes:
    entries_at, count, size = struct.unpack_from("<QII", header, 72)
    if not 128 <= size <= 4096 or count > _MAX_ENTRIES:
        raise Unreadable(sentence("{count} entries of {size} bytes", count=count, size=size))
    if disk.size is not None and entries_at * sector + count * size > disk.size:
        raise Unreadable(sentence("its entries would lie beyond the end of the disk"))
    return disk.read_at(entries_at * sector, count * size)


def _gpt_partitions(header: bytes, entries: bytes, sector: int) -> Iterator[Partition]:
    size = struct.unpack_from("<I", header, 84)[0]
    for number in range(len(entries) // size):
        kind, unique, first, last, _flags, name = struct.unpack_from("<16s16sQQQ72s", entries, number * size)
        if not any(kind) or last < first:
            continue
        text = name.decode("utf-16-le", "replace").split("\0", 1)[0]
        guid = UUID(bytes_le=kind)
        length, note = (last - first + 1) * sector, _UNREADABLE_TYPES.get(guid)
        mounted_as, is_dynamic = of_gpt_partition(unique), guid == _LDM_GPT
        is_efi = guid == _EFI_SYSTEM
        yield Partition(number + 1, first * sector, length, text, note, is_efi, mounted_as, is_dynamic)


def _mbr(disk: VolumeReader, disk_size: int, sector: int) -> PartitionTable | None:
    try:
        entries = _mbr_entries(disk, 0)
        signature = disk.read_at(_SIGNATURE_AT, 4)
    except Unreadable:
        return None
    if any(status not in (0, 0x80) for status, _, _, _ in entries):
        return None
    partitions: list[Partition] = []
    problems: list[str] = []
    for number, (_, kind, first, count) in enumerate(entries, 1):
        if kind in _EXTENDED:
            partitions += _logical(disk, first * sector, sector, signature, problems)
        elif kind not in (0, _PROTECTIVE) and count and first * sector < disk_size:
            is_efi, is_dynamic = kind == _EFI_SYSTEM_MBR, kind == _LDM_MBR
            start = first * sector
            mounted_as = of_mbr_partition(signature, start)
            partitions.append(Partition(number, start, count * sector, "", None, is_efi, mounted_as, is_dynamic))
    return PartitionTable("mbr", tuple(partitions), tuple(problems)) if partitions else None


def _mbr_entries(disk: VolumeReader, offset: int) -> list[tuple[int, int, int, int]]:
    """Return (status, type, first sector, sectors) of the four entries."""
    boot = disk.read_at(offset, 512)
    if boot[510:] != b"\x55\xaa":
        raise Unreadable(sentence("no boot signature"))
    return [struct.unpack_from("<BxxxBxxxII", boot, 446 + 16 * i) for i in range(4)]


def _logical(disk: VolumeReader, start: int, sector: int, signature: bytes, problems: list[str]) -> Iterator[Partition]:
    """Follow the chain of extended boot records; each is relative to the first."""
    offset, seen = start, {start}
    for number in range(5, 5 + _MAX_LOGICAL):
        try:
            (_, kind, first, count), (_, next_kind, following, _), *_rest = _mbr_entries(disk, offset)
        except Unreadable as reason:
            problems.append(
                sentence(
                    "the extended partition table is damaged at byte {offset}: {reason}", offset=offset, reason=reason
                )
            )
            return
        if kind and count:
            begins = offset + first * sector
            yield Partition(number, begins, count * sector, mounted_as=of_mbr_partition(signature, begins))
        offset = start + following * sector
        if next_kind not in _EXTENDED or not following:
            return
        if offset in seen:
            break
        seen.add(offset)
    problems.append(sentence("the chain of logical partitions does not end"))
