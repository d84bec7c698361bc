"""Writes databases of the Extensible Storage Engine: pages of 8 KiB, a catalog, tables, and long values beside them.

It knows none of the code that reads them. Every tree lies in one page or in one parent and its leaves; space trees and
the copy of the catalog, which a reader does not need, are left out.

References:
    libesedb, Extensible Storage Engine (ESE) Database File (EDB) format
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import pairwise

PAGE = 8192
CLEAN, DIRTY = 3, 2
LONG, LONG_BINARY, LONG_TEXT = 4, 11, 12
_ROOT, _LEAF, _PARENT, _LONG_VALUE, _NEW_RECORDS = 0x1, 0x2, 0x4, 0x80, 0x800
_CATALOG = 4
_HEADER = 40
_UNICODE = 1200
_CHUNK = 8110
_EXTENDED, _IS_LONG, _SEPARATED = 0x4000, 0x1, 0x4
_TABLE, _COLUMN, _LONG_VALUES = 1, 2, 4

Value = int | str | bytes
Node = tuple[bytes, bytes]
"""Key and data."""


@dataclass(frozen=True)
class Column:
    """A column: those of up to 127 are fixed numbers of 4 bytes, those from 256 are tagged."""

    number: int
    name: str
    kind: int


@dataclass
class Table:
    """A table and its rows, by column name; a value of more than ``intrinsic`` bytes lies outside of its row."""

    name: str
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Value]]
    intrinsic: int = 1024
    _long: list[Node] = field(default_factory=list)


class _File:
    def __init__(self) -> None:
        self.pages: dict[int, bytes] = {}
        self.next = 32

    def tree(self, owner: int, nodes: Sequence[Node], kind: int = 0, at: int | None = None) -> int:
        """Write a tree and return its root."""
        root = at or self._take()
        leaves = _split(nodes)
        if len(leaves) <= 1:
            self.pages[root] = _page(root, owner, [_fdp(), *map(_node, nodes)], _ROOT | _LEAF | kind)
            return root
        numbers = [self._take() for _ in leaves]
        for at_leaf, (number, leaf) in enumerate(zip(numbers, leaves, strict=True)):
            before = numbers[at_leaf - 1] if at_leaf else 0
            after = numbers[at_leaf + 1] if at_leaf + 1 < len(numbers) else 0
            self.pages[number] = _page(number, owner, [b"", *map(_node, leaf)], _LEAF | kind, before, after)
        keys = [following[0][0] for _, following in pairwise(leaves)]
        branch = [_node((key, struct.pack("<I", number))) for key, number in zip([*keys, b""], numbers, strict=True)]
        self.pages[root] = _page(root, owner, [_fdp(), *branch], _ROOT | _PARENT | kind)
        return root

    def _take(self) -> int:
        self.next += 1
        return self.next - 1

    def written(self, state: int) -> bytes:
        header = bytearray(PAGE)
        struct.pack_into("<III", header, 4, 0x89ABCDEF, 0x620, 0)
        struct.pack_into("<I", header, 52, state)
        struct.pack_into("<II", header, 232, 12, PAGE)
        struct.pack_into("<I", header, 0, _checksum(header))
        empty = [self.pages.get(number) or _page(number, 1, [b""], 0x8) for number in range(1, self.next)]
        return bytes(header) * 2 + b"".join(empty)


def _split(nodes: Sequence[Node]) -> list[list[Node]]:
    leaves: list[list[Node]] = [[]]
    room = PAGE - 200
    for key, data in nodes:
        size = len(key) + len(data) + 8
        if size > room and leaves[-1]:
            leaves.append([])
            room = PAGE - 200
        leaves[-1].append((key, data))
        room -= size
    return leaves


def _fdp() -> bytes:
    return struct.pack("<4I", 1, 0, 0, 0)


def _node(node: Node) -> bytes:
    key, data = node
    return struct.pack("<H", len(key)) + key + data


def _checksum(data: bytes | bytearray) -> int:
    words = struct.unpack(f"<{len(data) // 4 - 1}I", data[4:])
    return reduce(lambda one, other: one ^ other, words, 0x89ABCDEF)


def _page(number: int, owner: int, tags: Sequence[bytes], flags: int, before: int = 0, after: int = 0) -> bytes:
    body, places = b"", []
    for tag in tags:
        places.append((len(tag), len(body)))
        body += tag
    free = PAGE - _HEADER - len(body) - 4 * len(tags)
    page = bytearray(PAGE)
    struct.pack_into("<IIQIIIHHHHI", page, 0, 0, number, 1, before, after, owner, free, 0, len(body), len(tags),
                     flags | _NEW_RECORDS)  # fmt: skip
    page[_HEADER : _HEADER + len(body)] = body
    for at, (size, place) in enumerate(places):
        struct.pack_into("<HH", page, PAGE - 4 * (at + 1), size, place)
    struct.pack_into("<I", page, 0, _checksum(page))
    return bytes(page)


def _number_key(value: int) -> bytes:
    return b"\x7f" + struct.pack(">I", value ^ 0x80000000)


def _fixed(values: Sequence[tuple[bytes | None, int]]) -> tuple[bytes, bytes]:
    """Return fixed columns, each of which is None or so many bytes, and the bits that tell which are null."""
    data = b"".join(value if value is not None else bytes(size) for value, size in values)
    bits = sum(1 << at for at, (value, _) in enumerate(values) if value is None)
    return data, bits.to_bytes((len(values) + 7) // 8, "little")


def _record(fixed: Sequence[tuple[bytes | None, int]], variable: Sequence[bytes] = (), tagged: bytes = b"") -> bytes:
    data, bits = _fixed(fixed)
    ends, end = b"", 0
    for value in variable:
        end += len(value)
        ends += struct.pack("<H", end)
    head = struct.pack("<BBH", len(fixed), 127 + len(variable), 4 + len(data) + len(bits))
    return head + data + bits + ends + b"".join(variable) + tagged


def _tagged(values: Sequence[tuple[int, int | None, bytes]]) -> bytes:
    """Return tagged columns: each its number, its flags (None: it has none), and its bytes."""
    directory, data = b"", b""
    for number, flags, value in values:
        place = 4 * len(values) + len(data)
        directory += struct.pack("<HH", number, place | (_EXTENDED if flags is not None else 0))
        data += (bytes([flags]) if flags is not None else b"") + value
    return directory + data


def _row(table: Table, row: Mapping[str, Value]) -> bytes:
    fixed: list[tuple[bytes | None, int]] = []
    tagged: list[tuple[int, int | None, bytes]] = []
    for column in table.columns:
        value = row.get(column.name)
        raw = _raw(value) if value is not None else None
        if column.number < 128:
            fixed.append((raw, 4))
        elif raw is not None and column.kind == LONG:
            tagged.append((column.number, None, raw))
        elif raw is not None and len(raw) <= table.intrinsic:
            tagged.append((column.number, _IS_LONG, raw))
        elif raw is not None:
            tagged.append((column.number, _IS_LONG | _SEPARATED, _outside(table, raw)))
    return _record(fixed, tagged=_tagged(tagged))


def _raw(value: Value) -> bytes:
    if isinstance(value, int):
        return struct.pack("<i", value)
    return value.encode("utf-16-le") if isinstance(value, str) else value


def _outside(table: Table, raw: bytes) -> bytes:
    """Put a long value into the tree of long values and return what its row has instead."""
    number = 1 + sum(len(key) == 4 for key, _ in table._long)
    key = struct.pack(">I", number)
    table._long.append((key, struct.pack("<II", 1, len(raw))))
    for at in range(0, len(raw), _CHUNK):
        table._long.append((key + struct.pack(">I", at), raw[at : at + _CHUNK]))
    return struct.pack("<I", number)


def _catalog(table: int, kind: int, number: int, where: int, size: int, flags: int, pages: int, name: str) -> Node:
    fixed: list[tuple[bytes | None, int]] = [
        (struct.pack("<I", table), 4),
        (struct.pack("<H", kind), 2),
        *((struct.pack("<I", value), 4) for value in (number, where, size, flags, pages)),
        *([(b"\xff", 1)] if kind == _TABLE else []),
    ]
    key = _number_key(table) + b"\x7f" + struct.pack(">H", kind ^ 0x8000) + _number_key(number)
    return key, _record(fixed, [name.encode()])


def database(tables: Sequence[Table], state: int = CLEAN) -> bytes:
    """Return a database.

    Args:
        tables: The first column of each is its key.
        state: That of its header: shut down cleanly or not.
    """
    file = _File()
    catalog: list[Node] = []
    for number, table in enumerate(tables, 2):
        rows = sorted((_number_key(int(row[table.columns[0].name])), _row(table, row)) for row in table.rows)
        root = file.tree(number, rows)
        catalog.append(_catalog(number, _TABLE, number, root, 80, 0, 0, table.name))
        for column in sorted(table.columns, key=lambda each: each.number):
            size, pages = (4, 0) if column.kind == LONG else (0, _UNICODE if column.kind == LONG_TEXT else 0)
            catalog.append(_catalog(number, _COLUMN, column.number, column.kind, size, 0, pages, column.name))
        if table._long:
            long_root = file.tree(number, table._long, _LONG_VALUE)
            catalog.append(_catalog(number, _LONG_VALUES, number + 100, long_root, 1, 0, 0, "LV"))
    file.tree(2, catalog, at=_CATALOG)
    return file.written(state)
