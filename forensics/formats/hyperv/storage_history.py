"""What a HyperVStorage file held before, as far as finished entries of its replay log still tell.

An entry that was written long ago stays in the log until a later one needs its room. Laid over the file as it is now,
it brings back keys of that time, whose checksums tell whether they are whole. A value in a file object has no checksum:
it is taken from the log only when entries there hold all of it, else from its place in the file when no object that
lives today has that place. It then is the content of the place, which is likely, not surely, still that of the time.

References:
    - https://github.com/microsoft/openvmm/blob/main/support/hvs_file/FORMAT.md
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections import ChainMap
from dataclasses import field

from forensics.formats.errors import FormatError
from forensics.formats.hyperv.storage_limits import MAX_HISTORY_VALUES, MAX_HISTORY_WORK, Budget, ErrorRows
from forensics.formats.hyperv.storage_log import LogWrite, Overlay
from forensics.formats.hyperv.storage_objects import OBJECT_TABLE_OFFSET, Objects, read_objects
from forensics.formats.hyperv.storage_tables import (
    NODE,
    KeyEntry,
    KeyTable,
    Ref,
    choose_key_tables,
    parse_key_table_header,
    parse_keys,
    read_keys,
)
from forensics.formats.hyperv.storage_tree import KeyTree
from forensics.formats.hyperv.storage_values import StorageValue, inline_bytes, storage_value
from forensics.language import sentence
from forensics.late_methods import dataclass


@dataclass(frozen=True, slots=True)
class Live:
    """The file as it is now, its log replayed.

    Attributes:
        view: Its bytes.
        objects: What its object tables list.
        keys: Its keys.
        leaves: The keys that have a value, with their paths.
        values: Its values by path.
        max_value: No larger value is looked at.
    """

    view: Overlay
    objects: Objects
    keys: dict[Ref, KeyEntry]
    leaves: list[tuple[str, KeyEntry]]
    values: dict[str, StorageValue]
    max_value: int


def superseded_values(live: Live, committed: tuple[LogWrite, ...], errors: ErrorRows) -> tuple[StorageValue, ...]:
    """Return the values that finished entries of the log hold and that are not those of today, each once.

    Args:
        live: The file.
        committed: The entries, in the order in which they stand in the log.
        errors: Gets a row when not all of them were looked at.
    """
    history = _History(live, committed)
    if committed:
        history.look()
    if history.is_cut_short:
        errors.add("too_much_history", 0, sentence("not all of the old entries of the replay log were looked at"))
    return tuple(history.found.values())


@dataclass(slots=True)
class _History:
    """The tables as they were after each finished entry of the log, and what they held."""

    live: Live
    writes: tuple[LogWrite, ...]
    is_cut_short: bool = False
    then: dict[Ref, KeyEntry] = field(default_factory=dict)
    found: dict[tuple[str, str, object], StorageValue] = field(default_factory=dict)
    _work: Budget = field(default_factory=lambda: Budget(MAX_HISTORY_WORK))

    def look(self) -> None:
        """Look for keys that were others once, then for other content of the file objects of today's keys.

        All old entries together, laid over the file, are taken for its state of that time. Where two of them wrote in
        one place, each of these is also laid over that state alone: it may be of yet another time.
        """
        view = Overlay(self.live.view.read, self.live.view.size)
        for write in self.writes:
            view.write(write)
        try:
            objects = read_objects(view, ErrorRows())
        except FormatError:
            objects = self.live.objects
        if not self._may_work(sum(size for _, size in objects.key_tables)):
            return
        tables = choose_key_tables(view, objects.key_tables, ErrorRows())
        self.then = read_keys(view, tables, ErrorRows())
        self._compare(self.then)
        shared = _overlapping(self.writes)
        for table in tables.values():
            for write in shared if self._may_work(len(shared)) else ():
                if _touches(write, table.offset, table.size) and self._may_work(table.size):
                    data = _laid_over(view.read(table.offset, table.size), table.offset, [write])
                    self._compare(self._keys(data, table.offset))
        starts = {table.offset for table in tables.values()}
        for write in self.writes:
            if write.offset not in starts and self._may_work(len(write.data)):
                self._compare(self._keys(write.data, write.offset))
        self._look_for_file_objects()

    @staticmethod
    def _keys(data: bytes, offset: int) -> dict[Ref, KeyEntry]:
        """Return the keys of the key table that bytes of that time are, if they are one."""
        try:
            index, sequence = parse_key_table_header(data, offset)
        except FormatError:
            return {}
        table = KeyTable(index, sequence, offset, len(data))
        return {entry.ref: entry for entry in parse_keys(data, table, ErrorRows())}

    def _compare(self, keys: dict[Ref, KeyEntry]) -> None:
        """Keep the values of old keys that are not those of today."""
        tree = KeyTree(ChainMap(keys, self.then), ErrorRows())
        for entry in keys.values():
            if entry.kind == NODE or self.live.keys.get(entry.ref) == entry:
                continue
            path = tree.path(entry)
            for data in self._contents(entry) if path is not None else ():
                self._add(storage_value(path or "", entry, data))

    def _look_for_file_objects(self) -> None:
        """Look for other content of the file objects of today's keys that had the same place then."""
        leaves = [
            (entry.pointer, path, entry)
            for path, entry in self.live.leaves
            if entry.in_file_object and self.then.get(entry.ref) == entry
        ]
        leaves.sort(key=lambda leaf: leaf[0])
        starts = [pointer[0] for pointer, _, _ in leaves]
        done: set[Ref] = set()
        for write in self.writes:
            # A value that starts before the entry may still reach into it.
            first = bisect_left(starts, write.offset - self.live.max_value)
            for pointer, path, entry in leaves[first : bisect_right(starts, write.end)]:
                if not self._may_work(1):
                    return
                if entry.ref not in done and _touches(write, *pointer):
                    done.add(entry.ref)
                    for data in self._logged(*pointer):
                        self._add(storage_value(path, entry, data))

    def _contents(self, entry: KeyEntry) -> list[bytes]:
        """Return what the value of an old key may have been."""
        if not entry.in_file_object:
            return [inline_bytes(entry)]
        offset, size = entry.pointer
        if size > self.live.max_value:
            return []
        logged = self._logged(offset, size)
        if logged or self._is_taken(offset, size) or not self._may_work(size // 16):
            return logged
        data = self.live.view.read(offset, size)
        return [data] if len(data) == size else []

    def _logged(self, offset: int, size: int) -> list[bytes]:
        """Return what a place of the file held once: by each entry that holds all of it, else by all together."""
        if size > self.live.max_value or not self._may_work(len(self.writes)):
            return []
        touching = [write for write in self.writes if _touches(write, offset, size)]
        if not touching or not self._may_work(size * len(touching) // 16):
            return []
        whole = [write for write in touching if write.offset <= offset and write.end >= offset + size]
        if whole:
            return [write.data[offset - write.offset : offset - write.offset + size] for write in whole]
        reached = offset
        for write in sorted(touching, key=lambda write: write.offset):
            if write.offset > reached:
                return []
            reached = max(reached, write.end)
        return [_laid_over(bytes(size), offset, touching)] if reached >= offset + size else []

    def _is_taken(self, offset: int, size: int) -> bool:
        """Tell whether an object of today lies in a place."""
        objects = self.live.objects
        if not self._may_work(len(objects.files) + len(objects.key_tables)):
            return True
        places = [(0, OBJECT_TABLE_OFFSET), *objects.key_tables, *objects.files.items()]
        return any(start < offset + size and start + length > offset for start, length in places)

    def _may_work(self, amount: int) -> bool:
        self.is_cut_short = self.is_cut_short or not self._work.spend(amount)
        return not self.is_cut_short

    def _add(self, value: StorageValue) -> None:
        """Keep a value unless it is broken or that of today."""
        today = self.live.values.get(value.path)
        if value.error is not None or (today is not None and _identity(today) == _identity(value)):
            return
        if len(self.found) >= MAX_HISTORY_VALUES:
            self.is_cut_short = True
        else:
            self.found.setdefault(_identity(value), value)


def _laid_over(data: bytes, offset: int, writes: list[LogWrite]) -> bytes:
    """Return bytes that stand at ``offset`` of the file with what ``writes`` put there."""
    image = bytearray(data)
    for write in writes:
        start, end = max(write.offset, offset), min(write.end, offset + len(data))
        if start < end:
            image[start - offset : end - offset] = write.data[start - write.offset : end - write.offset]
    return bytes(image)


def _touches(write: LogWrite, offset: int, size: int) -> bool:
    return write.offset < offset + size and write.end > offset


def _overlapping(writes: tuple[LogWrite, ...]) -> list[LogWrite]:
    """Return the writes that share a byte with another one."""
    shared: set[int] = set()
    reach: tuple[int, int] | None = None
    for number in sorted(range(len(writes)), key=lambda number: writes[number].offset):
        if reach is not None and writes[number].offset < reach[0]:
            shared |= {number, reach[1]}
        if reach is None or writes[number].end > reach[0]:
            reach = writes[number].end, number
    return [writes[number] for number in sorted(shared)]


def _identity(value: StorageValue) -> tuple[str, str, object]:
    """Return what two equal values share; NaN equals itself here."""
    content = struct.pack("<d", value.value) if isinstance(value.value, float) else value.value
    return value.path, value.kind, content
