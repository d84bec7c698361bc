"""NTFS indexes: the nodes of $I30 (file names) and $SII (security descriptors)."""

from __future__ import annotations

import struct
from codecs import utf_16_le_decode

from forensics.disk.ntfs.record import FILE_NAME, apply_fixups
from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass

DOS_NAME = 2
REPARSE_FLAG = 0x400
DIRECTORY_FLAG = 0x10000000

_BY_FILE_NAME = 1


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
    """The root node and the geometry of the others.

    Attributes:
        node_size: Bytes of every other node.
        entries: Of the root node.
        is_of_names: Its keys are $FILE_NAME attributes, as in $I30.
    """

    node_size: int
    entries: tuple[IndexEntry, ...]
    is_of_names: bool


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
        raise FormatError("truncated", len(data), sentence("index root is cut short"))
    indexed, collation, node_size = struct.unpack_from("<III", data)
    if not 512 <= node_size <= 1 << 20 or node_size & (node_size - 1):
        raise FormatError("bad_index", 8, sentence("index nodes of {node_size} bytes", node_size=node_size))
    is_of_names = indexed == FILE_NAME
    if is_of_names != (collation == _BY_FILE_NAME):
        raise FormatError(
            "bad_index",
            0,
            sentence("attributes 0x{indexed:X} sorted by rule 0x{collation:X}", indexed=indexed, collation=collation),
        )
    return IndexRoot(node_size, _entries(data, 16, is_of_names), is_of_names)


def parse_index_node(raw: bytes, number: int, is_of_names: bool) -> tuple[IndexEntry, ...]:
    """Parse one index buffer of $INDEX_ALLOCATION, which holds its own number."""
    data = apply_fixups(raw, b"INDX")
    if struct.unpack_from("<Q", data, 16)[0] != number:
        raise FormatError("bad_index", 16, sentence("it holds the number of another node"))
    return _entries(data, 24, is_of_names)


def _entries(data: bytes, header: int, is_of_names: bool) -> tuple[IndexEntry, ...]:
    """Parse the entries of a node, all of which lead to further nodes or none.

    References:
        Linux kernel fs/ntfs3/fslog.c (check_index_header).
    """
    first, used, allocated, flags = struct.unpack_from("<IIIB", data, header)
    if not 16 <= first <= used <= allocated <= len(data) - header or first % 8:
        raise FormatError("bad_index", header, sentence("entries leave their node"))
    inner = flags & 1
    offset, end = header + first, header + used
    entries = []
    while offset + 16 <= end:
        reference, length, key_length, flags = struct.unpack_from("<QHHH", data, offset)
        least = 16 + key_length + 8 * inner
        if length < least or length % 8 or offset + length > end:
            raise FormatError("bad_index", offset, sentence("entry leaves its node"))
        if flags & 1 != inner:
            raise FormatError("bad_index", offset, sentence("entry and node disagree on whether further nodes follow"))
        child = struct.unpack_from("<Q", data, offset + length - 8)[0] if inner else None
        if flags & 2:
            if key_length or length != least or offset + length != end:
                raise FormatError("bad_index", offset, sentence("its end entry does not end the node"))
            entries.append(IndexEntry(0, b"", b"", child))
            return tuple(entries)
        if is_of_names and (key_length < 66 or key_length != 66 + 2 * data[offset + 80] or length != (least + 7) & ~7):
            raise FormatError("bad_index", offset, sentence("entry is not as long as its name"))
        data_offset, data_length = reference & 0xFFFF, reference >> 16 & 0xFFFF
        value = data[offset + data_offset : offset + min(length, data_offset + data_length)]
        entries.append(IndexEntry(reference, data[offset + 16 : offset + 16 + key_length], value, child))
        offset += length
    raise FormatError("bad_index", offset, sentence("node has no end entry"))


def parse_file_name(key: bytes) -> FileNameKey:
    """Parse a $FILE_NAME structure."""
    if len(key) < 66 or 66 + 2 * key[64] > len(key):
        raise FormatError("truncated", len(key), sentence("file name is cut short"))
    created, modified, _changed, _read, _allocated, size, flags = struct.unpack_from("<QQQQQQI", key, 8)
    raw = key[66 : 66 + 2 * key[64]]
    # A lone surrogate or a separator is legal on disk; shown escaped, it cannot break paths or output encodings.
    name = utf_16_le_decode(raw, "backslashreplace", True)[0].replace("/", "\\x2f").replace("\0", "\\x00")
    return FileNameKey(name, key[65], created, modified, size, flags)
