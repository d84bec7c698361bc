"""NTFS indexes: the nodes of $I30 (file names) and $SII (security descriptors)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from forensics.disk.ntfs.record import apply_fixups
from forensics.formats.errors import FormatError

DOS_NAME = 2
REPARSE_FLAG = 0x400
DIRECTORY_FLAG = 0x10000000


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One entry of a node.

    Attributes:
        reference: File reference (record number and sequence) in $I30.
        key: The indexed key, empty in the entry that ends a node.
        data: What a view index such as $SII stores for the key.
        child: Number of the node with smaller keys, None in a leaf.
    """

    reference: int
    key: bytes
    data: bytes
    child: int | None


@dataclass(frozen=True, slots=True)
class IndexRoot:
    """The root node and the geometry of the others."""

    node_size: int
    entries: tuple[IndexEntry, ...]


@dataclass(frozen=True, slots=True)
class FileNameKey:
    """The $FILE_NAME copy in a folder's index; sizes and times may lag behind the file record."""

    name: str
    namespace: int
    created: int
    modified: int
    size: int
    flags: int


def parse_index_root(data: bytes) -> IndexRoot:
    """Parse the content of $INDEX_ROOT."""
    if len(data) < 32:
        raise FormatError("truncated", len(data), "index root is cut short")
    node_size = struct.unpack_from("<I", data, 8)[0]
    if not 512 <= node_size <= 1 << 20:
        raise FormatError("bad_index", 8, f"index nodes of {node_size} bytes")
    return IndexRoot(node_size, _entries(data, 16))


def parse_index_node(raw: bytes) -> tuple[IndexEntry, ...]:
    """Parse one index buffer of $INDEX_ALLOCATION."""
    return _entries(apply_fixups(raw, b"INDX"), 24)


def _entries(data: bytes, header: int) -> tuple[IndexEntry, ...]:
    first, used = struct.unpack_from("<II", data, header)
    offset, end = header + first, header + used
    if end > len(data):
        raise FormatError("bad_index", header, "entries leave their node")
    entries = []
    while offset + 16 <= end:
        reference, length, key_length, flags = struct.unpack_from("<QHHH", data, offset)
        if length < 16 or offset + length > end or 16 + key_length > length:
            raise FormatError("bad_index", offset, "entry leaves its node")
        child = struct.unpack_from("<Q", data, offset + length - 8)[0] if flags & 1 and length >= 24 else None
        if flags & 2:
            entries.append(IndexEntry(0, b"", b"", child))
            return tuple(entries)
        data_offset, data_length = reference & 0xFFFF, reference >> 16 & 0xFFFF
        value = data[offset + data_offset : offset + min(length, data_offset + data_length)]
        entries.append(IndexEntry(reference, data[offset + 16 : offset + 16 + key_length], value, child))
        offset += length
    raise FormatError("bad_index", offset, "node has no end entry")


def parse_file_name(key: bytes) -> FileNameKey:
    """Parse a $FILE_NAME structure."""
    if len(key) < 66 or 66 + 2 * key[64] > len(key):
        raise FormatError("truncated", len(key), "file name is cut short")
    created, modified, _changed, _read, _allocated, size, flags = struct.unpack_from("<QQQQQQI", key, 8)
    raw = key[66 : 66 + 2 * key[64]]
    # A lone surrogate or a separator is legal on disk; shown escaped, it cannot break paths or output encodings.
    name = raw.decode("utf-16-le", "backslashreplace").replace("/", "\\x2f").replace("\0", "\\x00")
    return FileNameKey(name, key[65], created, modified, size, flags)
