"""Remembers what the test images unpack to: of examining a small one, xz alone is a fifth."""

from __future__ import annotations

import lzma
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import BinaryIO
from unittest import mock

from forensics.disk import compressed
from tests.paths import IMAGES

_MOST = 100
_PART = 1 << 16
_ZEROS = bytes(_PART)
"""A part of an image, of which most parts are such: they are holes."""
_decompress = lzma.decompress


@contextmanager
def images_unpacked_once() -> Iterator[None]:
    """Unpack each of the test images once, however often it is examined, and what tests unpack themselves."""
    chunks = compressed._chunks

    def of_file(file: BinaryIO, kind: str) -> Iterator[bytes]:
        if Path(str(getattr(file, "name", ""))).parent != IMAGES or kind != "xz":
            return chunks(file, kind)
        return _parts(file.read())

    with (
        mock.patch("forensics.disk.compressed._chunks", of_file),
        mock.patch("lzma.decompress", lambda packed: b"".join(_parts(packed))),
    ):
        yield


def _parts(packed: bytes) -> Iterator[bytes]:
    whole = _unpacked(packed)
    for at in range(0, len(whole), _PART):
        yield whole[at : at + _PART]


@lru_cache(_MOST)
def _unpacked(packed: bytes) -> mmap | bytes:
    """Unpack into a file: each child that a test forks would be given the tables of what is kept in memory."""
    whole = _decompress(packed)
    with tempfile.TemporaryFile() as file:
        for at in range(0, len(whole), _PART):
            if (part := whole[at : at + _PART]) != _ZEROS:
                file.seek(at)
                file.write(part)
        file.truncate(len(whole))
        file.flush()
        return mmap(file.fileno(), 0, access=ACCESS_READ) if whole else whole
