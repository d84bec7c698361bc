"""A nested archive as large as one likes that takes no room, and what is read of it: a zip of a tar of a disk."""

from __future__ import annotations

import io
import os
import struct
import tarfile
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

from testdata.forms import windows

ARCHIVES = ("case.zip", "image.tar")
"""The archive that is named, and the one in it."""
_ZEROS = bytes(1 << 20)


def nested_archive(folder: Path, size: int) -> Path:
    """Write the archive.

    Args:
        folder: Where.
        size: Bytes of the disk in it, on which Windows lies at the start.
    """
    return _zip(folder / ARCHIVES[0], _tar(folder / ARCHIVES[1], size))


def _tar(path: Path, size: int) -> Path:
    member = tarfile.TarInfo("disk.raw")
    member.size = size
    with path.open("wb") as file:
        file.write(member.tobuf(tarfile.GNU_FORMAT))
        file.write(windows.disk())
        file.truncate(512 + size + 1024)
    return path


def _zip(path: Path, inside: Path) -> Path:
    size, crc = inside.stat().st_size, 0
    with path.open("wb") as file, inside.open("rb") as source:
        name = inside.name.encode()
        file.seek(30 + len(name))
        while piece := source.read(len(_ZEROS)):
            crc = zlib.crc32(piece, crc)
            if piece == _ZEROS[: len(piece)]:
                file.seek(len(piece), os.SEEK_CUR)
            else:
                file.write(piece)
        fields = struct.pack("<HHHHHIII", 20, 0, 0, 0, 0x5A21, crc, size, size) + struct.pack("<HH", len(name), 0)
        directory = b"PK\1\2" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
        end = struct.pack("<HHHHIIH", 0, 0, 1, 1, len(directory), 30 + len(name) + size, 0)
        file.write(directory + b"PK\5\6" + end)
        file.seek(0)
        file.write(b"PK\3\4" + fields + name)
    inside.unlink()
    return path


class Counted(io.FileIO):
    """A file that counts what is read of it."""

    def __init__(self, path: str, opener: Callable[[str, int], int], counts: Counter[str]) -> None:
        super().__init__(path, "rb", opener=opener)
        self._counts, self._name = counts, Path(path).name

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        count = super().readinto(buffer)
        self._counts[self._name] += count or 0
        return count

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self._counts[self._name] += len(data)
        return data

    def readall(self) -> bytes:
        data = super().readall()
        self._counts[self._name] += len(data)
        return data


def counting(counts: Counter[str]) -> Callable[..., BinaryIO]:
    """Return an ``open`` that notes in ``counts`` how many bytes are read of each file, by its name."""

    def counted(path: str | Path, mode: str, buffering: int, opener: Callable[[str, int], int]) -> BinaryIO:
        file = Counted(str(path), opener, counts)
        return cast(BinaryIO, file if buffering == 0 else io.BufferedReader(cast(io.RawIOBase, file)))

    return counted
