"""Opens files of which some bytes cannot be read, as on a medium with bad sectors: what lies before them is given."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast
from unittest import mock


class _Failing(io.FileIO):
    def __init__(self, path: str, opener: Callable[[str, int], int], start: int, stop: int) -> None:
        super().__init__(path, "rb", opener=opener)
        self._bad = start, stop

    def _readable(self, count: int) -> int:
        start, stop = self._bad
        at = self.tell()
        if at >= stop or at + count <= start:
            return count
        if at >= start:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return start - at

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        return super().readinto(memoryview(buffer)[: self._readable(len(buffer))])

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        return super().read(self._readable(size)) if size >= 0 else self.readall()


@contextmanager
def bad_sectors(path: Path, start: int, stop: int) -> Iterator[None]:
    """Let the bytes of a file from ``start`` up to ``stop`` be unreadable for whoever opens it as evidence."""

    def opened(name: str | Path, mode: str, buffering: int, opener: Callable[[str, int], int]) -> BinaryIO:
        if Path(name) != path:
            return cast(BinaryIO, open(name, mode, buffering, opener=opener))
        file = _Failing(str(name), opener, start, stop)
        return cast(BinaryIO, file if buffering == 0 else io.BufferedReader(file))

    with mock.patch("forensics.disk.evidence_files.open", opened, create=True):
        yield
