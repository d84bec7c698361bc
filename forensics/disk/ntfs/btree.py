"""The B-tree of an NTFS index: walked in order, and searched so that a miss can be believed."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from forensics.disk.ntfs.damage import BrokenStructure, TooMuchWork
from forensics.disk.ntfs.index import IndexEntry, parse_index_node, parse_index_root
from forensics.disk.ntfs.record import BITMAP, INDEX_ALLOCATION, INDEX_ROOT, FileRecord
from forensics.disk.tree import Unreadable
from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass

if TYPE_CHECKING:
    from forensics.disk.ntfs.volume import NtfsVolume

_MAX_DEPTH = 64
"""Format: nodes within nodes of one index."""
_ENTRIES_PER_UNIT = 16

_Key = TypeVar("_Key", int, str)


@dataclass(frozen=True, slots=True)
class Hit:
    """What a search came to.

    Attributes:
        entry: The entry with the wanted key; None where there is none.
        before: The last entry with a smaller key.
        after: The first entry with a greater key.
    """

    entry: IndexEntry | None
    before: IndexEntry | None = None
    after: IndexEntry | None = None


class NtfsIndex:
    """A B-tree of a record, walked from its root so that freed nodes are never believed.

    Args:
        volume: Where it lies.
        record: The record that holds it.
        name: Name of the index.
    """

    def __init__(self, volume: NtfsVolume, record: FileRecord, name: str) -> None:
        root = record.find(INDEX_ROOT, name)
        if root is None or root.value is None:
            raise BrokenStructure(sentence("file record has no index {name}", name=name))
        try:
            parsed = parse_index_root(root.value)
        except (FormatError, struct.error) as error:
            raise BrokenStructure(
                sentence("the root of index {name} is damaged: {error}", name=name, error=error)
            ) from error
        if parsed.is_of_names != (name == "$I30"):
            raise BrokenStructure(sentence("the root of index {name} is damaged: it is of another kind", name=name))
        self.root = parsed.entries
        self._is_of_names = parsed.is_of_names
        self._node_size = parsed.node_size
        self._unit = volume.cluster if volume.cluster <= parsed.node_size else 512
        self._volume = volume
        self._record, self._name = record, name
        self._stream: BinaryIO | None = None
        self._used: bytes | None = None

    @property
    def is_small(self) -> bool:
        """The whole index lies in its root."""
        return all(entry.child is None for entry in self.root)

    def _node(self, number: int) -> tuple[IndexEntry, ...]:
        stream = self._stream = self._stream or self._volume.stream(self._record, INDEX_ALLOCATION, self._name)
        if stream is None:
            raise BrokenStructure(sentence("an index names a node but has none"))
        at = number * self._unit
        place = self._volume.place_in(stream, at)
        slot, rest = divmod(at, self._node_size)
        if rest or not self._is_used(slot):
            raise BrokenStructure(
                sentence("index node {number} is marked as free, and named all the same", number=number), place
            )
        stream.seek(at)
        try:
            node = parse_index_node(stream.read(self._node_size), number, self._is_of_names)
            self._volume.spend(1 + len(node) // _ENTRIES_PER_UNIT)
            return node
        except FormatError as error:
            where = None if place is None else place + (error.offset or 0)
            raise BrokenStructure(
                sentence("index node {number} is damaged: {error}", number=number, error=error), where
            ) from error
        except struct.error as error:
            raise BrokenStructure(
                sentence("index node {number} is damaged: {error}", number=number, error=error), place
            ) from error

    def _is_used(self, slot: int) -> bool:
        if self._used is None:
            stream = self._volume.stream(self._record, BITMAP, self._name)
            self._used = stream.read(1 << 20) if stream is not None else b""
        return slot >> 3 < len(self._used) and bool(self._used[slot >> 3] >> (slot & 7) & 1)

    def entries(self) -> Iterator[IndexEntry | Unreadable]:
        """Yield all entries in order; a damaged node is yielded as its reason, and the rest goes on."""
        pending: list[int | IndexEntry] = []
        seen: set[int] = set()
        node = self.root
        while True:
            for entry in reversed(node):
                if entry.key:
                    pending.append(entry)
                if entry.child is not None:
                    pending.append(entry.child)
            node = ()
            while pending and not node:
                found = pending.pop()
                if not isinstance(found, int):
                    yield found
                elif found in seen:
                    yield BrokenStructure(sentence("index node {found} is named more than once", found=found))
                else:
                    seen.add(found)
                    try:
                        node = self._node(found)
                    except TooMuchWork:
                        raise
                    except Unreadable as reason:
                        yield reason
            if not node:
                return

    def search(self, wanted: _Key, key_of: Callable[[bytes], _Key]) -> Hit:
        """Find one entry.

        Args:
            wanted: The key, in the form in which keys are compared.
            key_of: Brings a stored key into that form.

        Raises:
            Unreadable: A node on the way is damaged, or holds keys that do not belong between those that led to it.
        """
        node = self.root
        low: IndexEntry | None = None
        high: IndexEntry | None = None
        seen: set[int] = set()
        while True:
            child: int | None = None
            for entry in node:
                if not entry.key:
                    child = entry.child
                    break
                key = key_of(entry.key)
                if key == wanted:
                    return Hit(entry)
                if wanted < key:
                    child, high = entry.child, entry
                    break
                low = entry
            if child is None:
                return Hit(None, low, high)
            if child in seen:
                raise BrokenStructure(sentence("index node {child} is named more than once", child=child))
            seen.add(child)
            if len(seen) > _MAX_DEPTH:
                raise BrokenStructure(sentence("the nodes of an index lie too deep"))
            node = self._node(child)
            keys = [entry.key for entry in node if entry.key]
            if keys and (
                (low is not None and is_after(key_of(low.key), key_of(keys[0])))
                or (high is not None and is_after(key_of(keys[-1]), key_of(high.key)))
            ):
                raise BrokenStructure(
                    sentence("the keys of index node {child} do not belong where it stands", child=child)
                )


def is_after(first: _Key, second: _Key) -> bool:
    """Tell that one key surely comes after another: the order of letters beyond ASCII is the volume's own."""
    if isinstance(first, str) and isinstance(second, str):
        return first.isascii() and second.isascii() and first > second
    return first > second
