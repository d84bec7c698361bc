"""VirtualBox disk images (VDI), dynamic and fixed; dissect's reader is wrong where a read crosses a block.

References:
    VirtualBox, src/VBox/Storage/VDICore.h (field names); checked against qemu-img.
"""

from __future__ import annotations

import struct
from array import array
from sys import byteorder
from typing import BinaryIO

from dissect.util.stream import AlignedStream

from forensics.disk.errors import SourceError

SIGNATURE = b"\x7f\x10\xda\xbe"
_SIGNATURE_AT = 64
_FREE, _ZERO = 0xFFFFFFFF, 0xFFFFFFFE
_DYNAMIC, _FIXED = 1, 2
_MAX_BLOCKS = 1 << 24
"""Format: blocks of a VDI."""


class VdiStream(AlignedStream):
    """The disk in a VDI file.

    Args:
        file: The VDI file; stays open as long as the stream is used.

    Raises:
        SourceError: Not a VDI, one that needs another file, or one whose header cannot be right.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        file.seek(0)
        header = file.read(400)
        if len(header) < 400 or header[_SIGNATURE_AT : _SIGNATURE_AT + 4] != SIGNATURE:
            raise SourceError("truncated", "the VDI header is cut short")
        kind = struct.unpack_from("<I", header, 76)[0]
        if kind not in (_DYNAMIC, _FIXED):
            raise SourceError(
                "needs_parent",
                "this VDI is a snapshot that holds only changes to another file; "
                "merge the chain first (VBoxManage clonemedium) and examine the result",
            )
        map_at, self._data_at = struct.unpack_from("<II", header, 340)
        size, self._block, extra, blocks = struct.unpack_from("<QIII", header, 368)
        if self._block < 512 or self._block > 1 << 30 or self._block % 512 or extra % 512:
            raise SourceError("bad_header", f"a VDI with blocks of {self._block} bytes")
        if blocks > _MAX_BLOCKS or blocks * self._block < size:
            raise SourceError("bad_header", f"a VDI of {size} bytes in {blocks} blocks")
        self._stride, self._extra = self._block + extra, extra
        file.seek(map_at)
        raw = file.read(4 * blocks)
        if len(raw) != 4 * blocks:
            raise SourceError("truncated", "the block map of the VDI is cut short: the file is truncated")
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
            if block in (_FREE, _ZERO):
                parts.append(bytes(count))
            else:
                self._file.seek(self._data_at + block * self._stride + self._extra + within)
                data = self._file.read(count)
                if len(data) != count:
                    raise OSError(f"block {number} lies beyond the end of the VDI file: it is truncated")
                parts.append(data)
            offset, length = offset + count, length - count
        return b"".join(parts)
