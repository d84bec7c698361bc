"""The object tables of a HyperVStorage file: where its key tables and file objects are.

The first object table stands at byte 8192; it may list further ones.

References:
    - https://github.com/microsoft/openvmm/blob/main/support/hvs_file/FORMAT.md
    - dissect.hypervisor, descriptor/c_hyperv.py
"""

from __future__ import annotations

import struct
from bisect import bisect_left, insort
from dataclasses import field

from forensics.formats.errors import FormatError
from forensics.formats.hyperv.storage_header import checksum_holds
from forensics.formats.hyperv.storage_limits import MAX_KEY_TABLES, MAX_OBJECT_TABLES, MAX_OBJECTS, ErrorRows
from forensics.formats.hyperv.storage_log import Overlay
from forensics.language import sentence
from forensics.late_methods import dataclass

OBJECT_TABLE_OFFSET = 8192
_SIGNATURE = 0x01110001
_TABLE = struct.Struct("<II")
_ENTRY = struct.Struct("<BIQIB")
_OBJECT_TABLE, _KEY_TABLE, _FILE = 1, 2, 3
_NO_ENTRY = bytes(_ENTRY.size)


@dataclass(frozen=True, slots=True)
class Objects:
    """What the object tables list.

    Attributes:
        key_tables: Offset and size of each, in bytes, in the order in which they are listed.
        files: Size of each file object by its offset, in bytes.
    """

    key_tables: list[tuple[int, int]] = field(default_factory=list)
    files: dict[int, int] = field(default_factory=dict)


class Claims:
    """Parts of the file that belong to one table each: of two tables in one place, one is a lie."""

    def __init__(self) -> None:
        self._ranges: list[tuple[int, int]] = [(0, OBJECT_TABLE_OFFSET)]

    def take(self, start: int, length: int) -> bool:
        """Claim a range of bytes; False when a byte of it was taken before."""
        end = start + length
        at = bisect_left(self._ranges, (start, start))
        neighbours = self._ranges[max(at - 1, 0) : at + 1]
        if any(begin < end and start < stop for begin, stop in neighbours):
            return False
        insort(self._ranges, (start, end))
        return True


def read_objects(view: Overlay, errors: ErrorRows) -> Objects:
    """Read every object table.

    Raises:
        FormatError: None stands at byte 8192.
    """
    objects = Objects()
    claims = Claims()
    waiting, seen = [OBJECT_TABLE_OFFSET], {OBJECT_TABLE_OFFSET}
    left = MAX_OBJECTS
    for offset in waiting:
        try:
            table = _read_table(view, offset, left, errors)
        except FormatError as error:
            if offset == OBJECT_TABLE_OFFSET:
                raise
            errors.keep(error)
            continue
        if not claims.take(offset, _TABLE.size + len(table)):
            errors.add("overlap", offset, sentence("an object table lies over another table"))
            continue
        left -= len(table) // _ENTRY.size
        for more in _read_entries(table, offset + _TABLE.size, (view.size, claims), objects, errors):
            if more in seen:
                continue
            if len(waiting) >= MAX_OBJECT_TABLES:
                errors.add(
                    "too_many",
                    offset,
                    sentence(
                        "there are more than {max_object_tables} object tables", max_object_tables=MAX_OBJECT_TABLES
                    ),
                )
                break
            seen.add(more)
            waiting.append(more)
    return objects


def _read_table(view: Overlay, offset: int, most: int, errors: ErrorRows) -> bytes:
    """Return the entries of an object table, as many as its count and the file allow."""
    head = view.read(offset, _TABLE.size)
    if len(head) < _TABLE.size:
        raise FormatError("truncated", offset, sentence("the file ends before its object table"))
    signature, count = _TABLE.unpack(head)
    if signature != _SIGNATURE:
        raise FormatError("bad_magic", offset, sentence("no object table stands here"))
    if count > most:
        errors.add(
            "too_many",
            offset + 4,
            sentence("of the {count} entries of an object table only {most} are read", count=count, most=most),
        )
        count = most
    table = view.read(offset + _TABLE.size, count * _ENTRY.size)
    whole = len(table) // _ENTRY.size
    if whole < count:
        errors.add(
            "truncated",
            offset + 4,
            sentence("an object table of {count} entries ends after {whole}", count=count, whole=whole),
        )
    return table[: whole * _ENTRY.size]


def _read_entries(table: bytes, at: int, place: tuple[int, Claims], objects: Objects, errors: ErrorRows) -> list[int]:
    """Put what a table lists into ``objects``; return the offsets of further object tables."""
    end, claims = place
    more = []
    for start in range(0, len(table), _ENTRY.size):
        raw = table[start : start + _ENTRY.size]
        if raw == _NO_ENTRY:
            continue
        kind, checksum, offset, size, allocated = _ENTRY.unpack(raw)
        where = at + start
        if not checksum_holds(raw, checksum, 1):
            errors.add("bad_checksum", where + 1, sentence("the checksum of an entry of the object table is wrong"))
        elif not allocated or kind not in (_OBJECT_TABLE, _KEY_TABLE, _FILE):
            continue
        elif offset >= end:
            errors.add(
                "bad_offset",
                where + 5,
                sentence("an object at {offset} lies behind the end of the file", offset=offset),
            )
        elif kind == _OBJECT_TABLE:
            more.append(offset)
        elif kind == _FILE:
            objects.files[offset] = size
        elif len(objects.key_tables) >= MAX_KEY_TABLES:
            errors.add(
                "too_many",
                where,
                sentence("there are more than {max_key_tables} key tables", max_key_tables=MAX_KEY_TABLES),
            )
        elif not claims.take(offset, max(min(size, end - offset), 1)):
            errors.add(
                "overlap", where + 5, sentence("the key table at {offset} lies over another table", offset=offset)
            )
        else:
            objects.key_tables.append((offset, size))
    return more
