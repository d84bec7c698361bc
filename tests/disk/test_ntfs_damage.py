"""One changed bit in an NTFS structure changes nothing, or is told."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.ntfs.tree import NtfsTree
from forensics.disk.tree import NotFound, NotObtained, Unreadable
from tests.disk import ntfs_fixture as fixture
from tests.disk.test_ntfs_tree import RECORD, record_of

STEP = 3
"""Every third bit, so that each byte has its turn; all of them, with 1, take half a minute."""

Told = list[tuple[str, str, str, int | None]]


class Changing(io.RawIOBase):
    """A volume in memory that is changed between reads, and not copied."""

    def __init__(self, data: bytes | bytearray) -> None:
        self.data, self.at = data, 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        assert whence == io.SEEK_SET
        self.at = offset
        return offset

    def read(self, size: int = -1) -> bytes:
        assert size >= 0
        piece = bytes(self.data[self.at : self.at + size])
        self.at += len(piece)
        return piece


def opened(data: bytes | bytearray, told: Told | None = None) -> NtfsTree:
    def report(path: str, kind: str, message: str, offset: int | None) -> None:
        if told is not None:
            told.append((path, kind, message, offset))

    return NtfsTree(VolumeReader(cast(BinaryIO, Changing(data)), 0, len(data)), bytes(data[:512]), report)


@pytest.fixture(scope="module")
def whole(ntfs_image: Path) -> bytes:
    return ntfs_image.read_bytes()


def of_folder(tree: NtfsTree, path: str) -> list[tuple[str, bool, bytes, bytes | None]]:
    """Return what is seen of a folder of small files: names, content and access lists."""
    return [
        (e.name, e.is_dir, b"" if e.is_dir else tree.open(e).read(), tree.security_descriptor(e))
        for e in tree.entries(path)
    ]


def bits(start: int, stop: int) -> Iterator[tuple[int, int]]:
    return ((at, bit) for at in range(start, stop) for bit in range(8) if not (at * 8 + bit) % STEP)


def untold(whole: bytes, folder: str, places: Iterator[tuple[int, int]]) -> list[tuple[int, int]]:
    """Flip each bit and return those after which a folder is seen differently without a word."""
    data = bytearray(whole)
    right = of_folder(opened(whole), folder)
    found = []
    for at, bit in places:
        told: Told = []
        data[at] ^= 1 << bit
        try:
            seen = of_folder(opened(data, told), folder)
        except (Unreadable, NotFound):
            seen = right
        if seen != right and not told:
            found.append((at, bit))
        data[at] ^= 1 << bit
    return found


def content_of(whole: bytes, record: int) -> tuple[int, int]:
    """Return where the resident content of a record's $DATA attribute begins, and the attribute itself."""
    at = record + struct.unpack_from("<H", whole, record + 20)[0]
    while struct.unpack_from("<I", whole, at)[0] != 0x80:
        at += struct.unpack_from("<I", whole, at + 4)[0]
    assert whole[at + 8] == 0, "the content is not resident"
    return at + struct.unpack_from("<H", whole, at + 20)[0], at


def test_every_bit_of_a_file_record_is_held_to_its_place(whole: bytes) -> None:
    record = record_of(whole, "Größe.txt")
    content, attribute = content_of(whole, record)
    size = struct.unpack_from("<I", whole, attribute + 16)[0]
    # What cannot be noticed: other rights that the volume has too, and a length that fills the same word.
    security = record + struct.unpack_from("<H", whole, record + 20)[0] + 24 + 52
    unnoticed = {at for at, _ in untold(whole, "names", bits(record, content))}
    assert unnoticed <= {security, attribute + 16}
    tail = content + size
    assert untold(whole, "names", bits(tail, record + struct.unpack_from("<I", whole, record + 24)[0])) == []


def test_every_bit_of_a_small_folder_is_held_to_its_place(whole: bytes) -> None:
    record = record_of(whole, "names")
    used = struct.unpack_from("<I", whole, record + 24)[0]
    assert untold(whole, "names", bits(record, record + used)) == []
