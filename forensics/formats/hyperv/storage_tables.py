"""Key tables of a HyperVStorage file.

A key table holds keys one after another; a key names its parent by the index of a table and the offset in that table.

References:
    - https://github.com/microsoft/openvmm/blob/main/support/hvs_file/FORMAT.md
    - dissect.hypervisor, descriptor/c_hyperv.py
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import field

from forensics.formats.errors import FormatError
from forensics.formats.hyperv.storage_header import checksum_holds, is_newer
from forensics.formats.hyperv.storage_limits import MAX_KEY_TABLE_BYTES, MAX_KEYS, Budget, ErrorRows
from forensics.formats.hyperv.storage_log import Overlay
from forensics.language import sentence
from forensics.late_methods import dataclass

FREE, INT64, UINT64, DOUBLE, STRING, ARRAY, BOOL, NODE = 1, 3, 4, 5, 6, 7, 8, 9
IN_FILE_OBJECT = 0x01
_SIGNATURE = 2
_TABLE = struct.Struct("<HHHI")
_ENTRY = struct.Struct("<BBIHIIIB")
_LENGTH = struct.Struct("<I")
_FIXED = {INT64: 8, UINT64: 8, DOUBLE: 8, BOOL: 4, NODE: 12}
_POINTER_SIZE = 12

Ref = tuple[int, int]
"""A key: index of its table and offset in the table; table 0 is above the topmost keys."""


@dataclass(frozen=True, slots=True)
class KeyTable:
    """Where a key table stands, and which it is.

    Attributes:
        index: What parents are named by.
        sequence: Of several tables of one index, the latest counts.
        offset: In the file, in bytes.
        size: In bytes.
    """

    index: int
    sequence: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One key whose checksum holds.

    Attributes:
        ref: Which it is.
        kind: Type number.
        in_file_object: The data are size and offset of a file object, which holds the value.
        parent: The key above it.
        sequence: Grows with each key that is inserted.
        name: As stored.
        data: The value as stored, with the length that stands before texts and arrays.
        offset: Where in the file the key starts, in bytes.
    """

    ref: Ref
    kind: int
    in_file_object: bool
    parent: Ref
    sequence: int
    name: str
    data: bytes = field(repr=False)
    offset: int = field(compare=False)

    @property
    def pointer(self) -> tuple[int, int]:
        """Offset and size in bytes of the value in the file, where it is in a file object."""
        size, offset = struct.unpack("<IQ", self.data)
        return offset, size


def parse_key_table_header(data: bytes, offset: int) -> tuple[int, int]:
    """Return index and sequence number of the key table that starts with ``data`` and stands at ``offset``.

    Raises:
        FormatError: ``truncated``, ``bad_magic`` or ``bad_checksum``.
    """
    if len(data) < _TABLE.size:
        raise FormatError("truncated", offset, sentence("the file ends before a key table"))
    data = data[: _TABLE.size]
    signature, index, sequence, checksum = _TABLE.unpack(data)
    if signature != _SIGNATURE:
        raise FormatError("bad_magic", offset, sentence("no key table stands here"))
    if not checksum_holds(data, checksum, 6):
        raise FormatError("bad_checksum", offset + 6, sentence("the checksum of a key table is wrong"))
    return index, sequence


def choose_key_tables(view: Overlay, places: list[tuple[int, int]], errors: ErrorRows) -> dict[int, KeyTable]:
    """Return the latest table of each index.

    Args:
        view: The file.
        places: Offset and size of each table, in bytes.
        errors: Gets the tables that are none.
    """
    latest: dict[int, KeyTable] = {}
    budget = Budget(MAX_KEY_TABLE_BYTES)
    for offset, size in places:
        try:
            index, sequence = parse_key_table_header(view.read(offset, min(size, _TABLE.size)), offset)
        except FormatError as error:
            errors.keep(error)
            continue
        inside = min(size, view.size - offset)
        if inside < size:
            errors.add(
                "truncated",
                offset,
                sentence("a key table of {size} bytes ends after {inside}", size=size, inside=inside),
            )
        if not budget.spend(inside):
            errors.add(
                "too_large",
                offset,
                sentence(
                    "the key tables have more than {max_key_table_bytes} bytes", max_key_table_bytes=MAX_KEY_TABLE_BYTES
                ),
            )
            continue
        other = latest.get(index)
        if other is not None and other.sequence == sequence:
            errors.add(
                "duplicate", offset, sentence("there are two key tables {index} with one sequence number", index=index)
            )
        elif other is None or is_newer(sequence, other.sequence):
            latest[index] = KeyTable(index, sequence, offset, inside)
    return latest


