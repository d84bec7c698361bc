"""What a volume tells of its shadow copies: the header in its boot area, and the catalog of the copies.

References:
    libvshadow, documentation "Volume Shadow Snapshot (VSS) format".
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Sequence
from typing import BinaryIO

from testdata.builder.filetime import filetime
from testdata.builder.shadow_store import (
    BLOCK,
    CATALOG,
    IDENTIFIER,
    SECTOR,
    Area,
    Placed,
    Shape,
    StoredCopy,
    write_chain,
)

VOLUME_HEADER = 0x1E00
"""Byte of the volume at which its header begins: the last sector of $Boot."""
_ENTRY_SIZE = 128
_UNUSED = struct.pack("<Q", 1).ljust(_ENTRY_SIZE, b"\0")


def volume_header(catalog: int, volume: uuid.UUID, shape: Shape) -> bytes:
    """Return the sector that tells where the catalog is.

    Args:
        catalog: Byte of the volume at which it begins; 0 for a volume without copies.
        volume: Identifier of the volume, on which its copies lie too.
        shape: Whose version.
    """
    version = 2 if shape.since_windows_8 else 1
    numbers = struct.pack("<II5Q", version, 1, VOLUME_HEADER, VOLUME_HEADER, 0, catalog, 0)
    return (IDENTIFIER.bytes_le + numbers + volume.bytes_le * 2).ljust(SECTOR, b"\0")


def write_catalog(
    volume: BinaryIO, size: int, area: Area, copies: Sequence[tuple[StoredCopy, Placed]], shape: Shape
) -> None:
    """Write the catalog.

    Args:
        volume: Image to write to.
        size: Bytes of the volume.
        area: Where the catalog lies; all of its blocks are chained.
        copies: The copies, oldest first, and where the parts of their stores lie.
        shape: How they are listed.
    """
    pairs = [_entries(number, size, copy, placed, shape) for number, (copy, placed) in enumerate(copies, 1)]
    listed = pairs[::-1] if shape.newest_first else pairs
    unused = [_UNUSED] * shape.unused_entries
    if shape.entries_apart:
        entries = [each for half in zip(*listed, strict=True) for entry in half for each in (*unused, entry)]
    else:
        entries = [each for pair in listed for each in (*unused, *pair)]
    write_chain(volume, area, range(len(area.offsets)), CATALOG, entries, shape.entries_a_block)


def _entries(number: int, size: int, copy: StoredCopy, placed: Placed, shape: Shape) -> tuple[bytes, bytes]:
    store = copy.identifier.bytes_le
    flags = 0x440 if shape.since_windows_8 else 0x40
    first = struct.pack("<QQ16s3Q", 2, size, store, number, flags, filetime(copy.created))
    allocated = len(copy.area.offsets) * BLOCK if shape.since_windows_8 else 0
    second = struct.pack("<QQ16s", 3, placed.block_list, store)
    second += struct.pack("<3Q", placed.header, placed.ranges, placed.bitmap)
    second += struct.pack("<3Q", copy.area.reference, allocated, placed.bitmap_before)
    return first.ljust(_ENTRY_SIZE, b"\0"), second.ljust(_ENTRY_SIZE, b"\0")
