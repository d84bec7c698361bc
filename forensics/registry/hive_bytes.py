"""The hive bins as one readable range: the file, with the pages of its logs laid over it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import BinaryIO

from forensics.disk.tree import NotObtained
from forensics.lack_of_memory import pass_on
from forensics.language import sentence
from forensics.registry.base_block import BASE_BLOCK_SIZE
from forensics.registry.log_entries import SECTOR

_BLOCK = 16 << 10
_CACHED_BLOCKS = 1024
"""Work: blocks of 16 KiB of one hive that are kept; ten thousand certificates take as many, in no order."""


class HiveBytes:
    """Reads the hive bins; the file itself is read only where asked, in blocks of 16 KiB, 16 MiB of them kept.

    Args:
        stream: The hive file, seekable.
        size: Size of the hive bins in bytes.
        overlay: 512-byte pages by their number from the start of the bins.
    """

    def __init__(self, stream: BinaryIO, size: int, overlay: Mapping[int, bytes] | None = None) -> None:
        self.size = size
        self._stream = stream
        self._overlay = overlay or {}
        self._block = lru_cache(_CACHED_BLOCKS)(self._read_block)

    def read(self, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from ``offset`` in the bins; fewer at their end or where the file is cut.

        Raises:
            NotObtained: The file cannot be read there.
        """
        end = min(offset + size, self.size)
        if offset < 0 or offset >= end:
            return b""
        first, last = offset // _BLOCK, (end - 1) // _BLOCK
        start = offset - first * _BLOCK
        if first == last:
            return self._block(first)[start : start + end - offset]
        return b"".join(map(self._block, range(first, last + 1)))[start : start + end - offset]

    def _read_block(self, number: int) -> bytes:
        offset = number * _BLOCK
        try:
            self._stream.seek(BASE_BLOCK_SIZE + offset)
            data = self._stream.read(_BLOCK)
        except Exception as error:  # whatever the libraries behind a tree raise
            pass_on(error)
            raise NotObtained(
                sentence(
                    "hive data at byte {base_block_size} cannot be read: {error}",
                    base_block_size=BASE_BLOCK_SIZE + offset,
                    error=error,
                )
            ) from error
        first = offset // SECTOR
        patches = [n for n in range(first, first + _BLOCK // SECTOR) if n in self._overlay] if self._overlay else []
        if not patches:
            return data
        block = bytearray(data)
        for page in patches:
            at = (page - first) * SECTOR
            # A log may extend the hive beyond the end of the file.
            block.extend(bytes(max(0, at + SECTOR - len(block))))
            block[at : at + SECTOR] = self._overlay[page]
        return bytes(block)