def read_keys(view: Overlay, tables: dict[int, KeyTable], errors: ErrorRows) -> dict[Ref, KeyEntry]:
    """Read the keys of each table, free ones apart."""
    keys: dict[Ref, KeyEntry] = {}
    for table in tables.values():
        data = view.read(table.offset, table.size)
        if len(data) < table.size:
            errors.add(
                "truncated",
                table.offset,
                sentence("a key table of {size} bytes ends after {count}", size=table.size, count=len(data)),
            )
        for entry in parse_keys(data, table, errors):
            if len(keys) >= MAX_KEYS:
                errors.add("too_many", entry.offset, sentence("there are more than {max_keys} keys", max_keys=MAX_KEYS))
                return keys
            keys[entry.ref] = entry
    return keys


def parse_keys(data: bytes, table: KeyTable, errors: ErrorRows) -> Iterator[KeyEntry]:
    """Yield the keys of a table, free ones apart; what is wrong with one of them is put down in ``errors``.

    Args:
        data: The table from its header on.
        table: Which it is and where it stands.
        errors: Gets what is wrong.
    """
    at = _TABLE.size
    while at < len(data):
        where = table.offset + at
        if len(data) - at < _ENTRY.size:
            if any(data[at:]):
                errors.add("truncated", where, sentence("a key is cut off by the end of its table"))
            return
        kind, _, size, *_ = fields = _ENTRY.unpack_from(data, at)
        if not size and not any(data[at : at + _ENTRY.size]):
            return
        if size < _ENTRY.size:
            errors.add(
                "bad_length",
                where + 2,
                sentence("a key cannot have {size} bytes; what follows it in its table is lost", size=size),
            )
            return
        if kind != FREE:
            try:
                yield _parse_key(data[at : at + size], fields, (table.index, at), where)
            except FormatError as error:
                errors.keep(error)
        at += size


def _parse_key(raw: bytes, fields: tuple[int, ...], ref: Ref, where: int) -> KeyEntry:
    kind, flags, size, parent_table, parent_offset, checksum, sequence, name_length = fields
    if len(raw) < size:
        raise FormatError("truncated", where, sentence("a key of {size} bytes leaves its table", size=size))
    in_file_object = bool(flags & IN_FILE_OBJECT) and kind != NODE
    name_end = _ENTRY.size + name_length
    end = name_end + _data_length(raw, name_end, kind, in_file_object, where)
    if end > size:
        raise FormatError("bad_length", where, sentence("a key of {size} bytes has a value that leaves it", size=size))
    # The slack behind the value is not part of the sum.
    if zlib.crc32(raw[:12] + bytes(4) + raw[16:end]) != checksum:
        raise FormatError("bad_checksum", where + 12, sentence("the checksum of a key is wrong"))
    name = raw[_ENTRY.size : name_end]
    if not name.endswith(b"\0"):
        raise FormatError("bad_text", where + _ENTRY.size, sentence("the name of a key does not end with NUL"))
    try:
        text = name[:-1].decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError("bad_text", where + _ENTRY.size, sentence("the name of a key is not UTF-8")) from error
    return KeyEntry(
        ref=ref,
        kind=kind,
        in_file_object=in_file_object,
        parent=(parent_table, parent_offset),
        sequence=sequence,
        name=text,
        data=raw[name_end:end],
        offset=where,
    )


def _data_length(raw: bytes, at: int, kind: int, in_file_object: bool, where: int) -> int:
    """Return how many bytes the value of a key has, which stands at byte ``at`` of it."""
    if kind not in _FIXED and kind not in (STRING, ARRAY):
        raise FormatError("unknown_type", where, sentence("keys of type {kind} are not known", kind=kind))
    if in_file_object:
        return _POINTER_SIZE
    if kind in _FIXED:
        return _FIXED[kind]
    if at + _LENGTH.size > len(raw):
        raise FormatError("truncated", where, sentence("a key ends before the length of its value"))
    return _LENGTH.size + int(_LENGTH.unpack_from(raw, at)[0])
