"""Writes HyperVStorage files, as Hyper-V's .vmcx and .vmrs are: closed ones, and such with writes left in their log.

References:
    - https://github.com/microsoft/openvmm/blob/main/support/hvs_file/FORMAT.md
    - dissect.hypervisor, descriptor/c_hyperv.py (order of the fields of a log entry)
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from testdata.builder.hyperv_storage_log import LOG_HEAD, changes, log_bytes, log_room

PAGE = 4096
OBJECT_TABLE = 8192
OBJECT_ROOM = (PAGE - 8) // 18
KEY_HEADER = 21

OBJECT_TABLE_TYPE, KEY_TABLE_TYPE, FILE_TYPE = 1, 2, 3
FREE, INT64, UINT64, DOUBLE, STRING, ARRAY, BOOL, NODE_TYPE = 1, 3, 4, 5, 6, 7, 8, 9


@dataclass(frozen=True, slots=True)
class Uint64:
    """An unsigned number; a plain ``int`` is written as a signed one."""

    number: int


class Node:
    """A node with nothing below it; nodes above a value need not be given."""


Value = int | float | str | bytes | bool | Uint64 | Node


@dataclass(frozen=True, slots=True)
class Pending:
    """The machine stopped while the log was being written out.

    Attributes:
        before: The values that the file still holds outside the log.
        zeroed: What the log would write is zeros in the file, as after a write that was torn.
    """

    before: Mapping[str, Value]
    zeroed: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """The log holds what it wrote once; the file has changed since.

    Attributes:
        before: The values of that time.
    """

    before: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Layout:
    """How the file is laid out.

    Attributes:
        version: Of the format.
        data_version: Of what is stored.
        sequences: Numbers of the two header copies.
        table_size: Of each key table, in bytes.
        table_sequence: Number of each key table.
        threshold: Texts and arrays of so many bytes or more are in file objects.
        log_size: Of the replay log, in bytes, whole pages.
        grain: Bytes that one entry of the log writes.
    """

    version: int = 0x0400
    data_version: int = 0x0900
    sequences: tuple[int, int] = (11, 12)
    table_size: int = PAGE
    table_sequence: int = 1
    threshold: int = 2048
    log_size: int = 16 * PAGE
    grain: int = PAGE


@dataclass(slots=True)
class Image:
    """A file and where its parts are, for those who damage it.

    Attributes:
        data: The file.
        layout: How it was laid out.
        log_offset: Of the replay log.
        tables: Offset of each key table by its index.
        objects: Offset of the object table's entry by the offset of the object.
        keys: Offset of each key by its path.
        files: Offset of each file object by the path of its key.
    """

    data: bytearray
    layout: Layout
    log_offset: int = OBJECT_TABLE + PAGE
    tables: dict[int, int] = field(default_factory=dict)
    objects: dict[int, int] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)

    def put_log(self, writes: list[tuple[int, bytes]], current: int) -> None:
        """Fill the replay log.

        Args:
            writes: Offset in the file and bytes of each entry.
            current: How many of them, from the first on, still have to be written.
        """
        end = self.log_offset + self.layout.log_size
        self.data[self.log_offset : end] = log_bytes(writes, current, self.layout.log_size)

    def stamp_header(self, copy: int) -> None:
        """Put the right checksum into a header copy (0 or 1) that was changed."""
        stamp(self.data, copy * PAGE, 46, 4)

    def stamp_log(self) -> None:
        """Put the right checksum into the header of the log."""
        stamp(self.data, self.log_offset, LOG_HEAD, 4)

    def stamp_object(self, at: int) -> None:
        """Put the right checksum into the object table's entry at ``at``."""
        stamp(self.data, at, 18, 1)

    def stamp_key(self, path: str, length: int) -> None:
        """Put the right checksum into a key of which ``length`` bytes are summed."""
        stamp(self.data, self.keys[path], length, 12)


def write_hyperv_storage(
    values: Mapping[str, Value], *, log: Pending | Finished | None = None, layout: Layout | None = None
) -> bytes:
    """Return a file.

    Args:
        values: Value by path, names joined by ``/``.
        log: What is left in the log; nothing when None.
        layout: How it is laid out; the log grows as needed.
    """
    return bytes(build_image(values, log=log, layout=layout).data)


def build_image(
    values: Mapping[str, Value], *, log: Pending | Finished | None = None, layout: Layout | None = None
) -> Image:
    """Return a file and where its parts are; arguments as :func:`write_hyperv_storage`."""
    layout = layout or Layout()
    image = lay_out(values, layout)
    if log is None:
        return image
    other = lay_out(log.before, layout)
    fixed = range(OBJECT_TABLE), range(image.log_offset, image.log_offset + layout.log_size)
    after, before = (image, other) if isinstance(log, Pending) else (other, image)
    writes = changes(bytes(before.data), bytes(after.data), layout.grain, fixed)
    if log_room(writes) > layout.log_size:
        return build_image(values, log=log, layout=replace(layout, log_size=layout.log_size * 2))
    if isinstance(log, Pending):
        image.data[:] = other.data
        if log.zeroed:
            for offset, data in writes:
                held = len(image.data[offset : offset + len(data)])
                image.data[offset : offset + held] = bytes(held)
        image.put_log(writes, len(writes))
    else:
        image.put_log(writes, 0)
    return image


