"""A resource of a WIM as bytes that can be read anywhere: chunk by chunk, each unpacked by itself.

References:
    - wimlib, src/resource.c (chunk tables; a chunk that did not shrink is stored as it is)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import BinaryIO

from forensics.disk.tree import NotObtained
from forensics.disk.wim.decoders import decoder_of, is_chunk_size
from forensics.disk.wim.structures import COMPRESSED, METHODS, NONE, SOLID, Resource
from forensics.language import sentence

MAX_SIZE = 1 << 40
"""Format: bytes that one resource of a WIM unpacks to."""
_SPANNED = 0x08
_SOLID_HEADER = struct.Struct("<QII")
_STORED_CHUNK = 1 << 20
_DAMAGED = sentence("the WIM is damaged there, which says nothing about the file itself")


class Chunks:
    """The chunks of one resource.

    Args:
        file: The file that holds it.
        length: Bytes of that file.
        resource: It.
        method: How resources of the WIM are compressed, where this one does not say.
        chunk_size: Bytes that are compressed together, likewise.

    Attributes:
        size: Bytes that it unpacks to.
        chunk_size: Bytes that each chunk unpacks to, but for the last.
        method: How they are compressed.

    Raises:
        NotObtained: It lies beyond the end of the file, is damaged, or nothing unpacks it.
    """

    def __init__(self, file: BinaryIO, length: int, resource: Resource, method: int, chunk_size: int) -> None:
        if resource.offset + resource.stored > length:
            raise NotObtained(
                sentence(
                    "a part of it lies beyond the end of the WIM, which has {length} bytes: it is truncated",
                    length=length,
                )
            )
        if resource.flags & _SPANNED:
            raise NotObtained(sentence("goes on in another file of the WIM, which is not read: export it to one file"))
        self._file = file
        self._at = resource.offset
        self._end = resource.offset + resource.stored
        if resource.flags & SOLID:
            self.size, self.chunk_size, self.method = self._solid_header()
            self._starts: Sequence[int] = self._sizes_summed()
        elif resource.flags & COMPRESSED:
            self.size, self.chunk_size, self.method = resource.size, chunk_size, method
            self._check()
            self._starts = self._offsets()
        else:
            if resource.size != resource.stored:
                raise NotObtained(sentence("{damaged}: it says two sizes of what is not compressed", damaged=_DAMAGED))
            self.size, self.chunk_size, self.method = resource.size, _STORED_CHUNK, NONE
            self._starts = range(self._at, self._end + _STORED_CHUNK, _STORED_CHUNK)

    def __len__(self) -> int:
        return -(-self.size // self.chunk_size)

    def unpack(self, number: int) -> bytes:
        """Return one chunk; raises NotObtained."""
        size = min(self.chunk_size, self.size - number * self.chunk_size)
        start, end = self._starts[number], min(self._starts[number + 1], self._end)
        if not 0 < end - start <= size:
            raise NotObtained(sentence("{damaged}: a chunk of it has {end} bytes", damaged=_DAMAGED, end=end - start))
        data = self._read(start, end - start)
        if len(data) == size:
            return data
        return decoder_of(self.method, self.chunk_size)(data, size)

    def _read(self, at: int, count: int) -> bytes:
        try:
            self._file.seek(at)
            data = self._file.read(count)
        except OSError as error:
            raise NotObtained(
                sentence("the WIM cannot be read there: {strerror}", strerror=error.strerror or error)
            ) from error
        if len(data) < count:
            raise NotObtained(sentence("{damaged}: it ends there", damaged=_DAMAGED))
        return data

    def _check(self) -> None:
        if not 0 <= self.size <= MAX_SIZE:
            raise NotObtained(sentence("{damaged}: a size of {size} bytes", damaged=_DAMAGED, size=self.size))
        if not is_chunk_size(self.method, self.chunk_size):
            name = (
                METHODS[self.method] if self.method < len(METHODS) else sentence("method {method}", method=self.method)
            )
            raise NotObtained(
                sentence(
                    "compressed with {name} in chunks of {chunk_size} bytes, which is not read",
                    name=name,
                    chunk_size=self.chunk_size,
                )
            )

    def _table(self, count: int, width: int) -> tuple[int, ...]:
        """Read the chunk table, which stands before the chunks."""
        if count * width > self._end - self._at:
            raise NotObtained(sentence("{damaged}: its table of chunks is larger than it", damaged=_DAMAGED))
        table = self._read(self._at, count * width)
        self._at += len(table)
        return struct.unpack(f"<{count}{'Q' if width == 8 else 'I'}", table)

    def _offsets(self) -> list[int]:
        """Return where the chunks begin, and where the last one ends; the table tells of all but the first."""
        offsets = self._table(max(0, len(self) - 1), 8 if self.size >= 1 << 32 else 4)
        return [self._at, *(self._at + offset for offset in offsets), self._end]

    def _solid_header(self) -> tuple[int, int, int]:
        size, chunk_size, method = _SOLID_HEADER.unpack(self._read(self._at, _SOLID_HEADER.size))
        self._at += _SOLID_HEADER.size
        self.size, self.chunk_size, self.method = size, chunk_size, method
        self._check()
        return size, chunk_size, method

    def _sizes_summed(self) -> list[int]:
        sizes = self._table(len(self), 4)
        return list(accumulate(sizes, initial=self._at))


def pieces(chunks: Chunks, at: int, size: int) -> Iterator[tuple[int, slice]]:
    """Yield the numbers of the chunks that hold a range, and what of each."""
    end = at + size
    while at < end:
        number, start = divmod(at, chunks.chunk_size)
        stop = min(chunks.chunk_size, start + end - at)
        yield number, slice(start, stop)
        at += stop - start
