"""Opens registry hives: logs replayed in memory, keys and values read where asked and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import BinaryIO

from forensics.disk.errors import SourceError
from forensics.disk.tree import Entry, NotObtained, Tree
from forensics.formats.errors import FormatError
from forensics.formats.filetime import filetime
from forensics.registry.base_block import BASE_BLOCK_SIZE, CHECKED_SIZE, BaseBlock, parse_base_block
from forensics.registry.cells import NO_CELL, KeyNode, KeyValue, SubkeyList, fold_name
from forensics.registry.hive import Value
from forensics.registry.hive_bytes import HiveBytes
from forensics.registry.hive_cells import HiveCells
from forensics.registry.hive_logs import Replay, Report, replay_logs

MAX_DEPTH = 512
"""Evidence: keys within keys of one hive."""
MAX_KEY_DATA = 64 << 20
"""Evidence: bytes of all values of one key."""
_SAMPLED_CHILDREN = 8


def open_hive(tree: Tree, path: str, report: Report) -> RegistryHive:
    """Open a hive with its transaction logs replayed in memory.

    Args:
        tree: Where the hive lies; its logs are looked for beside it, and read only when it is dirty.
        path: Its path.
        report: Takes what is wrong with it (kind, message, offset in the hive file), now and while it is read.

    Returns:
        The hive; ``state`` tells whether logs were replayed.

    Raises:
        NotFound: Nothing is at that path.
        Unreadable: The file cannot be read; NotObtained where its bytes could not be got.
        SourceError: ``empty``, ``truncated``, ``bad_magic`` or ``bad_root``: it is no hive that can be walked.
    """
    entry = tree.entry(path)
    stream = tree.open(entry)
    try:
        return _open(tree, entry, stream, report)
    except BaseException:
        stream.close()
        raise


def _open(tree: Tree, entry: Entry, stream: BinaryIO, report: Report) -> RegistryHive:
    path = entry.path
    block, error = _base_block(stream, path)
    replay = None
    if block is None or block.dirty:
        replay = replay_logs(tree, path, block if block and block.checksum_ok else None, report)
    if block is None and replay is None:
        raise SourceError(error.kind if error else "bad_magic", f"{path} is no registry hive: {error}")
    base = replay.base if replay else block
    assert base is not None
    if base is not block:
        report("bad_base_block", "the hive's own base block is broken; the one of its log is used", 0)
    state = "replayed" if replay else "in_transaction" if base.dirty else "clean"
    if state == "in_transaction":
        report("in_transaction", _in_transaction(base), None)
    data = _hive_bytes(stream, entry.size, base, replay, report)
    return RegistryHive(path, state, HiveCells(data, base.minor, report), base.root_cell, replay)


def _base_block(stream: BinaryIO, path: str) -> tuple[BaseBlock | None, FormatError | None]:
    try:
        return parse_base_block(stream.read(CHECKED_SIZE)), None
    except FormatError as error:
        return None, error
    except Exception as error:  # whatever the libraries behind a tree raise
        raise NotObtained(f"{path} cannot be read: {error}") from error


def _in_transaction(base: BaseBlock) -> str:
    if not base.checksum_ok:
        return "the checksum of the base block is wrong and no log fits; the hive is read as it is"
    return (
        f"a write did not end (sequence numbers {base.sequence1} and {base.sequence2}) and no log fits; "
        "the hive is read as it is and may mix old and new data"
    )


def _hive_bytes(stream: BinaryIO, size: int, base: BaseBlock, replay: Replay | None, report: Report) -> HiveBytes:
    bins_size = replay.bins_size if replay else base.bins_size
    there = max(size - BASE_BLOCK_SIZE, 0)
    if replay and replay.overlay:
        there = max(there, (max(replay.overlay) + 1) * 512)
    if there < bins_size:
        report("truncated", f"{bins_size} bytes of hive bins are claimed, {there} are there", size)
    return HiveBytes(stream, bins_size, replay.overlay if replay else None)


class RegistryHive:
    """A hive; implements ``Hive``.

    Attributes:
        source_path: Where it was read.
        state: ``clean``, ``replayed`` or ``in_transaction``.
        replay: What its logs put right, or None.
        keeps_parents: The parent fields of its keys are filled in, so that a wrong one tells a stale list.
    """

    def __init__(self, source_path: str, state: str, cells: HiveCells, root_cell: int, replay: Replay | None) -> None:
        self.source_path = source_path
        self.state = state
        self.replay = replay
        self._cells = cells
        self._lost: set[str] = set()
        self._lost_values: set[str] = set()
        try:
            node = cells.key_node(root_cell)
        except FormatError as error:
            message = f"{source_path}: its root key cannot be read: {error}"
            if error.kind == NotObtained.kind:
                raise NotObtained(message) from error
            raise SourceError("bad_root", message) from error
        self._root = RegistryKey(self, cells, root_cell, node, ())
        self.keeps_parents = _keeps_parents(cells, root_cell, node)

    def key(self, path: str) -> RegistryKey | None:
        """Return the key at a ``\\``-separated path from the root; the empty path is the root."""
        return self._root.subkey(path)

    def covers(self, path: str) -> bool:
        """Tell whether a key missing at ``path`` is really absent: False below a broken list, and once read no more."""
        if self._cells.exhausted:
            return False
        parts = fold_name(path.strip("\\")).split("\\")
        return not any("\\".join(parts[:depth]) in self._lost for depth in range(len(parts)))

    def covers_values(self, path: str) -> bool:
        """Tell whether a missing value is really absent: False where one that was met could not be read."""
        return not self._cells.exhausted and fold_name(path.strip("\\")) not in self._lost_values

    def lose_value(self, path: str) -> None:
        """Remember that not every value of the key at ``path`` could be read."""
        self._lost_values.add(fold_name(path))

    def lose(self, path: str) -> None:
        """Remember that not every sub-key of the key at ``path`` could be read."""
        self._lost.add(fold_name(path))


def _keeps_parents(cells: HiveCells, root_cell: int, root: KeyNode) -> bool:
    """Look at the first keys of two levels: not every program that writes hives fills in the parent."""
    children = _first_children(cells, root)
    grandchildren = [(cell, node) for cell, child in children for _, node in _first_children(cells, child)]
    right = sum(node.parent == root_cell for _, node in children) + sum(n.parent == c for c, n in grandchildren)
    return 2 * right > len(children) + len(grandchildren)


def _first_children(cells: HiveCells, node: KeyNode) -> list[tuple[int, KeyNode]]:
    found: list[tuple[int, KeyNode]] = []
    with suppress(FormatError):
        for leaf in cells.leaves(node, lambda error, cell: None):
            for cell in islice(leaf.cells(), _SAMPLED_CHILDREN - len(found)):
                with suppress(FormatError):
                    found.append((cell, cells.key_node(cell)))
            if len(found) >= _SAMPLED_CHILDREN:
                break
    return found


class RegistryKey:
    """A key of a hive; implements ``Key``."""

    def __init__(
        self,
        hive: RegistryHive,
        cells: HiveCells,
        cell: int,
        node: KeyNode,
        parts: tuple[str, ...],
        above: tuple[int, ...] = (),
    ) -> None:
        self._hive = hive
        self._ancestors = (*above, cell)
        self._cells = cells
        self._cell = cell
        self._node = node
        self._parts = parts

    def __repr__(self) -> str:
        return f"<RegistryKey {self.path!r}>"

    @property
    def name(self) -> str:
        """Name as stored."""
        return self._node.name

    @property
    def path(self) -> str:
        """Path from the root, ``\\``-separated; empty for the root."""
        return "\\".join(self._parts)

    @property
    def timestamp(self) -> datetime | None:
        """Last write, UTC."""
        return filetime(self._node.last_write)

    @property
    def class_name(self) -> str | None:
        """Class name; None without one, or where it cannot be read (reported)."""
        if self._node.class_cell == NO_CELL or not self._node.class_size:
            return None
        try:
            return self._cells.class_name(self._node)
        except FormatError as error:
            self._fail(error, self._node.class_cell, "class name")
            return None

    def subkeys(self) -> Iterator[RegistryKey]:
        """Yield the sub-keys that can be read, each once; broken ones are reported."""
        seen: set[int] = set()
        for leaf in self._leaves():
            for cell in leaf.cells():
                if self._cells.exhausted:
                    return
                if cell in seen:
                    self._lose(FormatError("duplicate_key", 0, "the same sub-key is listed twice"), cell)
                    continue
                seen.add(cell)
                node = self._child_node(cell)
                if node:
                    yield self._child(cell, node)
        if len(seen) != self._node.subkey_count:
            self._lose(
                FormatError("bad_count", 0, f"{self._node.subkey_count} sub-keys are claimed, {len(seen)} listed"),
                self._cell,
            )

    def subkeys_beginning(self, start: str) -> Iterator[RegistryKey]:
        """Yield the sub-keys whose names begin so; lists are in the order of names, which spares reading the others.

        A list that cannot be read in full is searched in full.
        """
        wanted = fold_name(start)
        for leaf in self._leaves():
            cells = list(dict.fromkeys(leaf.cells()))
            first = self._first_from(cells, wanted)
            for cell in cells[first or 0 :]:
                if self._cells.exhausted:
                    return
                node = self._child_node(cell)
                if node and fold_name(node.name).startswith(wanted):
                    yield self._child(cell, node)
                elif node and first is not None:
                    break

    def _first_from(self, cells: Sequence[int], wanted: str) -> int | None:
        """Find where in a list the names from ``wanted`` on begin; None when a key on the way cannot be read."""
        low, high = 0, len(cells)
        while low < high:
            middle = (low + high) // 2
            node = self._child_node(cells[middle])
            if node is None:
                return None
            low, high = (middle + 1, high) if fold_name(node.name) < wanted else (low, middle)
        return low

    def subkey(self, path: str) -> RegistryKey | None:
        """Return the key at a ``\\``-separated path below this one; None where there is none that can be read."""
        key: RegistryKey | None = self
        parts = path.strip("\\").split("\\") if path.strip("\\") else []
        for part in parts[: MAX_DEPTH + 1]:
            key = key._find(part) if key else None
        return key

    def values(self) -> Iterator[Value]:
        """Yield the values that can be read; broken ones are reported."""
        left = MAX_KEY_DATA
        for cell, value in self._values():
            if value.size > left:
                self._fail(FormatError("too_large", 0, f"more than {MAX_KEY_DATA} bytes of values"), cell, "values")
                return
            read = self._value(cell, value)
            if read:
                left -= len(read.data)
                yield read

    def value(self, name: str) -> Value | None:
        """Return a value; the empty name is the default value."""
        wanted = fold_name(name)
        for cell, value in self._values():
            if fold_name(value.name) == wanted:
                return self._value(cell, value)
        return None

    def _leaves(self) -> Iterator[SubkeyList]:
        if not self._node.subkey_count:
            return
        try:
            yield from self._cells.leaves(self._node, self._lose)
        except FormatError as error:
            self._lose(error, self._node.subkey_list)

    def _find(self, name: str) -> RegistryKey | None:
        wanted = fold_name(name)
        for leaf in self._leaves():
            for cell in leaf.candidates(name):
                node = self._child_node(cell)
                if node and fold_name(node.name) == wanted:
                    return self._child(cell, node)
        return None

    def _child_node(self, cell: int) -> KeyNode | None:
        try:
            node = self._cells.key_node(cell)
            if len(self._parts) >= MAX_DEPTH:
                raise FormatError("too_deep", 0, f"keys lie more than {MAX_DEPTH} deep")
            if cell in self._ancestors:
                raise FormatError("cyclic_key", 0, "a key lists itself or one of its ancestors as a sub-key")
            # In a torn hive a list can point at a cell that another key has taken since.
            if self._hive.keeps_parents and node.parent != self._cell:
                raise FormatError("bad_parent", 16, "a sub-key is listed that belongs to another key")
        except FormatError as error:
            self._lose(error, cell)
            return None
        return node

    def _child(self, cell: int, node: KeyNode) -> RegistryKey:
        return RegistryKey(self._hive, self._cells, cell, node, (*self._parts, node.name), self._ancestors)

    def _values(self) -> Iterator[tuple[int, KeyValue]]:
        try:
            cells = self._cells.value_cells(self._node, f"value list of {_short(self.path)}")
        except FormatError as error:
            self._lose_value(error, self._node.value_list, "value list")
            return
        for cell in cells:
            if self._cells.exhausted:
                return
            try:
                yield cell, self._cells.key_value(cell)
            except FormatError as error:
                self._lose_value(error, cell, "value")

    def _value(self, cell: int, value: KeyValue) -> Value | None:
        try:
            return Value(value.name, value.type, self._cells.value_data(value))
        except FormatError as error:
            self._lose_value(error, cell, f"value {_short(value.name)}")
            return None

    def _lose_value(self, error: FormatError, cell: int, what: str) -> None:
        self._hive.lose_value(self.path)
        self._fail(error, cell, what)

    def _lose(self, error: FormatError, cell: int) -> None:
        self._hive.lose(self.path)
        self._fail(error, cell, "sub-keys")

    def _fail(self, error: FormatError, cell: int, what: str) -> None:
        self._cells.fail(error, cell, f"{what} of {_short(self.path) or 'the root key'}")


def _short(text: str) -> str:
    """Return a name or path short enough for a message."""
    return text if len(text) <= 200 else f"{text[:100]}…{text[-99:]}"
