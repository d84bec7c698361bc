"""Opens VHD images: fixed and dynamic ones with dissect's reader, differencing ones with their parents.

References:
    - Microsoft, Virtual Hard Disk Image Format Specification 1.0 (footer, dynamic disk header, block bitmaps)
"""

from __future__ import annotations

import io
import struct
from array import array
from itertools import pairwise
from sys import byteorder
from typing import TYPE_CHECKING, BinaryIO
from uuid import UUID

from dissect.util.stream import AlignedStream

from forensics.disk.disk import Disk, Holder
from forensics.disk.errors import SourceError
from forensics.disk.image import Image, checked_disk
from forensics.disk.magic import VHD_COOKIE
from forensics.disk.parents import ParentDisk, Wanted, open_parent
from forensics.disk.readable_bytes import is_bad_sector, readable_bytes
from forensics.formats.errors import FormatError
from forensics.language import sentence

if TYPE_CHECKING:
    from dissect.hypervisor.disk.vhd import VHD

_SECTOR = 512
_FOOTER = 512
_START = 8192
_DIFFERENCING = 4
_MAX_BLOCKS = 1 << 22
"""Format: blocks of a differencing VHD."""
_MAX_BLOCK = 1 << 26
"""Format: bytes of a block of a differencing VHD."""
_UNUSED = 0xFFFFFFFF


def open_vhd(image: Image, holder: Holder) -> Disk:
    """Open a VHD, and its parents where it is a differencing disk.

    Raises:
        SourceError: It is damaged, or its parent is missing or not the parent.
    """
    footer, lost = _footer(image.file)
    if lost is not None:
        holder.problem(image.name, lost.kind, lost.message)
    if struct.unpack_from(">I", footer, 60)[0] == _DIFFERENCING:
        return _differencing(image, footer, holder)
    if lost is not None:
        disk: AlignedStream = _from_copy(image.file, footer)
    else:
        from dissect.hypervisor.disk.vhd import VHD

        disk = VHD(image.file)
    return checked_disk(image, disk, holder)


def _footer(file: BinaryIO) -> tuple[bytes, FormatError | None]:
    """Return the footer, and why it is only the copy at the start of the file; None where it is not."""
    head = readable_bytes(file, 0, _START)[:_FOOTER]
    end = file.seek(-_FOOTER, io.SEEK_END)
    try:
        tail = readable_bytes(file, end, _FOOTER)
    except OSError as error:
        if not is_bad_sector(error):
            raise
        unread = sentence("the image cannot be read at byte {offset}: {error}", offset=end, error=error)
        return head, FormatError("not_obtained", end, unread)
    # Virtual PC wrote footers of 511 bytes.
    footer = tail if tail.startswith(VHD_COOKIE) else tail[1:] if tail[1:].startswith(VHD_COOKIE) else b""
    missing = sentence("the VHD has no footer at its end: the file is truncated")
    return (footer, None) if footer else (head, FormatError("truncated", end, missing))


def _from_copy(file: BinaryIO, footer: bytes) -> VHD:
    """Open a dynamic VHD by the copy of its footer at its start."""
    from dissect.hypervisor.disk.c_vhd import c_vhd
    from dissect.hypervisor.disk.vhd import VHD, DynamicDisk

    disk = VHD.__new__(VHD)
    disk.fh = file
    disk.disk = DynamicDisk(file, c_vhd.footer(footer))  # type: ignore[assignment]
    AlignedStream.__init__(disk, disk.disk.size)
    return disk


def _differencing(image: Image, footer: bytes, holder: Holder) -> Disk:
    header_at = struct.unpack_from(">Q", footer, 16)[0]
    image.file.seek(min(header_at, 1 << 62))
    header = image.file.read(1024)
    if len(header) != 1024 or not header.startswith(b"cxsparse"):
        raise SourceError("bad_header", sentence("the header of the differencing VHD is missing or damaged"))
    wanted = UUID(bytes=header[40:56])

    def misfit(parent: Image) -> str | None:
        if parent.kind != "vhd":
            return sentence("it is no VHD but {kind}", kind=parent.kind)
        actual = UUID(bytes=_footer(parent.file)[0][68:84])
        return (
            None
            if actual == wanted
            else sentence("its identity is {{{actual}}}, the child needs {{{wanted}}}", actual=actual, wanted=wanted)
        )

    size = struct.unpack_from(">Q", footer, 48)[0]
    stream = _DifferencingVhd(image.file, header, size)
    stream.parent = open_parent(image, Wanted("differencing VHD", misfit, size), holder)
    return checked_disk(image, stream, holder, stream.parent.files)


class _DifferencingVhd(AlignedStream):
    """The disk of a differencing VHD: per sector a bit says whether it is here or in the parent."""

    parent: ParentDisk
    size: int

    def __init__(self, file: BinaryIO, header: bytes, size: int) -> None:
        self._file = file
        table_at = struct.unpack_from(">Q", header, 16)[0]
        count, self._block = struct.unpack_from(">II", header, 28)
        if not _SECTOR <= self._block <= _MAX_BLOCK or self._block % _SECTOR:
            raise SourceError("bad_header", sentence("a VHD with blocks of {block} bytes", block=self._block))
        if count > _MAX_BLOCKS or count * self._block < size:
            raise SourceError("bad_header", sentence("a VHD of {size} bytes in {count} blocks", size=size, count=count))
        file.seek(min(table_at, 1 << 62))
        raw = file.read(4 * count)
        if len(raw) != 4 * count:
            raise SourceError("truncated", sentence("the block table of the VHD is cut short: the file is truncated"))
        self._table = array("I", raw)
        if byteorder == "little":
            self._table.byteswap()
        self._bitmap = -(-self._block // _SECTOR // 8 // _SECTOR) * _SECTOR
        super().__init__(size, _SECTOR)

    def _read(self, offset: int, length: int) -> bytes:
        parts = []
        length = min(length, self.size - offset)
        while length > 0:
            number, within = divmod(offset, self._block)
            count = min(length, self._block - within)
            if self._table[number] == _UNUSED:
                parts.append(self.parent.read_at(offset, count))
            else:
                parts.append(self._read_mixed(number, within, count))
            offset, length = offset + count, length - count
        return b"".join(parts)

    def _read_mixed(self, number: int, within: int, count: int) -> bytes:
        at, first, last = self._table[number] * _SECTOR, within // _SECTOR, -(-(within + count) // _SECTOR)
        bits = "".join(f"{byte:08b}" for byte in self._exactly(at + first // 8, -(-last // 8) - first // 8))
        bits = bits[first % 8 :][: last - first]
        cuts = [0, *(at for at in range(1, len(bits)) if bits[at] != bits[at - 1]), len(bits)]
        parts = []
        for run_start, run_end in pairwise(cuts):
            low = max(within, (first + run_start) * _SECTOR)
            high = min(within + count, (first + run_end) * _SECTOR)
            if bits[run_start] == "1":
                parts.append(self._exactly(at + self._bitmap + low, high - low))
            else:
                parts.append(self.parent.read_at(number * self._block + low, high - low))
        return b"".join(parts)

    def _exactly(self, at: int, count: int) -> bytes:
        self._file.seek(at)
        data = self._file.read(count)
        if len(data) != count:
            raise EOFError
        return data
