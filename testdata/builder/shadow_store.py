"""The store of one volume shadow copy: what the volume held before it was changed, in blocks of 16 KiB.

A store holds each block that was changed after its copy was made and before the next newer one was; what changed later
is found in the stores of newer copies. Layout and order are those that Windows wrote.

References:
    libvshadow, documentation "Volume Shadow Snapshot (VSS) format".
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

IDENTIFIER = uuid.UUID("3808876b-c176-4e48-b7ae-04046e6cc752")
BLOCK = 0x4000
SECTOR = 512
CATALOG = 2
DESCRIPTORS = 508
"""Block descriptors that one block of a list has room for."""
ENTRIES = 127
"""Entries that one block of the catalog has room for."""

_HEAD = 128
_BLOCK_LIST, _STORE, _RANGES, _BITMAP = 3, 4, 5, 6
_FORWARDER, _OVERLAY, _NOT_USED = 1, 2, 4
_RANGES_A_BLOCK = 677
_BITMAP_BYTES = BLOCK - _HEAD
_STORE_KIND = uuid.UUID("ae9a9337-0048-4ed6-9874-71500654b7b3")  # in every store of one Windows 7
_CONTEXT = 0x9  # persistent, not released with its requester: as System Restore asks for
_ATTRIBUTES = 0x42_0000 | _CONTEXT  # differential, recovered by the copy's own writes


class StoreError(Exception):
    """A store without the room for what it shall hold, or a description that contradicts itself."""


@dataclass(frozen=True, slots=True)
class Area:
    """A file of the volume that shadow copies use beneath the file system.

    Attributes:
        reference: Its MFT record and sequence number.
        offsets: Byte of the volume at which each of its blocks of 16 KiB begins, a multiple of a block.
    """

    reference: int
    offsets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """A block whose content moved to another place of the volume, which is noted instead of a copy.

    Attributes:
        block: Where it lay when the copy was made.
        to: Where it lies in the next newer copy, or in the present.
        saved: What it held, where the other place was overwritten since and had to be copied after all.
    """

    block: int
    to: int
    saved: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class StoredCopy:
    """One shadow copy.

    Attributes:
        created: When, UTC.
        identifier: Of the store, in its file's name.
        copy: Of the shadow copy, as vssadmin lists it.
        copy_set: Of the set that it was made with.
        area: Where its store lies.
        saved: By block number, what each block held that changed until the next newer copy (or the present).
        free: One bit a block, set where no file had it in use: such blocks need not be saved.
        free_before: The same for all older copies; None where the store has no such bitmap.
        moved: Blocks that are found elsewhere.
        own_writes: By byte of the volume, what was written into the copy itself after it was made (whole sectors).
    """

    created: datetime
    identifier: uuid.UUID
    copy: uuid.UUID
    copy_set: uuid.UUID
    area: Area
    saved: Mapping[int, bytes] = field(repr=False)
    free: bytes = field(repr=False)
    free_before: bytes | None = field(default=None, repr=False)
    moved: Sequence[Moved] = ()
    own_writes: Mapping[int, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Shape:
    """What Windows does now in one way and now in another; a reader has to take both.

    Attributes:
        newest_first: The catalog lists the newest copy first.
        unused_entries: Entries of the catalog that are marked as unused, before each copy.
        entries_apart: The second entry of each copy stands behind the first ones of all.
        entries_a_block: Entries in each block of the catalog, whose rest is empty.
        descriptors_a_block: Descriptors in each block of a store's list, whose rest is empty.
        unused_descriptors: Before each descriptor one that is marked as unused and says something else of its block.
        since_windows_8: Version and flags as since Windows 8 and Server 2012.
        machine: Name that the stores give the computer.
    """

    newest_first: bool = False
    unused_entries: int = 0
    entries_apart: bool = False
    entries_a_block: int = ENTRIES
    descriptors_a_block: int = DESCRIPTORS
    unused_descriptors: bool = False
    since_windows_8: bool = True
    machine: str = "WEB01"


@dataclass(frozen=True, slots=True)
class Placed:
    """Bytes of the volume at which the parts of a store begin; 0 for a bitmap that it has not."""

    header: int
    block_list: int
    ranges: int
    bitmap: int
    bitmap_before: int


def write_store(volume: BinaryIO, copy: StoredCopy, shape: Shape) -> Placed:
    """Write the store of one copy; returns where its parts lie.

    Raises:
        StoreError: It does not fit, or what was written into the copy is no whole sectors.
    """
    return _StoreWriter(volume, copy, shape).write()


def write_chain(
    volume: BinaryIO, area: Area, blocks: Sequence[int], kind: int, items: Sequence[bytes], items_a_block: int
) -> None:
    """Write items of one size into a chain of blocks, each of which names the next.

    Args:
        volume: Image to write to.
        area: The file that holds the blocks.
        blocks: Which of its blocks; those for which no items are left are empty.
        kind: Record type in the head of each.
        items: What they hold.
        items_a_block: How many of them each block takes.
    """
    if len(items) > len(blocks) * items_a_block:
        raise StoreError(f"{len(items)} entries do not go into {len(blocks)} blocks of {items_a_block}")
    for number, block in enumerate(blocks):
        following = area.offsets[blocks[number + 1]] if number + 1 < len(blocks) else 0
        content = b"".join(items[number * items_a_block : (number + 1) * items_a_block])
        volume.seek(area.offsets[block])
        volume.write((_head(kind, area, block, following) + content).ljust(BLOCK, b"\0"))


def _head(kind: int, area: Area, block: int, following: int, information: int = 0) -> bytes:
    numbers = struct.pack("<II4Q", 1, kind, block * BLOCK, area.offsets[block], following, information)
    return (IDENTIFIER.bytes_le + numbers).ljust(_HEAD, b"\0")


class _StoreWriter:
    """Lays the parts of one store into the blocks of its file, in the order in which Windows comes to need them."""

    def __init__(self, volume: BinaryIO, copy: StoredCopy, shape: Shape) -> None:
        self._volume = volume
        self._copy = copy
        self._area = copy.area
        self._shape = shape
        self._taken = 0
        self._lists: list[int] = []
        self._descriptors: list[bytes] = []

    def write(self) -> Placed:
        header, first_list, ranges = (self._take() for _ in range(3))
        bitmap = self._bitmap(self._copy.free)
        before = None if self._copy.free_before is None else self._bitmap(self._copy.free_before)
        self._lists.append(first_list)
        self._write_own_writes()
        # Windows saves blocks as they are written to, which is not in the order of their numbers.
        for block in sorted(self._copy.saved, key=lambda number: number * 0x9E37_79B1 & 0xFFFF_FFFF):
            self._save(block, self._copy.saved[block])
        for moved in self._copy.moved:
            self._describe(moved.block, moved.to * BLOCK, 0, _FORWARDER)
            if moved.saved is not None:
                self._save(moved.to, moved.saved)
        self._chain(self._lists, _BLOCK_LIST, self._descriptors, self._shape.descriptors_a_block)
        self._chain([ranges], _RANGES, list(self._ranges()), _RANGES_A_BLOCK)
        about = self._information()
        self._put(header, _head(_STORE, self._area, header, 0, len(about)) + about)
        at = self._area.offsets
        return Placed(at[header], at[first_list], at[ranges], at[bitmap], 0 if before is None else at[before])

    def _take(self) -> int:
        if self._taken == len(self._area.offsets):
            raise StoreError(f"{len(self._area.offsets)} blocks are too few to save {len(self._copy.saved)}")
        self._taken += 1
        return self._taken - 1

    def _put(self, block: int, data: bytes) -> None:
        self._volume.seek(self._area.offsets[block])
        self._volume.write(data.ljust(BLOCK, b"\0"))

    def _chain(self, blocks: Sequence[int], kind: int, items: Sequence[bytes], items_a_block: int) -> None:
        write_chain(self._volume, self._area, blocks, kind, items, items_a_block)

    def _information(self) -> bytes:
        name = self._shape.machine.encode("utf-16-le")
        identifiers = _STORE_KIND.bytes_le + self._copy.copy.bytes_le + self._copy.copy_set.bytes_le
        return identifiers + struct.pack("<4I", _CONTEXT, 1, _ATTRIBUTES, 0) + (struct.pack("<H", len(name)) + name) * 2

    def _bitmap(self, bits: bytes) -> int:
        parts = [bits[at : at + _BITMAP_BYTES] for at in range(0, len(bits), _BITMAP_BYTES)]
        blocks = [self._take() for _ in parts]
        self._chain(blocks, _BITMAP, parts, 1)
        return blocks[0]

    def _ranges(self) -> Iterator[bytes]:
        """Yield the runs of blocks behind the first three, which every store has in one piece."""
        offsets, first = self._area.offsets, 3
        for number in range(3, len(offsets)):
            if number + 1 == len(offsets) or offsets[number + 1] != offsets[number] + BLOCK:
                yield struct.pack("<3Q", offsets[first], first * BLOCK, (number + 1 - first) * BLOCK)
                first = number + 1

    def _write_own_writes(self) -> None:
        """Put what the copy's own file system wrote: a first descriptor of each block, and others that extend it."""
        places: dict[int, int] = {}
        contents: dict[int, bytearray] = {}
        for at, data in _by_block(self._copy.own_writes):
            block, within = divmod(at, BLOCK)
            relative = 1
            if block not in places:
                places[block] = self._take()
                contents[block] = bytearray(BLOCK)
                relative = places[block] * BLOCK
            contents[block][within : within + len(data)] = data
            sectors = ((1 << len(data) // SECTOR) - 1) << within // SECTOR
            self._describe(block, relative, self._area.offsets[places[block]], _OVERLAY, sectors)
        for block, place in places.items():
            self._put(place, bytes(contents[block]))

    def _save(self, block: int, data: bytes) -> None:
        place = self._take()
        self._put(place, data)
        self._describe(block, place * BLOCK, self._area.offsets[place], 0)

    def _describe(self, block: int, relative: int, at: int, flags: int, sectors: int = 0) -> None:
        if self._shape.unused_descriptors:
            self._add(struct.pack("<3QII", block * BLOCK, 0, self._area.offsets[0], _NOT_USED, 0))
        self._add(struct.pack("<3QII", block * BLOCK, relative, at, flags, sectors))

    def _add(self, descriptor: bytes) -> None:
        if len(self._descriptors) == len(self._lists) * self._shape.descriptors_a_block:
            self._lists.append(self._take())
        self._descriptors.append(descriptor)


def _by_block(writes: Mapping[int, bytes]) -> Iterator[tuple[int, bytes]]:
    for start, data in writes.items():
        if start % SECTOR or len(data) % SECTOR or not data:
            raise StoreError(f"{len(data)} bytes at {start} are no whole sectors")
        at, end = start, start + len(data)
        while at < end:
            upto = min(end, (at // BLOCK + 1) * BLOCK)
            yield at, data[at - start : upto - start]
            at = upto
