"""VirtualBox disk images (VDI): dynamic, fixed, and snapshots; dissect's reader is wrong where a read crosses a block.

References:
    VirtualBox, src/VBox/Storage/VDICore.h (field names); checked against qemu-img.
"""

from __future__ import annotations

import struct
from array import array
from sys import byteorder
from typing import BinaryIO
from uuid import UUID

from dissect.util.stream import AlignedStream

from forensics.disk.disk import Disk, Holder
from forensics.disk.errors import SourceError
from forensics.disk.image import Image, checked_disk
from forensics.disk.parents import ParentDisk, Wanted, open_parent
from forensics.language import sentence

SIGNATURE = b"\x7f\x10\xda\xbe"
_SIGNATURE_AT = 64
_FREE, _ZERO = 0xFFFFFFFF, 0xFFFFFFFE
_HEADER = 512
_DYNAMIC, _FIXED, _UNDO, _SNAPSHOT = 1, 2, 3, 4
_OWN, _MODIFIED, _PARENT, _PARENT_MODIFIED = 392, 408, 424, 440
_NO_UUID = UUID(int=0)
_MAX_BLOCKS = 1 << 24
"""Format: blocks of a VDI."""


def open_vdi(image: Image, holder: Holder) -> Disk:
    """Open a VDI, and its parents where it is a snapshot.

    Raises:
        SourceError: It is damaged, or its parent is missing or not the parent.
    """
    stream = VdiStream(image.file)
    header = _header(image.file)
    if stream.is_snapshot or _uuid(header, _PARENT) != _NO_UUID:

        def misfit(parent: Image) -> str | None:
            return _misfit(image, header, parent, holder)

        stream.parent = open_parent(image, Wanted("VDI", misfit), holder)
    return checked_disk(image, stream, holder, stream.parent.files if stream.parent else ())


def _misfit(child: Image, header: bytes, parent: Image, holder: Holder) -> str | None:
    if parent.kind != "vdi":
        return sentence("it is no VDI but {kind}", kind=parent.kind)
    of_parent = _header(parent.file)
    actual, wanted = _uuid(of_parent, _OWN), _uuid(header, _PARENT)
    if actual != wanted:
        return sentence("its UUID is {{{actual}}}, the child needs {{{wanted}}}", actual=actual, wanted=wanted)
    # Whether VirtualBox always keeps these two alike is not published.
    state, known = _uuid(of_parent, _MODIFIED), _uuid(header, _PARENT_MODIFIED)
    if known not in (_NO_UUID, state):
        message = sentence(
            "{name} may have been changed after {child_name} was made on it (modification UUID "
            "{{{state}}}, the child knows {{{known}}}): if so, what is read of both contradicts itself",
            name=parent.name,
            child_name=child.name,
            state=state,
            known=known,
        )
        holder.problem(child.name, "parent_changed", message)
    return None


def _header(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read(_HEADER).ljust(_HEADER, b"\0")


def _uuid(header: bytes, at: int) -> UUID:
    return UUID(bytes_le=header[at : at + 16])


class VdiStream(AlignedStream):
    """The disk in a VDI file.

    Args:
        file: The VDI file; stays open as long as the stream is used.

    Attributes:
        is_snapshot: It says that it holds only changes to a parent.
        parent: That, once it is known.

    Raises:
        SourceError: Not a VDI, one of a kind that is not read, or one whose header cannot be right.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        file.seek(0)
        header = file.read(400)
        if len(header) < 400 or header[_SIGNATURE_AT : _SIGNATURE_AT + 4] != SIGNATURE:
            raise SourceError("truncated", sentence("the VDI header is cut short"))
        kind = struct.unpack_from("<I", header, 76)[0]
        if kind not in (_DYNAMIC, _FIXED, _SNAPSHOT):
            what = sentence("an undo image") if kind == _UNDO else sentence("of type {kind}", kind=kind)
            raise SourceError(
                "needs_parent",
                sentence(
                    "this VDI is {what}, which is not read: where the machine is, VBoxManage clonemedium makes a "
                    "disk of it that can be examined",
                    what=what,
                ),
            )
        self.is_snapshot = kind == _SNAPSHOT
        self.parent: ParentDisk | None = None
        map_at, self._data_at = struct.unpack_from("<II", header, 340)
        size, self._block, extra, blocks = struct.unpack_from("<QIII", header, 368)
        if self._block < 512 or self._block > 1 << 30 or self._block % 512 or extra % 512:
            raise SourceError("bad_header", sentence("a VDI with blocks of {block} bytes", block=self._block))
        if blocks > _MAX_BLOCKS or blocks * self._block < size:
            raise SourceError(
                "bad_header", sentence("a VDI of {size} bytes in {blocks} blocks", size=size, blocks=blocks)
            )
        self._stride, self._extra = self._block + extra, extra
        file.seek(map_at)
        raw = file.read(4 * blocks)
        if len(raw) != 4 * blocks:
            raise SourceError("truncated", sentence("the block map of the VDI is cut short: the file is truncated"))
        self._map = array("I", raw)
        if byteorder == "big":
            self._map.byteswap()
        self._size: int = size
        super().__init__(size, align=512)

    def _read(self, offset: int, length: int) -> bytes:
        parts = []
        length = min(length, self._size - offset)
        while length > 0:
            number, within = divmod(offset, self._block)
            count = min(length, self._block - within)
            block = self._map[number]
            if block == _FREE and self.parent is not None:
                parts.append(self.parent.read_at(offset, count))
            elif block in (_FREE, _ZERO):
                parts.append(bytes(count))
            else:
                self._file.seek(self._data_at + block * self._stride + self._extra + within)
                data = self._file.read(count)
                if len(data) != count:
                    raise OSError(
                        sentence("block {number} lies beyond the end of the VDI file: it is truncated", number=number)
                    )
                parts.append(data)
            offset, length = offset + count, length - count
        return b"".join(parts)
