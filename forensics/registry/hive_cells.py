"""Reads cells of a hive that may lie: every size bounded, every failure reported once, the rest still read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from forensics.disk.tree import Unreadable
from forensics.formats.errors import FormatError
from forensics.language import said_by, sentence
from forensics.registry.base_block import BASE_BLOCK_SIZE
from forensics.registry.cells import (
    BIG_DATA_SEGMENT,
    NO_CELL,
    VALUE_SIZE,
    KeyNode,
    KeyValue,
    SubkeyList,
    parse_big_data,
    parse_cell_list,
    parse_key_node,
    parse_key_value,
    parse_subkey_list,
)
from forensics.registry.hive_bytes import HiveBytes
from forensics.registry.hive_logs import Report

MAX_CHILDREN = 250_000
"""Evidence: sub-keys of one key, and values."""
MAX_VALUE_SIZE = 16 << 20
"""Evidence: bytes of one value."""
MAX_WORK = 5_000_000
"""Evidence: cells read of one hive, whose cells may be made to share each other without end."""
MOST_KEPT_LISTS = 8 << 20
"""Work: bytes of lists of sub-keys that are kept: who looks up each key of a long list reads each part of it often."""
MAX_REPORTED = 500
"""Display: faults of one hive that are told one by one."""

_SMALL_CELL = 1020
_PAGE = 4096
_MAX_LIST_SIZE = 4 * MAX_CHILDREN
"""Evidence: bytes of one list of sub-keys or values."""
_FIRST_CELL = 32
_BIG_DATA_MINOR = 4


class HiveCells:
    """The cells of one hive.

    Args:
        data: Its hive bins.
        minor: Format 1.minor; from 4 on, long values are big data.
        report: Takes each failure.
    """

    def __init__(self, data: HiveBytes, minor: int, report: Report) -> None:
        self.exhausted = False
        self._data = data
        self._minor = minor
        self._report = report
        self._reported: set[tuple[str, int]] = set()
        self._work = 0
        self._lists: dict[int, SubkeyList] = {}
        self._kept = 0

    def fail(self, error: FormatError, cell: int, what: str) -> None:
        """Report a failure in a cell, once; after many only that there are more."""
        key = (error.kind, cell)
        if key in self._reported or len(self._reported) > MAX_REPORTED or self.exhausted:
            return
        self._reported.add(key)
        if len(self._reported) > MAX_REPORTED:
            self._report(
                "too_many_problems",
                sentence("more than {max_reported} parts of the hive are broken", max_reported=MAX_REPORTED),
                None,
            )
        else:
            self._report(
                error.kind, sentence("{what}: {message}", what=what, message=error.message), BASE_BLOCK_SIZE + cell
            )

    def spend(self, work: int = 1) -> None:
        """Count work done, in cells or pages read.

        Raises:
            FormatError: ``too_much_work``: far more than any walk of a hive takes, since its cells share each other.
        """
        self._work += work
        if self._work <= MAX_WORK:
            return
        if not self.exhausted:
            self.exhausted = True
            self._report(
                "too_much_work",
                sentence("{max_work} cells were read; the hive is not read further", max_work=MAX_WORK),
                None,
            )
        raise FormatError("too_much_work", 0, sentence("the hive is not read further"))

    def content(self, cell: int, limit: int) -> bytes:
        """Return up to ``limit`` bytes of a cell's content.

        Raises:
            FormatError: It is no allocated cell, or leaves the hive.
        """
        return self._content(cell, limit)[0]

    def _content(self, cell: int, limit: int) -> tuple[bytes, int]:
        """Return up to ``limit`` bytes of a cell's content, and how many it has; raises as :meth:`content`."""
        self.spend()
        if cell < _FIRST_CELL or cell % 8 or cell >= self._data.size:
            raise FormatError(
                "bad_cell",
                0,
                sentence("no cell can be at {cell:#x} in {size:#x} bytes", cell=cell, size=self._data.size),
            )
        try:
            data = self._data.read(cell, 4 + min(limit, _SMALL_CELL))
            size = -int.from_bytes(data[:4], "little", signed=True)
            if len(data) < 4 or size < 8 or size % 8 or cell + size > self._data.size:
                kind = "free_cell" if size <= 0 and len(data) >= 4 else "bad_cell"
                raise FormatError(
                    kind, 0, sentence("the cell at {cell:#x} is not allocated or leaves the hive", cell=cell)
                )
            wanted = min(size - 4, limit)
            if wanted > _SMALL_CELL:
                self.spend(wanted // _PAGE)
                data = self._data.read(cell, 4 + wanted)
        except Unreadable as error:
            raise FormatError(error.kind, 0, said_by(error)) from error
        if len(data) < 4 + wanted:
            raise FormatError(
                "truncated", len(data), sentence("the cell at {cell:#x} lies beyond the end of the file", cell=cell)
            )
        return data[4 : 4 + wanted], size - 4

    def key_node(self, cell: int) -> KeyNode:
        """Return the key at a cell; raises FormatError."""
        return parse_key_node(*self._content(cell, _SMALL_CELL))

    def key_value(self, cell: int) -> KeyValue:
        """Return the value at a cell, without data that stands elsewhere; raises FormatError."""
        data, room = self._content(cell, _SMALL_CELL)
        name_size = int.from_bytes(data[2:4], "little")
        if VALUE_SIZE + name_size > _SMALL_CELL:
            data = self.content(cell, VALUE_SIZE + name_size)
        return parse_key_value(data, room)

    def class_name(self, node: KeyNode) -> str:
        """Return a key's class name; raises FormatError."""
        data = self.content(node.class_cell, node.class_size)
        if len(data) < node.class_size:
            raise FormatError(
                "truncated",
                74,
                sentence("a class name of {class_size} bytes leaves its cell", class_size=node.class_size),
            )
        return data[: len(data) & ~1].decode("utf-16-le", "replace")

    def leaves(self, node: KeyNode, lose: Callable[[FormatError, int], None]) -> Iterator[SubkeyList]:
        """Yield a key's sub-key lists of kind ``li``, ``lf`` or ``lh``.

        Args:
            node: The key.
            lose: Takes why and at which cell some of its sub-keys cannot be listed, the others being yielded.

        Raises:
            FormatError: The list itself cannot be read.
        """
        top = self._subkey_list(node.subkey_list, lose)
        if top.kind != "ri":
            yield top
            return
        left = MAX_CHILDREN
        for cell in dict.fromkeys(top.cells()):
            try:
                leaf = self._subkey_list(cell, lose)
                if leaf.kind == "ri":
                    raise FormatError("bad_magic", 0, sentence("an index root within an index root"))
            except FormatError as error:
                lose(error, cell)
                continue
            left -= len(leaf)
            if left < 0:
                raise FormatError(
                    "too_many", 0, sentence("a key with more than {max_children} sub-keys", max_children=MAX_CHILDREN)
                )
            yield leaf

    def _subkey_list(self, cell: int, lose: Callable[[FormatError, int], None]) -> SubkeyList:
        found = self._lists.get(cell)
        if found is not None:
            self.spend(1 + len(found) // 64)
            return found
        found = parse_subkey_list(self.content(cell, _MAX_LIST_SIZE))
        if len(found) < found.claimed:
            lose(
                FormatError(
                    "bad_count",
                    2,
                    sentence("{count} of {claimed} entries are there", count=len(found), claimed=found.claimed),
                ),
                cell,
            )
        elif self._kept + len(found.entries) <= MOST_KEPT_LISTS:
            self._lists[cell] = found
            self._kept += len(found.entries)
        self.spend(len(found) // 64)
        return found

    def value_cells(self, node: KeyNode, lose: Callable[[FormatError], None]) -> tuple[int, ...]:
        """Return the cells of a key's values.

        Args:
            node: The key.
            lose: Takes why some of its values are not listed, the others being returned.

        Raises:
            FormatError: The list itself cannot be read.
        """
        if not node.value_count:
            if node.value_list != NO_CELL:
                raise FormatError("bad_count", 36, sentence("no values are claimed, and a list of them"))
            return ()
        cells = parse_cell_list(self.content(node.value_list, _MAX_LIST_SIZE), node.value_count)
        if len(cells) < node.value_count:
            kind = "too_many" if len(cells) >= MAX_CHILDREN else "bad_count"
            lose(
                FormatError(
                    kind,
                    0,
                    sentence(
                        "{count} of {value_count} values are read", count=len(cells), value_count=node.value_count
                    ),
                )
            )
        elif len(set(cells)) < len(cells):
            lose(FormatError("duplicate_value", 0, sentence("the same value is listed twice")))
        return cells

    def further_cells(self, node: KeyNode) -> tuple[int, ...]:
        """Return what stands behind the cells of a key's values in their list; raises FormatError.

        Lists shrink in place, so that cells of values that were deleted stay there.
        """
        if node.value_list == NO_CELL:
            return ()
        data = self.content(node.value_list, _MAX_LIST_SIZE)
        return parse_cell_list(data, len(data) // 4)[node.value_count :]

    def value_data(self, value: KeyValue) -> bytes:
        """Return a value's data, exactly as long as it claims; raises FormatError."""
        if value.inline is not None:
            return value.inline
        if value.size > MAX_VALUE_SIZE:
            raise FormatError(
                "too_large",
                4,
                sentence(
                    "{size} bytes of data; at most {max_value_size} are read",
                    size=value.size,
                    max_value_size=MAX_VALUE_SIZE,
                ),
            )
        data = self.content(value.data_cell, value.size)
        if value.size > BIG_DATA_SEGMENT and self._minor >= _BIG_DATA_MINOR and data[:2] == b"db":
            data = self._big_data(data, value.size)
        if len(data) < value.size:
            raise FormatError(
                "truncated",
                4,
                sentence("{size} bytes of data are claimed, {count} are there", size=value.size, count=len(data)),
            )
        return data

    def has_room(self, value: KeyValue) -> bool:
        """Tell whether the cell of a value's data is larger than the data asks for; raises FormatError."""
        if value.inline is not None or value.size > BIG_DATA_SEGMENT:
            return False
        return self._content(value.data_cell, 0)[1] - value.size >= 8

    def _big_data(self, data: bytes, size: int) -> bytes:
        count, list_cell = parse_big_data(data)
        count = min(count, -(-size // BIG_DATA_SEGMENT))
        segments = parse_cell_list(self.content(list_cell, 4 * count), count)
        return b"".join(self.content(cell, BIG_DATA_SEGMENT) for cell in segments)[:size]
