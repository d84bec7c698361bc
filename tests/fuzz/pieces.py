"""The structures of a large image, whose content says nothing: an input is those places, one after the other."""

from __future__ import annotations

import io
from collections.abc import Sequence


class Pieces:
    """An image of which some places are the input.

    Args:
        image: All of it.
        places: Offset and size of each place, in the order in which they stand in an input.
    """

    def __init__(self, image: bytes, places: Sequence[tuple[int, int]]) -> None:
        self.image, self._places = image, [(at, size) for at, size in places if size]
        self._now: bytearray | None = None

    def seed(self) -> bytes:
        """Return the input that leaves the image as it is."""
        return b"".join(self.image[at : at + size] for at, size in self._places)

    def split(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return offsets and bytes of the places; what an input does not reach is as it was."""
        found, start = [], 0
        for at, size in self._places:
            piece = data[start : start + size]
            found.append((at, piece + self.image[at + len(piece) : at + size]))
            start += size
        return found

    def stream(self, data: bytes) -> io.BufferedIOBase:
        """Return the image with an input in it."""
        if self._now is None:
            self._now = bytearray(self.image)
        for at, piece in self.split(data):
            self._now[at : at + len(piece)] = piece
        return View(self._now)


class View(io.BufferedIOBase):
    """Reads bytes in memory without a copy of them."""

    def __init__(self, data: bytes | bytearray) -> None:
        self._data, self._at = memoryview(data), 0

    def read(self, size: int | None = -1, /) -> bytes:
        end = len(self._data) if size is None or size < 0 else self._at + size
        found = bytes(self._data[self._at : end])
        self._at += len(found)
        return found

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = (0, self._at, len(self._data))[whence]
        if start + offset < 0:
            raise ValueError("a place before the beginning")
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True
