"""What opens the BitLocker volumes of virtual disks that lie on a host's own disk; nothing of them is unlocked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO, cast

from forensics.disk.errors import SourceError
from forensics.disk.file_systems import BITLOCKER, file_system
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.partitions import Partition, read_partition_table
from forensics.disk.tree import Entry, NotFound, Unreadable
from forensics.disk.vhdx.reader import open_vhdx
from forensics.lack_of_memory import how, kind_of
from forensics.language import said_by, sentence
from forensics.sources.searched_tree import SearchedTree
from forensics.sources.source import Source
from forensics.tables.hyperv import BitLockerRow

MAX_GUEST_DISKS = 200
"""Evidence: virtual disks of one volume that are asked for BitLocker volumes."""
_SUFFIX = ".vhdx"


def read_guest_disks(source: Source, place: SearchedTree, disks: Iterable[Entry], machine_id: int) -> None:
    """Record a row of table bitlocker for each encrypted volume of the virtual disks in a place.

    A differencing disk (.avhdx) is left out: its parent tells the same. A disk that cannot be opened is a problem.

    Args:
        source: Where rows and problems go.
        place: The volume of the host.
        disks: Its virtual disks.
        machine_id: The host.
    """
    wanted = [entry for entry in disks if entry.name.lower().endswith(_SUFFIX)]
    if len(wanted) > MAX_GUEST_DISKS:
        message = sentence(
            "only the first {max_guest_disks} of {count} virtual disks are asked for BitLocker volumes",
            max_guest_disks=MAX_GUEST_DISKS,
            count=len(wanted),
        )
        source.cut("folder", "virtual disks", place.label(""), message)
    for entry in wanted[:MAX_GUEST_DISKS]:
        path = place.label(entry.path)
        try:
            with place.tree.open(entry) as file:
                guest = open_vhdx(file, name=path)
                disk = cast(BinaryIO, guest)
                for partition in _partitions(VolumeReader(disk, 0, guest.size), guest.size):
                    _ask(source, VolumeReader(disk, partition.offset, partition.size), partition, path, machine_id)
        except (SourceError, NotFound, Unreadable) as error:
            source.problem(path, error.kind, said_by(error))
        except Exception as error:  # whatever libraries raise on hostile bytes; their text may quote them
            source.problem(path, kind_of(error), sentence("reading the virtual disk failed {how}", how=how(error)))


def _partitions(reader: VolumeReader, size: int) -> Iterable[Partition]:
    if file_system(reader) is not None:
        return (Partition(0, 0, size),)
    table = read_partition_table(reader, size, None)
    return table.partitions if table is not None else ()


def _ask(source: Source, reader: VolumeReader, partition: Partition, disk: str, machine_id: int) -> None:
    if partition.note is not None or file_system(reader) != BITLOCKER:
        return
    from forensics.disk.bitlocker import describe_volume

    volume = sentence("partition {number}", number=partition.number) if partition.number else "volume"
    row = BitLockerRow(machine_id=machine_id, source_path=disk, volume=volume, disk=disk)
    source.bitlocker.append(row)
    describe_volume(reader, partition.size, row)
