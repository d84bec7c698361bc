"""A logical image of AccessData (AD1, version 4) as bytes.

References:
    - pyad1, documentation/AccessData Format (AD1).asciidoc
    - dissect.evidence, ad1/c_ad1.py
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime

_CHUNK = 65536
_FILE, _FOLDER, _DELETED = 0, 5, 2
Folder = Mapping[str, "bytes | Folder"]
"""Content of files and folders by name; what ends in ``*`` was deleted."""


class _Image:
    def __init__(self, name: str) -> None:
        self.data = bytearray(92) + name.encode()

    def add(self, data: bytes) -> int:
        self.data += data
        return len(self.data) - len(data)

    def folder(self, content: Folder) -> int:
        """Write the entries of a folder; return where the first is, 0 for none."""
        first = before = 0
        for name, value in content.items():
            at = self.entry(name, value)
            if before:
                struct.pack_into("<Q", self.data, before, at)
            first, before = first or at, at
        return first

    def entry(self, name: str, value: bytes | Folder) -> int:
        kind = _FOLDER if not isinstance(value, bytes) else _DELETED if name.endswith("*") else _FILE
        written = name.removesuffix("*").encode()
        size = len(value) if isinstance(value, bytes) else 0
        at = self.add(struct.pack("<5Q2I", 0, 0, 0, 0, size, kind, len(written)) + written + bytes(8))
        if isinstance(value, bytes):
            if value:
                struct.pack_into("<Q", self.data, at + 24, self.chunks(value))
            struct.pack_into("<Q", self.data, at + 16, self.properties(value))
        else:
            struct.pack_into("<Q", self.data, at + 8, self.folder(value))
        return at

    def chunks(self, content: bytes) -> int:
        count = -(-len(content) // _CHUNK)
        listed = self.add(struct.pack("<Q", count) + bytes(8 * count))
        for number in range(count):
            place = self.add(zlib.compress(content[number * _CHUNK : (number + 1) * _CHUNK]))
            struct.pack_into("<Q", self.data, listed + 8 + 8 * number, place)
        return listed

    def properties(self, content: bytes) -> int:
        time = datetime(2026, 11, 20, 8, 30, tzinfo=UTC).strftime("%Y%m%dT%H%M%S.%f").encode()
        told = (
            (2, 2, b"1"),
            (2, 3, str(len(content)).encode()),
            (5, 8, time),
            (5, 9, time),
            (1, 0x5001, hashlib.md5(content).hexdigest().encode()),
        )
        first = len(self.data)
        for number, (category, kind, data) in enumerate(told):
            end = len(self.data) + 20 + len(data)
            self.add(struct.pack("<QIII", 0 if number == len(told) - 1 else end, category, kind, len(data)) + data)
        return first


def ad1(content: Folder, *, name: str = "C:\\", segment: int | None = None, version: int = 4) -> list[bytes]:
    """Write an image.

    Args:
        content: What it holds.
        name: What it was made of.
        segment: Bytes of each of its files but the last; None for one file.
        version: Of the format.

    Returns:
        Its files: ``.ad1``, ``.ad2`` and so on.
    """
    image = _Image(name)
    first = image.folder(content)
    head = struct.pack("<16sIIIQQI", b"ADLOGICALIMAGE", version, 1, _CHUNK, 0, first, len(name.encode()))
    image.data[: len(head)] = head
    image.data[len(head) : len(head) + 4] = b"AD\0\0"
    size = (segment or 512 + len(image.data)) - 512
    parts = [bytes(image.data[at : at + size]) for at in range(0, len(image.data), size)]
    return [
        struct.pack("<16s4IQI", b"ADSEGMENTEDFILE", 1, 2, number, len(parts), size + 512, 512).ljust(512, b"\0") + part
        for number, part in enumerate(parts, 1)
    ]
