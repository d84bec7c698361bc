"""Writes VHDX files: fixed, dynamic, differencing, in any physical order of blocks, with or without a dirty log.

The same arguments give the same bytes: GUIDs and the order of blocks follow from a seed.

References:
    - [MS-VHDX] v8
"""

from __future__ import annotations

import io
import os
import random
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from testdata.builder.seeded import Seeded
from testdata.builder.vhdx_frame import BAT_AT, LOG_AT, LOG_LENGTH, MIB, Frame, describe, write_frame
from testdata.builder.vhdx_log import LogShape, build_log

ZERO, FULLY_PRESENT, PARTIALLY_PRESENT, BITMAP_PRESENT = 2, 6, 7, 6

Change = tuple[int, bytes]


@dataclass(slots=True)
class _Image:
    """What is to be written.

    Attributes:
        blocks: File content of payload blocks by number, each as (offset in block, bytes) pieces.
        states: BAT state of payload blocks that are not 0.
        bitmaps: Sector bitmap blocks by chunk.
        locator: Key and value texts of the parent locator; None for a disk without parent.
    """

    size: int
    block_size: int
    sector_size: int
    seed: str
    fixed: bool = False
    locator: dict[str, str] | None = None
    blocks: dict[int, list[Change]] = field(default_factory=dict, repr=False)
    states: dict[int, int] = field(default_factory=dict, repr=False)
    bitmaps: dict[int, bytearray] = field(default_factory=dict, repr=False)

    @property
    def ratio(self) -> int:
        return (self.sector_size << 23) // self.block_size

    @property
    def block_count(self) -> int:
        return -(-self.size // self.block_size)

    @property
    def bat_length(self) -> int:
        chunks = -(-self.block_count // self.ratio)
        # [MS-VHDX] 2.5: a differencing disk has a bitmap entry behind each whole chunk, the last one too.
        entries = chunks * (self.ratio + 1) if self.locator is not None else self.block_count + chunks - 1
        return -(-entries * 8 // MIB) * MIB

    def frame(self, log_guid: UUID | None = None) -> Frame:
        """Return what the headers, the region tables and the metadata say of this disk."""
        return Frame(
            self.size,
            self.block_size,
            self.sector_size,
            self.bat_length,
            self.seed,
            fixed=self.fixed,
            locator=self.locator,
            log_guid=log_guid or UUID(int=0),
        )


def write_fixed(
    raw: BinaryIO, size: int, out: Path, *, block_size: int = MIB, sector_size: int = 512, seed: str = "vhdx"
) -> None:
    """Write a fixed disk: every block is allocated, in order."""
    image = _Image(size, block_size, sector_size, seed, fixed=True)
    for number in range(image.block_count):
        image.blocks[number] = []
        image.states[number] = FULLY_PRESENT
    image.blocks.update(_blocks_with_data(raw, size, block_size))
    _write(image, out, sorted(image.blocks))


def write_dynamic(
    raw: BinaryIO,
    size: int,
    out: Path,
    *,
    block_size: int = MIB,
    sector_size: int = 512,
    shuffle_seed: str | None = None,
    seed: str = "vhdx",
    pending: Sequence[Change] = (),
    log: LogShape | None = None,
) -> None:
    """Write a dynamic disk.

    Args:
        raw: The disk's content; holes of a sparse file are not read.
        size: Size of the disk in bytes.
        out: The file to write.
        block_size: Size of a block; blocks of zeros are not stored.
        sector_size: Logical sector size, 512 or 4096.
        shuffle_seed: Mixes the blocks' order in the file; None leaves them in the disk's order.
        seed: From which the GUIDs follow.
        pending: Changes of the disk, (offset, bytes), that stand only in the log: in blocks that exist as data
            sectors, in others as a new block that the BAT in the file does not know of yet.
        log: Shape of the log; none is written when there is neither this nor a pending change.
    """
    image = _Image(size, block_size, sector_size, seed)
    image.blocks = _blocks_with_data(raw, size, block_size)
    image.states = dict.fromkeys(image.blocks, FULLY_PRESENT)
    order = _order(image.blocks, shuffle_seed)
    if not pending and log is None:
        _write(image, out, order)
    else:
        _write_dirty(image, out, order, pending, log or LogShape())


def write_differencing(
    parent: Path,
    changes: Iterable[Change],
    out: Path,
    *,
    block_size: int = MIB,
    shuffle_seed: str | None = None,
    seed: str = "vhdx child",
    linkage: str | None = None,
    linkage2: str | None = None,
    relative_path: str | None = None,
    absolute_path: str | None = None,
    volume_path: str | None = None,
) -> None:
    """Write a differencing disk that holds only changed sectors.

    Blocks that are changed as a whole are fully present, or zero blocks where the change is all zero; the others are
    partially present with a sector bitmap.

    Args:
        parent: A file written by this module.
        changes: (offset, bytes) in the virtual disk, whole logical sectors; later ones cover earlier ones.
        out: The file to write.
        block_size: Size of a block; need not be the parent's.
        shuffle_seed: Mixes the blocks' order in the file.
        seed: From which the GUIDs follow; two disks of one chain need two seeds.
        linkage: GUID to name as the parent's DataWriteGuid; by default the right one.
        linkage2: A second such GUID; not written by default.
        relative_path: By default the parent's file name in the same folder; "" leaves it out.
        absolute_path: ``absolute_win32_path``; not written by default.
        volume_path: Likewise.
    """
    size, sector_size, guid = describe(parent)
    locator = {"parent_linkage": f"{{{linkage or guid}}}"}
    if linkage2 is not None:
        locator["parent_linkage2"] = f"{{{linkage2}}}"
    if relative_path != "":
        locator["relative_path"] = relative_path or f".\\{parent.name}"
    if absolute_path is not None:
        locator["absolute_win32_path"] = absolute_path
    if volume_path is not None:
        locator["volume_path"] = volume_path
    image = _Image(size, block_size, sector_size, seed, locator=locator)
    for offset, data in changes:
        if offset % sector_size or len(data) % sector_size or offset + len(data) > size:
            raise ValueError(f"a change of {len(data)} bytes at {offset} is not whole sectors of the disk")
        for number, start, piece in _cut(offset, data, block_size):
            _change_block(image, number, start, piece)
    _write(image, out, _order(image.blocks, shuffle_seed))


def _change_block(image: _Image, number: int, start: int, piece: bytes) -> None:
    """Add a change within one block of a differencing disk."""
    in_disk = min(image.block_size, image.size - number * image.block_size)
    if len(piece) == in_disk:
        image.states[number] = FULLY_PRESENT if piece != bytes(len(piece)) else ZERO
        image.blocks.pop(number, None)
        if piece != bytes(len(piece)):
            image.blocks[number] = [(0, piece)]
        return
    if image.states.get(number) == ZERO:
        image.states[number] = FULLY_PRESENT
    pieces = image.blocks.setdefault(number, [])
    pieces.append((start, piece))
    if image.states.get(number) == FULLY_PRESENT:
        return
    image.states[number] = PARTIALLY_PRESENT
    bitmap = image.bitmaps.setdefault(number // image.ratio, bytearray(MIB))
    first = (number % image.ratio * image.block_size + start) // image.sector_size
    for bit in range(first, first + len(piece) // image.sector_size):
        bitmap[bit // 8] |= 1 << bit % 8


def _blocks_with_data(raw: BinaryIO, size: int, block_size: int) -> dict[int, list[Change]]:
    """Return the blocks that are not all zero, as pieces without the file's holes: a sparse disk stays sparse."""
    blocks: dict[int, list[Change]] = {}
    for start, end in _extents(raw, size):
        for number in range(start // block_size, -(-end // block_size)):
            first, last = max(start, number * block_size), min(end, (number + 1) * block_size)
            raw.seek(first)
            data = raw.read(last - first)
            if data.count(0) < len(data):
                blocks.setdefault(number, []).append((first - number * block_size, data))
    return blocks


def _extents(raw: BinaryIO, size: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges of a file that are no holes."""
    try:
        handle = raw.fileno()
    except (OSError, io.UnsupportedOperation):
        yield 0, size
        return
    raw.flush()
    at = 0
    while at < size:
        try:
            start = os.lseek(handle, at, os.SEEK_DATA)
        except OSError:
            return
        at = min(os.lseek(handle, start, os.SEEK_HOLE), size)
        if start < size:
            yield start, at


def _cut(offset: int, data: bytes, block_size: int) -> Iterator[tuple[int, int, bytes]]:
    """Cut a change at block boundaries: (block number, offset in the block, bytes)."""
    at = 0
    while at < len(data):
        number, start = divmod(offset + at, block_size)
        piece = data[at : at + block_size - start]
        yield number, start, piece
        at += len(piece)


def _order(blocks: Iterable[int], shuffle_seed: str | None) -> list[int]:
    order = sorted(blocks)
    if shuffle_seed is not None:
        random.Random(shuffle_seed).shuffle(order)
    return order


def _write(image: _Image, out: Path, order: list[int]) -> None:
    bat, end = _layout(image, order)
    with out.open("wb") as fh:
        _write_blocks(image, fh, bat)
        fh.truncate(end)
        _write_bat(fh, bat)
        write_frame(fh, image.frame())


def _write_dirty(image: _Image, out: Path, order: list[int], pending: Sequence[Change], log: LogShape) -> None:
    """Write the old disk with the pending changes in its log."""
    old_bat, _ = _layout(image, order)
    existing = set(image.blocks)
    new: set[int] = set()
    pages: dict[int, bytearray] = {}
    with out.open("w+b") as fh:
        for number in sorted({n for offset, data in pending for n, _, _ in _cut(offset, data, image.block_size)}):
            if number not in existing:
                new.add(number)
                image.blocks[number] = []
                image.states[number] = FULLY_PRESENT
        bat, end = _layout(image, order + sorted(new))
        for offset, data in pending:
            for number, start, piece in _cut(offset, data, image.block_size):
                if number in new:
                    image.blocks[number].append((start, piece))
        _write_blocks(image, fh, bat)
        fh.truncate(end)
        _write_bat(fh, old_bat)
        for offset, data in pending:
            for number, start, piece in _cut(offset, data, image.block_size):
                if number in existing:
                    _change_pages(fh, pages, (bat[_index(image, number)] >> 20 << 20) + start, piece)
        for index, value in bat.items():
            if old_bat.get(index) != value:
                _change_pages(fh, pages, BAT_AT + index * 8, struct.pack("<Q", value))
        seeded = Seeded(f"{image.seed} log")
        guid = UUID(seeded.guid())
        write_frame(fh, image.frame(guid))
        ring = build_log({at: bytes(page) for at, page in pages.items()}, guid, LOG_LENGTH, end, log)
        fh.seek(LOG_AT)
        fh.write(ring)


def _change_pages(fh: BinaryIO, pages: dict[int, bytearray], offset: int, data: bytes) -> None:
    """Change 4 KiB pages of the file in memory only."""
    for number, start, piece in _cut(offset, data, 4096):
        page = pages.get(number * 4096)
        if page is None:
            fh.seek(number * 4096)
            page = pages[number * 4096] = bytearray(fh.read(4096).ljust(4096, b"\0"))
        page[start : start + len(piece)] = piece


def _layout(image: _Image, order: list[int]) -> tuple[dict[int, int], int]:
    """Place the blocks; return the BAT entries by index and the end of the file."""
    at = BAT_AT + image.bat_length
    bat = {_index(image, number): state for number, state in image.states.items()}
    for chunk in sorted(image.bitmaps):
        bat[(chunk + 1) * (image.ratio + 1) - 1] = at | BITMAP_PRESENT
        at += MIB
    for number in order:
        bat[_index(image, number)] |= at
        at += image.block_size
    return bat, at


def _index(image: _Image, number: int) -> int:
    return number + number // image.ratio


def _write_blocks(image: _Image, fh: BinaryIO, bat: dict[int, int]) -> None:
    for chunk, bitmap in image.bitmaps.items():
        fh.seek(bat[(chunk + 1) * (image.ratio + 1) - 1] >> 20 << 20)
        fh.write(bitmap)
    for number, pieces in image.blocks.items():
        at = bat[_index(image, number)] >> 20 << 20
        for start, piece in pieces:
            fh.seek(at + start)
            fh.write(piece)


def _write_bat(fh: BinaryIO, bat: dict[int, int]) -> None:
    for index, value in bat.items():
        fh.seek(BAT_AT + index * 8)
        fh.write(struct.pack("<Q", value))
