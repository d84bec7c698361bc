"""The sectors of one sparse extent of a VMDK, read with dissect, and what lies below it.

References:
    - VMware, Virtual Disk Format 5.0 (sparse extent header, grain tables)
    - QEMU, block/vmdk.c (SESPARSE: kinds of grains, volatile header); checked against qemu-img.
"""

from __future__ import annotations

import io
import struct
import zlib
from array import array
from collections.abc import Sequence
from functools import lru_cache
from sys import byteorder
from typing import BinaryIO, cast

from dissect.hypervisor.disk.c_vmdk import COWD_MAGIC, VMDK_MAGIC, c_vmdk
from dissect.hypervisor.disk.vmdk import RawDisk, SparseDisk, SparseExtentHeader
from dissect.util.stream import AlignedStream

from forensics.disk.disk import Holder
from forensics.disk.errors import SourceError
from forensics.disk.parents import ParentDisk
from forensics.language import sentence

SECTOR = 512
_ZEROS = 1
_UNMAPPED, _ZERO, _ALLOCATED = 1, 2, 3
_ALLOCATED_TABLE = 0x10000000
_AT_END = (1 << 64) - 1
_FAR = 1 << 53
_KEPT_TABLES = 128
_MAX_TABLE = 1 << 16
"""Format: entries of a grain table of a VMDK."""
_MAX_GRAIN = 1 << 21
"""Format: sectors of a grain of a VMDK."""
_MAX_DIRECTORY = 1 << 22
"""Format: grain tables of an extent of a VMDK."""


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
            message = sentence("the journal of a sparse extent was not written out: it may lack the last changes")
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
    """dissect's reader of grains, with tables that take no object for each of their entries, and bounds."""

    def __init__(self, file: BinaryIO) -> None:
        self.fh = file
        self.parent = None
        self.offset = self.sector_offset = 0
        self.header = SparseExtentHeader(file)
        if self.header.magic == VMDK_MAGIC and self.header.primary_grain_directory_offset == _AT_END:
            file.seek(-1024, io.SEEK_END)
            self.header = SparseExtentHeader(file)
        header = self.header
        self.is_sesparse = header.magic == c_vmdk.SESPARSE_CONST_HEADER_MAGIC
        if self.is_sesparse:
            self._code, directory_at = "Q", header.grain_directory_offset
            self._grain_table_size = header.grain_table_size * SECTOR // 8
        else:
            self._code, directory_at = "I", header.primary_grain_directory_offset
            self._grain_table_size = 4096 if header.magic == COWD_MAGIC else header.num_grain_table_entries
        if not 0 < self._grain_table_size <= _MAX_TABLE or not 0 < header.grain_size <= _MAX_GRAIN:
            raise SourceError("bad_header", sentence("a sparse extent with grains or tables of a size that none has"))
        self.sector_count = header.capacity
        self.size = header.capacity * SECTOR
        count = -(-header.capacity // (self._grain_table_size * header.grain_size))
        if count > _MAX_DIRECTORY:
            raise SourceError("bad_header", sentence("a sparse extent of {size} bytes", size=self.size))
        self._directory = self._entries(directory_at, count)
        self._kept_table = lru_cache(_KEPT_TABLES)(self._table)

    def _read_compressed_grain(self, sector: int) -> bytes:
        """Return a grain; dissect would read and unpack whatever size its header claims."""
        whole = self.header.grain_size * SECTOR
        self.fh.seek(sector * SECTOR)
        has_address = self.header.flags & c_vmdk.SPARSEFLAG_EMBEDDED_LBA
        head = self.fh.read(12 if has_address else 4)
        (size,) = struct.unpack_from("<I", head, len(head) - 4)
        if size > 2 * whole + SECTOR:
            raise ValueError
        inflate = zlib.decompressobj()
        data = inflate.decompress(self.fh.read(size), whole)
        # Its checksum stands behind the last byte; a grain of another size would move those behind it.
        further = inflate.decompress(inflate.unconsumed_tail, 1)
        if further or not inflate.eof or len(data) not in (whole, self.size % whole):
            raise zlib.error("a grain of another size")
        return data

    def _entries(self, sector: int, count: int) -> Sequence[int]:
        entries = array(self._code)
        self.fh.seek(min(sector, _FAR) * SECTOR)
        data = self.fh.read(count * entries.itemsize)
        if len(data) != count * entries.itemsize:
            raise EOFError
        entries.frombytes(data)
        if byteorder == "big":
            entries.byteswap()
        return entries

    def _table(self, directory: int) -> Sequence[int] | None:
        entry = self._directory[directory]
        if not self.is_sesparse:
            return self._entries(entry, self._grain_table_size) if entry else None
        if entry >> 32 != _ALLOCATED_TABLE:
            return None
        table = (entry & 0xFFFFFFFF) * (self._grain_table_size * 8 // SECTOR)
        return self._entries(self.header.grain_tables_offset + table, self._grain_table_size)

    def _lookup_grain(self, grain: int) -> int:
        """Return the sector of a grain, 1 where it is zeros, 0 where it was never written.

        dissect takes a grain that was unmapped for one that was never written, and shows what the parent holds there.
        """
        directory, at = divmod(grain, self._grain_table_size)
        table = self._kept_table(directory)
        entry = table[at] if table else 0
        if not self.is_sesparse or not entry:
            return entry
        kind = entry >> 60
        if kind in (_UNMAPPED, _ZERO):
            return _ZEROS
        if kind != _ALLOCATED:
            raise ValueError
        number = (entry >> 48 & 0xFFF) | (entry & 0xFFFFFFFFFFFF) << 12
        return int(self.header.grains_offset + number * self.header.grain_size)


class _Below:
    """Sectors of a parent, counted from where an extent of its child begins."""

    def __init__(self, parent: ParentDisk, start: int) -> None:
        self._parent = parent
        self._start = start

    def read_sectors(self, sector: int, count: int) -> bytes:
        return self._parent.read_at(self._start + sector * SECTOR, count * SECTOR)


def _has_journal(file: BinaryIO, header_at: int) -> bool:
    file.seek(min(header_at, _FAR) * SECTOR)
    header = file.read(32)
    return len(header) == 32 and struct.unpack_from("<Q", header, 24)[0] != 0
