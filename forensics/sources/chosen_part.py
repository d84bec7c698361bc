"""Adds of a disk what the user chose: one partition, what begins at a byte, or what a search finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import BinaryIO, cast

from forensics.disk.disk import Disk, Progress
from forensics.disk.errors import SourceError
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.partitions import Partition, read_partition_table
from forensics.disk.unlock import Unlock
from forensics.language import joined, sentence
from forensics.sources.choices import SEARCH, Choices
from forensics.sources.source import Source
from forensics.sources.volumes import add_disk
from forensics.tables.outcome import Outcome

_NAMED = 16
"""Display: partitions of a disk that one sentence names."""


def add_chosen(
    source: Source, disk: Disk, keys: Unlock, first_machine_id: int, choices: Choices, progress: Progress
) -> bool:
    """Add the Windows installations of a disk, or of the part of it that the user chose.

    Returns:
        False when nothing was chosen, and the bytes hold neither a partition table nor a file system.

    Raises:
        SourceError: There is no such byte or partition, or nothing begins there; the message says what there is.
    """
    if choices.offset is None:
        return add_disk(source, disk, keys, first_machine_id, choices.partition)
    if choices.offset == SEARCH:
        _add_found(source, disk, keys, first_machine_id, choices.partition, progress)
        return True
    begins = int(choices.offset)
    if begins >= disk.size:
        message = sentence(
            "{path} holds {size} bytes, none at --offset {begins}: {there_is}",
            path=disk.path,
            size=disk.size,
            begins=begins,
            there_is=_there_is(disk),
        )
        raise SourceError("bad_offset", message)
    if not add_disk(source, disk_at(disk, begins), keys, first_machine_id, choices.partition):
        message = sentence(
            "{path}: neither a disk nor a volume begins at --offset {begins}: {there_is}",
            path=disk.path,
            begins=begins,
            there_is=_there_is(disk),
        )
        raise SourceError("bad_offset", message)
    return True


def disk_at(disk: Disk, start: int) -> Disk:
    """Return the disk, or volume, that begins at a byte of another one."""
    if not start:
        return disk
    from dissect.util.stream import RangeStream

    size = disk.size - start
    stream = cast(BinaryIO, RangeStream(disk.stream, start, size))
    return replace(disk, stream=stream, size=size, sector_size=None, start=start)


def told_partitions(partitions: Sequence[Partition]) -> str:
    """Name partitions with the bytes at which they begin."""
    told: list[str] = [
        sentence("partition {number} ({size} bytes from byte {offset})", number=p.number, size=p.size, offset=p.offset)
        for p in partitions[:_NAMED]
    ]
    names = joined(told, ", ")
    if len(partitions) > _NAMED:
        return sentence("{names} and {count} more", names=names, count=len(partitions) - _NAMED)
    return names


def _there_is(disk: Disk) -> str:
    table = read_partition_table(VolumeReader(disk.stream, 0, disk.size), disk.size, disk.sector_size)
    has = (
        sentence("its table has {told_partitions}", told_partitions=told_partitions(table.partitions))
        if table and table.partitions
        else sentence("it has no partitions")
    )
    return sentence("{has}; --offset search looks for what begins in it", has=has)


def _add_found(
    source: Source, disk: Disk, keys: Unlock, first_machine_id: int, partition: int | None, progress: Progress
) -> None:
    """Add what begins anywhere in a disk, and say at which bytes.

    Raises:
        SourceError: Nothing does.
    """
    from forensics.disk.hidden import search_beginnings

    result = search_beginnings(VolumeReader(disk.stream, 0, disk.size), disk.size, progress)
    if result.cut is not None:
        source.cut("volume", "disk", disk.path, sentence("searching for disks: {cut}", cut=result.cut), "too_large")
    if not result.found:
        nothing = sentence("{path}: no disk and no NTFS or BitLocker volume begins in it at any sector", path=disk.path)
        if result.cut:
            nothing = sentence("{nothing} ({cut})", nothing=nothing, cut=result.cut)
        raise SourceError(
            "no_volume",
            sentence("{nothing}: it is encrypted as a whole, damaged, or no disk image", nothing=nothing),
        )
    refused: list[SourceError] = []
    for beginning in result.found:
        told = sentence(
            "{what} begins at byte {offset} (found by --offset search)", what=beginning.what, offset=beginning.offset
        )
        source.coverage.tell("volume", "disk", Outcome("present", told), disk.path)
        progress(f"{disk.path}: {told}")
        try:
            add_disk(source, disk_at(disk, beginning.offset), keys, first_machine_id, partition)
        except SourceError as error:
            refused.append(error)
            source.problem(disk.path, error.kind, error.message)
    if len(refused) == len(result.found):
        raise refused[0]
