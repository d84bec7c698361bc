"""A disk that a library reads, of which every read is checked: what the library cannot give is bytes not obtained."""

from __future__ import annotations

import zlib
from typing import BinaryIO

from dissect.util.stream import AlignedStream

from forensics.disk.notes import Notes
from forensics.lack_of_memory import pass_on
from forensics.language import said_by, sentence

_PIECE = 64 << 10


class NotInImageError(OSError):
    """A part of the disk is not in its image; the message says which and why."""


class CheckedStream(AlignedStream):
    """The disk that another stream shows.

    Libraries raise whatever a damaged container makes them stumble over, or return less than was asked for and so move
    what follows. Here either is an error that names the place, and a problem.

    Args:
        inner: The library's stream.
        size: Bytes of the disk.
        align: What reads are rounded to, bytes.
        name: The image, for messages.

    Attributes:
        notes: What could not be read; grows while the disk is read.
    """

    size: int

    def __init__(self, inner: BinaryIO, size: int, align: int, name: str) -> None:
        self._inner = inner
        self.notes = Notes(name)
        super().__init__(size, align)

    def _read(self, offset: int, length: int) -> bytes:
        length = min(length, self.size - offset)
        try:
            return self._exactly(offset, length)
        except NotInImageError:
            if length <= self._piece:
                raise
        # The place is told exactly: the first piece of a long read that fails.
        parts = [
            self._exactly(at, min(self._piece, offset + length - at))
            for at in range(offset, offset + length, self._piece)
        ]
        return b"".join(parts)

    @property
    def _piece(self) -> int:
        return max(_PIECE, self.align)

    def _exactly(self, offset: int, length: int) -> bytes:
        try:
            self._inner.seek(offset)
            data = self._inner.read(length)
        except NotInImageError:
            raise  # told by the parent of which the bytes were wanted
        except zlib.error as error:
            pass_on(error)
            raise self._lost(offset, length, sentence("its compressed data is damaged")) from error
        except EOFError as error:
            raise self._lost(
                offset, length, sentence("it lies beyond the end of the file, which is truncated")
            ) from error
        except OSError as error:
            raise self._lost(offset, length, error.strerror or said_by(error)) from error
        # Other texts of libraries may quote the disk.
        except Exception as error:
            pass_on(error)
            raise self._lost(
                offset,
                length,
                sentence("its place in the file is damaged ({error_type})", error_type=type(error).__name__),
            ) from error
        if len(data) != length:
            raise self._lost(offset, length, sentence("it lies beyond the end of the file, which is truncated"))
        return data

    def _lost(self, offset: int, length: int, why: str) -> NotInImageError:
        message = sentence(
            "bytes {offset} to {offset2} of the disk were not obtained: {why}",
            offset=offset,
            offset2=offset + length,
            why=why,
        )
        if length <= self._piece:
            self.notes.add("not_obtained", offset, message)
        return NotInImageError(message)
