"""What every stream of a known size has in common: where it is read next."""

from __future__ import annotations

import io


class SizedStream(io.RawIOBase):
    """A readable stream of a known size.

    Args:
        size: Bytes of it.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("negative seek position")
        self._at = base + offset
        return self._at

    def _count(self, size: int | None) -> int:
        """Return how many bytes a read of ``size`` gives here; None and negative: up to the end."""
        left = max(0, self._size - self._at)
        return left if size is None or size < 0 else min(size, left)
