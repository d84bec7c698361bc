"""The sectors of one sparse extent of a VMDK, read with dissect, and what lies below it.

References:
    - VMware, Virtual Disk Format 5.0 (sparse extent header, grain tables)
    - QEMU, block/vmdk.c (SESPARSE: kinds of grains, volatile header); checked against qemu-img.
"""

from __future__ import annotations

import struct
from typing import BinaryIO, cast

from dissect.hypervisor.disk.vmdk import RawDisk, SparseDisk
from dissect.util.stream import AlignedStream

from forensics.disk.disk import Holder
from forensics.disk.parents import ParentDisk

SECTOR = 512
_ZERO = 1
_UNMAPPED = 1


class SparseExtent(AlignedStream):
    """The sectors of one sparse extent.

    Args:
        file: It.
        name: The disk, for messages.
        holder: Where problems go.
    """

    size: int

    def __init__(self, file: BinaryIO, name: str, holder: Holder) -> None:
        file.seek(0)
        self._disk = _Grains(file)
        if self._disk.is_sesparse and _has_journal(file, self._disk.header.volatile_header_offset):
            message = "the journal of a sparse extent was not written out: it may lack the last changes"
            holder.problem(name, "marked_dirty", message)
        super().__init__(self._disk.size)

    def lay_on(self, parent: ParentDisk, start: int) -> None:
        """Have what is not here read from the parent, in whose disk this extent begins at byte ``start``."""
        self._disk.parent = cast(RawDisk, _Below(parent, start))

    def _read(self, offset: int, length: int) -> bytes:
        length = min(length, self.size - offset)
        data = self._disk.read_sectors(offset // SECTOR, -(-length // SECTOR))
        # A grain that is cut short moves those behind it.
        if len(data) < length:
            raise EOFError
        return data


class _Grains(SparseDisk):
    def _lookup_grain(self, grain: int) -> int:
        """Return where a grain is; dissect takes one that was unmapped for one that was never written."""
        if self.is_sesparse:
            directory, entry = divmod(grain, self._grain_table_size)
            table = self._lookup_grain_table(directory)
            if table and table[entry] >> 60 == _UNMAPPED:
                return _ZERO
        return int(super()._lookup_grain(grain))


class _Below:
    """Sectors of a parent, counted from where an extent of its child begins."""

    def __init__(self, parent: ParentDisk, start: int) -> None:
        self._parent = parent
        self._start = start

    def read_sectors(self, sector: int, count: int) -> bytes:
        return self._parent.read_at(self._start + sector * SECTOR, count * SECTOR)


def _has_journal(file: BinaryIO, header_at: int) -> bool:
    file.seek(min(header_at, 1 << 53) * SECTOR)
    header = file.read(32)
    return len(header) == 32 and struct.unpack_from("<Q", header, 24)[0] != 0
