"""Remembers what the test images unpack to: of examining a small one, xz alone is a fifth."""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO
from unittest import mock

from forensics.disk import compressed
from tests.paths import IMAGES

_MOST = 100
_ZEROS = bytes(1 << 16)
"""A part of an image, of which most parts are such: they are held once."""
_decompress = lzma.decompress


@contextmanager
def images_unpacked_once() -> Iterator[None]:
    """Unpack each of the test images once, however often it is examined, and what tests unpack themselves."""
    chunks = compressed._chunks

    def of_file(file: BinaryIO, kind: str) -> Iterator[bytes]:
        if Path(str(getattr(file, "name", ""))).parent != IMAGES or kind != "xz":
            return chunks(file, kind)
        return iter(_parts(file.read()))

    with (
        mock.patch("forensics.disk.compressed._chunks", of_file),
        mock.patch("lzma.decompress", lambda packed: b"".join(_parts(packed))),
    ):
        yield


@lru_cache(_MOST)
def _parts(packed: bytes) -> list[bytes]:
    whole = _decompress(packed)
    parts = (whole[at : at + len(_ZEROS)] for at in range(0, len(whole), len(_ZEROS)))
    return [_ZEROS if part == _ZEROS else part for part in parts]
