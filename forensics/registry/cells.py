"""Cells of a registry hive: key nodes, values, sub-key lists and big data.

Every function takes the content of one cell, without its size field; offsets in cells count from the hive bins.

References:
    - https://github.com/msuhanov/regf/blob/master/Windows%20registry%20file%20format%20specification.md
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import field

from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.registry.names import StoredName, name_hash

NO_CELL = 0xFFFFFFFF
BIG_DATA_SEGMENT = 16344
KEY_NODE_SIZE = 76
VALUE_SIZE = 20
MAX_NAME_BYTES = 0xFFFF
"""Format: bytes of the name of a key or value; the format has no more."""

_KEY_COMPRESSED_NAME = 0x20
_VALUE_COMPRESSED_NAME = 0x01
_INLINE = 0x80000000
_INLINE_SIZE = 4
_KEY_NODE = struct.Struct("<2sHQIIIIIIIIIIIIIIIHH")
_VALUE = struct.Struct("<2sHIIIHH")
_LIST_ENTRY_SIZES = {b"li": 4, b"ri": 4, b"lf": 8, b"lh": 8}


@dataclass(frozen=True, slots=True)
class KeyNode:
    """An ``nk`` cell.

    Attributes:
        name: Key name.
        last_write: FILETIME.
        parent: Cell of the parent key.
        subkey_count: Number of sub-keys it claims.
        subkey_list: Cell of its sub-key list.
        value_count: Number of values it claims.
        value_list: Cell of the list of its values' cells.
        class_cell: Cell of its class name, ``NO_CELL`` without one.
        class_size: Size of the class name in bytes.
        stored: The name as it is stored.
        doubt: What no whole key has; None where nothing is wrong.
    """

    name: str
    last_write: int
    parent: int
    subkey_count: int
    subkey_list: int
    value_count: int
    value_list: int
    class_cell: int
    class_size: int
    stored: StoredName
    doubt: str | None


def parse_key_node(data: bytes, room: int | None = None) -> KeyNode:
    """Parse an ``nk`` cell.

    Args:
        data: Its content, at least as much as the name takes.
        room: Bytes that the cell has for content; None where that is what ``data`` holds.

    Raises:
        FormatError: ``truncated`` or ``bad_magic``.
    """
    _require(data, b"nk", KEY_NODE_SIZE)
    fields = _KEY_NODE.unpack_from(data)
    (_, flags, last_write, _, parent, subkeys, _, subkey_list, _, values, value_list) = fields[:11]
    class_cell, name_size, class_size = fields[12], fields[18], fields[19]
    stored = StoredName(data[KEY_NODE_SIZE:], name_size, bool(flags & _KEY_COMPRESSED_NAME))
    name = stored.text
    doubt = stored.doubt(name, (room or len(data)) - KEY_NODE_SIZE)
    if doubt is None and (not name or "\\" in name):
        doubt = sentence("the name is empty or holds a backslash")
    return KeyNode(
        name, last_write, parent, subkeys, subkey_list, values, value_list, class_cell, class_size, stored, doubt
    )


@dataclass(frozen=True, slots=True)
class KeyValue:
    """A ``vk`` cell.

    Attributes:
        name: Value name; empty for the default value.
        type: Registry type number.
        size: Size of the data in bytes.
        inline: The data, where it is so short that it stands in the cell itself.
        data_cell: Else the cell that holds the data, or ``db``.
        stored: The name as it is stored.
        doubt: What no whole value has; None where nothing is wrong.
    """

    name: str
    type: int
    size: int
    inline: bytes | None = field(repr=False)
    data_cell: int
    stored: StoredName
    doubt: str | None


def parse_key_value(data: bytes, room: int | None = None) -> KeyValue:
    """Parse a ``vk`` cell.

    Args:
        data: Its content, at least as much as the name takes.
        room: Bytes that the cell has for content; None where that is what ``data`` holds.

    Raises:
        FormatError: ``truncated``, ``bad_magic`` or ``bad_length``.
    """
    _require(data, b"vk", VALUE_SIZE)
    _, name_size, size, location, kind, flags, _ = _VALUE.unpack_from(data)
    stored = StoredName(data[VALUE_SIZE:], name_size, bool(flags & _VALUE_COMPRESSED_NAME))
    name = stored.text
    inline = None
    if size & _INLINE:
        size &= ~_INLINE
        if size > _INLINE_SIZE:
            raise FormatError(
                "bad_length", 4, sentence("{size} bytes of data cannot stand in the value cell itself", size=size)
            )
        inline = data[8 : 8 + size]
    elif not size:
        inline = b""
        if location != NO_CELL:
            raise FormatError("bad_length", 4, sentence("the value claims no data and names a cell of them"))
    elif size <= _INLINE_SIZE:
        raise FormatError(
            "bad_length", 4, sentence("{size} bytes of data stand in the value cell itself, or nowhere", size=size)
        )
    doubt = stored.doubt(name, (room or len(data)) - VALUE_SIZE)
    return KeyValue(name, kind, size, inline, location, stored, doubt)


@dataclass(frozen=True, slots=True)
class SubkeyList:
    """An ``li``, ``lf``, ``lh`` or ``ri`` cell.

    Attributes:
        kind: Those two letters; the entries of ``ri`` are other lists, those of the rest are keys.
        claimed: Number of entries it claims; the cell may hold fewer.
        entries: The entries that are there, raw.
    """

    kind: str
    claimed: int
    entries: bytes = field(repr=False)

    def __len__(self) -> int:
        return len(self.entries) // _LIST_ENTRY_SIZES[self.kind.encode()]

    def cells(self) -> Iterator[int]:
        """Yield the cells of the entries in order."""
        form = "<I" if self.kind in ("li", "ri") else "<I4x"
        for (cell,) in struct.iter_unpack(form, self.entries):
            yield cell

    def hinted(self) -> Iterator[tuple[int, bytes]]:
        """Yield cell and hint of the entries in order; the hint is empty in lists that have none."""
        if self.kind in ("li", "ri"):
            return ((cell, b"") for cell in self.cells())
        return struct.iter_unpack("<I4s", self.entries)

    def candidates(self, name: str) -> Iterator[int]:
        """Yield the cells of the entries that may bear ``name``, without reading them."""
        if self.kind == "lh" and name.isascii():
            yield from self._with_hint(struct.pack("<I", name_hash(name)))
        elif self.kind == "lf" and name.isascii():
            wanted = name[:4].upper().encode().ljust(4, b"\0")
            for cell, hint in struct.iter_unpack("<I4s", self.entries):
                # A name with a character beyond one byte has no hint.
                if hint.upper() == wanted or hint == bytes(4):
                    yield cell
        else:
            # Windows folds case beyond ASCII by its own table, so there no hint is believed.
            yield from self.cells()

    def _with_hint(self, wanted: bytes) -> Iterator[int]:
        at = self.entries.find(wanted)
        while at >= 0:
            if at % 8 == 4:
                yield int.from_bytes(self.entries[at - 4 : at], "little")
            at = self.entries.find(wanted, at + 1)


def parse_subkey_list(data: bytes) -> SubkeyList:
    """Parse a sub-key list; a count beyond the cell is cut; raises FormatError ``truncated`` or ``bad_magic``."""
    if len(data) < 4:
        raise FormatError("truncated", len(data), sentence("a sub-key list needs 4 bytes"))
    size = _LIST_ENTRY_SIZES.get(data[:2])
    if size is None:
        raise FormatError("bad_magic", 0, sentence("the cell is no sub-key list"))
    claimed = int.from_bytes(data[2:4], "little")
    count = min(claimed, (len(data) - 4) // size)
    return SubkeyList(data[:2].decode("ascii"), claimed, data[4 : 4 + count * size])


def parse_cell_list(data: bytes, count: int) -> tuple[int, ...]:
    """Return the first ``count`` cells of a plain list, or as many as are there."""
    count = min(count, len(data) // 4)
    return struct.unpack_from(f"<{count}I", data)


def parse_big_data(data: bytes) -> tuple[int, int]:
    """Return segment count and cell of the segment list of a ``db`` cell; raises FormatError."""
    _require(data, b"db", 8)
    count, cells = struct.unpack_from("<HI", data, 2)
    return count, cells


def _require(data: bytes, magic: bytes, size: int) -> None:
    if data[:2] != magic:
        raise FormatError("bad_magic", 0, sentence("the cell is no {decode}", decode=magic.decode()))
    if len(data) < size:
        raise FormatError(
            "truncated", len(data), sentence("an {decode} cell needs {size} bytes", decode=magic.decode(), size=size)
        )
