"""Contents of files in a WIM, each held against its SHA-1, and nothing but what is asked for."""

from __future__ import annotations

import errno
import hashlib
import io
import tempfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import BinaryIO, cast

from dissect.util.stream import AlignedStream

from forensics.disk.temporary import Room, temporary
from forensics.disk.tree import NotObtained
from forensics.disk.wim.chunks import Chunks, pieces
from forensics.disk.wim.structures import COMPRESSED, SOLID, Blob, Resource
from forensics.language import sentence

_IN_MEMORY = 64 << 20
_MOST_CHECKED = 1 << 30
"""Work: bytes of a file that is unpacked whole and held against its SHA-1; of a larger one only what is read is
unpacked.
"""
_MOST_KEPT = 4 << 30
"""Work: bytes of unpacked solid chunks that are kept in the temporary folder."""
_MOST_TABLES = 64
"""Work: tables of chunks that are kept in memory."""
_LEAST_KEPT = 1 << 20
"""Work: bytes of a chunk that is kept once it was unpacked; smaller ones are unpacked again."""


class _KeptChunks:
    """Solid chunks that were unpacked, in an unnamed temporary file: each holds parts of many files.

    Args:
        resources: Closes the file.
    """

    def __init__(self, resources: ExitStack) -> None:
        self._resources = resources
        self._file: BinaryIO | None = None
        self._places: dict[tuple[int, int, int], tuple[int, int]] = {}
        self._end = 0
        self._room = Room()

    def get(self, key: tuple[int, int, int], part: slice) -> bytes | None:
        place = self._places.get(key)
        if place is None or self._file is None:
            return None
        self._file.seek(place[0] + part.start)
        return self._file.read(part.stop - part.start)

    def put(self, key: tuple[int, int, int], chunk: bytes) -> None:
        try:
            self._room.take(len(chunk))
            if self._file is None:
                self._file = self._resources.enter_context(temporary())
            if self._end + len(chunk) > _MOST_KEPT:
                self._places.clear()
                self._end = 0
                self._file.truncate(0)
            self._file.seek(self._end)
            self._file.write(chunk)
            self._file.flush()
        except OSError:
            # It is unpacked again when it is needed.
            return
        self._places[key] = self._end, len(chunk)
        self._end += len(chunk)


class WimContents:
    """What the resources of a WIM unpack to.

    Args:
        files: The files of the WIM by their number, and the bytes of each.
        method: How its resources are compressed.
        chunk_size: Bytes that are compressed together.
        resources: Closes what is kept.
    """

    def __init__(
        self, files: Mapping[int, tuple[BinaryIO, int]], method: int, chunk_size: int, resources: ExitStack
    ) -> None:
        self._files = files
        self._method = method
        self._chunk_size = chunk_size
        self._kept = _KeptChunks(resources)
        self._tables: OrderedDict[Resource, Chunks] = OrderedDict()

    def chunks(self, resource: Resource) -> Chunks:
        """Return the chunks of a resource; raises NotObtained."""
        known = self._tables.get(resource)
        if known is None:
            file, length = self._files[resource.part]
            known = Chunks(file, length, resource, self._method, self._chunk_size)
            self._tables[resource] = known
            if len(self._tables) > _MOST_TABLES:
                self._tables.popitem(last=False)
        return known

    def whole(self, resource: Resource, most: int, digest: bytes | None = None) -> bytes:
        """Return a resource that is no content of a file, such as the metadata of an image.

        Args:
            resource: It.
            most: Bytes that it has at most.
            digest: Its SHA-1; None where there is none.

        Raises:
            NotObtained: It is larger, or cannot be unpacked, or is damaged.
        """
        chunks = self.chunks(resource)
        if chunks.size > most:
            raise NotObtained(sentence("{size} bytes; at most {most} are expected here", size=chunks.size, most=most))
        data = b"".join(chunks.unpack(number) for number in range(len(chunks)))
        if digest is not None and hashlib.sha1(data, usedforsecurity=False).digest() != digest:
            raise NotObtained(sentence("the WIM is damaged there: its SHA-1 does not fit"))
        return data

    def open(self, blob: Blob, digest: bytes) -> BinaryIO:
        """Open the content of a file.

        Args:
            blob: It.
            digest: Its SHA-1.

        Raises:
            NotObtained: It cannot be unpacked, or is not what was captured.
        """
        if blob.size > _MOST_CHECKED:
            return cast(BinaryIO, _LargeContent(self, blob))
        target: BinaryIO = io.BytesIO() if blob.size <= _IN_MEMORY else temporary()
        try:
            room = Room() if blob.size > _IN_MEMORY else None
            summed = hashlib.sha1(usedforsecurity=False)
            for data in self.read(blob, 0, blob.size):
                summed.update(data)
                if room is not None:
                    room.take(len(data))
                target.write(data)
            target.seek(0)
            if summed.digest() != digest:
                raise NotObtained(
                    sentence(
                        "its SHA-1 does not fit: the WIM is damaged there, which says nothing about the file itself"
                    )
                )
        except OSError as error:
            target.close()
            raise _no_room(error) from error
        except BaseException:
            target.close()
            raise
        return target

    def read(self, blob: Blob, at: int, size: int) -> Iterator[bytes]:
        """Yield a range of a content; raises NotObtained."""
        if blob.at is None:
            assert isinstance(blob.resource, Resource)
            chunks = self.chunks(blob.resource)
            if chunks.size != blob.size:
                raise NotObtained(sentence("the WIM is damaged there: two sizes of one content"))
            for number, part in pieces(chunks, at, size):
                yield self._chunk(blob.resource, chunks, number, part)
            return
        assert isinstance(blob.resource, tuple)
        start, end = blob.at + at, blob.at + at + size
        for resource in blob.resource:
            chunks = self.chunks(resource)
            if 0 <= start < chunks.size and start < end:
                for number, part in pieces(chunks, start, min(end, chunks.size) - start):
                    yield self._chunk(resource, chunks, number, part)
                start = min(end, chunks.size)
            start, end = start - chunks.size, end - chunks.size
        if start < end:
            raise NotObtained(sentence("the WIM is damaged there: it lies beyond the end of what should hold it"))

    def _chunk(self, resource: Resource, chunks: Chunks, number: int, part: slice) -> bytes:
        if not resource.flags & (COMPRESSED | SOLID) or chunks.chunk_size < _LEAST_KEPT:
            return chunks.unpack(number)[part]
        key = (resource.part, resource.offset, number)
        data = self._kept.get(key, part)
        if data is None or len(data) != part.stop - part.start:
            chunk = chunks.unpack(number)
            self._kept.put(key, chunk)
            data = chunk[part]
        return data


class _LargeContent(AlignedStream):
    """A content too large to be unpacked whole; only what is read of it is, and nothing is held against its SHA-1.

    Args:
        contents: Of its WIM.
        blob: It.
    """

    def __init__(self, contents: WimContents, blob: Blob) -> None:
        self._contents = contents
        self._blob = blob
        super().__init__(blob.size, align=32 << 10)

    def _read(self, offset: int, length: int) -> bytes:
        return b"".join(self._contents.read(self._blob, offset, max(0, min(length, self._blob.size - offset))))


def _no_room(error: OSError) -> NotObtained:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NotObtained(
            sentence(
                "no room to unpack it in {where}: make room there, or set TMPDIR to a folder that has some",
                where=tempfile.gettempdir(),
            )
        )
    return NotObtained(
        sentence("the folder to unpack it in cannot be used: {strerror}", strerror=error.strerror or error)
    )