def lay_out(values: Mapping[str, Value], layout: Layout) -> Image:
    """Return a closed file."""
    image = Image(bytearray(OBJECT_TABLE + PAGE + layout.log_size), layout)
    for copy, sequence in enumerate(layout.sequences):
        header = struct.pack(
            "<IIHIIIIQQI",
            0x01282014,
            0,
            sequence,
            layout.version,
            layout.data_version,
            0,
            PAGE,
            image.log_offset,
            layout.log_size,
            PAGE,
        )
        image.data[copy * PAGE : copy * PAGE + len(header)] = header
        image.stamp_header(copy)
    image.put_log([], 0)
    _Keys(image).write(values)
    return image


def stamp(data: bytearray, at: int, length: int, where: int) -> None:
    """Put the CRC-32 of ``length`` bytes at ``at`` into them, at their byte ``where``, which counts as zeros."""
    data[at + where : at + where + 4] = bytes(4)
    data[at + where : at + where + 4] = struct.pack("<I", zlib.crc32(data[at : at + length]))


class _Keys:
    """Fills the key tables, file objects and object tables of an image."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._table = bytearray()
        self._index = 0
        self._sequence = 0
        self._places: dict[str, tuple[int, int]] = {"": (0, 0)}
        self._objects: list[tuple[int, int, int]] = []

    def write(self, values: Mapping[str, Value]) -> None:
        for path, value in values.items():
            names = path.split("/")
            for depth in range(1, len(names)):
                above = "/".join(names[:depth])
                if above not in self._places:
                    self._key(above, Node())
            if path not in self._places:
                self._key(path, value)
        self._close_table()
        self._list_objects()

    def _key(self, path: str, value: Value) -> None:
        self._sequence += 1
        above, _, name = path.rpartition("/")
        kind, data = _encode(value)
        flags = 0
        if kind in (STRING, ARRAY):
            if len(data) >= self._image.layout.threshold:
                flags, offset = 1, self._append(FILE_TYPE, data)
                self._image.files[path] = offset
                data = struct.pack("<IQ", len(data), offset)
            else:
                data = struct.pack("<I", len(data)) + data
        elif kind == NODE_TYPE:
            data = struct.pack("<QI", 0, self._sequence)
        text = name.encode() + b"\0"
        size = KEY_HEADER + len(text) + len(data)
        if not self._table or len(self._table) + size > self._image.layout.table_size:
            self._close_table()
            self._open_table()
        left = self._image.layout.table_size - len(self._table) - size
        if left < 0:
            raise ValueError(f"{path} does not fit into a key table")
        # No free key fits behind this one: it gets the rest.
        slack = left if left < KEY_HEADER else 0
        table, offset = self._places[above]
        entry = bytearray(
            struct.pack("<BBIHIIIB", kind, flags, size + slack, table, offset, 0, self._sequence, len(text))
        )
        entry += text + data
        stamp(entry, 0, size, 12)
        self._places[path] = (self._index, len(self._table))
        self._image.keys[path] = self._image.tables[self._index] + len(self._table)
        self._table += entry + b"\xcc" * slack

    def _open_table(self) -> None:
        self._index += 1
        self._table = bytearray(struct.pack("<HHHI", 2, self._index, self._image.layout.table_sequence, 0))
        stamp(self._table, 0, 10, 6)
        # Its bytes follow when it is full; keys are told where they will be.
        self._image.tables[self._index] = self._append(KEY_TABLE_TYPE, bytes(self._image.layout.table_size))

    def _close_table(self) -> None:
        if not self._table:
            return
        left = self._image.layout.table_size - len(self._table)
        if left:
            free = bytearray(struct.pack("<BBIHIIIB", FREE, 0, left, 0, 0, 0, 0, 0).ljust(left, b"\0"))
            stamp(free, 0, left, 12)
            self._table += free
        offset = self._image.tables[self._index]
        self._image.data[offset : offset + len(self._table)] = self._table
        self._table = bytearray()

    def _append(self, kind: int, data: bytes) -> int:
        """Put an object at the end of the file, which stays whole pages; return its offset."""
        offset = len(self._image.data)
        size = -(-max(len(data), 1) // PAGE) * PAGE
        self._image.data += data.ljust(size, b"\0")
        self._objects.append((kind, offset, size))
        return offset

    def _list_objects(self) -> None:
        """Write the object tables: where one is full, its last entry names the next."""
        at, waiting = OBJECT_TABLE, list(self._objects)
        while True:
            here, waiting = (
                (waiting, [])
                if len(waiting) <= OBJECT_ROOM
                else (waiting[: OBJECT_ROOM - 1], waiting[OBJECT_ROOM - 1 :])
            )
            following = len(self._image.data)
            if waiting:
                self._image.data += bytes(PAGE)
                here = [*here, (OBJECT_TABLE_TYPE, following, PAGE)]
            self._image.data[at : at + 8] = struct.pack("<II", 0x01110001, OBJECT_ROOM)
            for slot, (kind, offset, size) in enumerate(here):
                where = at + 8 + slot * 18
                self._image.data[where : where + 18] = struct.pack("<BIQIB", kind, 0, offset, size, 1)
                self._image.stamp_object(where)
                self._image.objects[offset] = where
            if not waiting:
                return
            at = following


def _encode(value: Value) -> tuple[int, bytes]:
    """Return type and bytes of a value."""
    match value:
        case bool():
            return BOOL, struct.pack("<I", value)
        case int():
            return INT64, struct.pack("<q", value)
        case Uint64():
            return UINT64, struct.pack("<Q", value.number)
        case float():
            return DOUBLE, struct.pack("<d", value)
        case str():
            return STRING, value.encode("utf-16-le")
        case bytes():
            return ARRAY, value
        case Node():
            return NODE_TYPE, b""
