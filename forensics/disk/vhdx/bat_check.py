"""Finds the BAT entries of a VHDX that lead to one place of the file, or into its own structures: one of them is wrong.

Each block lies in a place of its own. Where two entries lead to one place, nothing tells whose content lies there.

References:
    - [MS-VHDX] v8, sections 2.1 (layout: nothing overlaps) and 2.5 (BAT)
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Container, Mapping
from operator import sub

from forensics.disk.vhdx import structures as fmt
from forensics.language import sentence

MAX_CHECKED = 1 << 21
"""Evidence: entries of a VHDX's BAT that are compared with one another when it is opened."""
_INDEX_BITS = 32
_PAGE = 4096
_GIVEN_UP = (fmt.UNDEFINED, fmt.ZERO, fmt.UNMAPPED)


def conflicts(
    bat: bytes, geometry: fmt.Geometry, regions: Mapping[str, fmt.Region], has_parent: bool
) -> dict[int, str]:
    """Return the entries that cannot be believed.

    Args:
        bat: The BAT, from its first entry.
        geometry: Sizes of disk, block and sector.
        regions: The structures of the file by what they are called.
        has_parent: The disk is differencing: a block may lie in the file in part.

    Returns:
        BAT index -> what lies in the same place, and where that is.
    """
    places = _places(bat, (fmt.FULLY_PRESENT, fmt.PARTIALLY_PRESENT) if has_parent else (fmt.FULLY_PRESENT,))
    sizes = _Sizes(geometry)
    found: dict[int, str] = {}
    # Blocks below 1 MiB are refused where they are read.
    for what, region in regions.items():
        first = bisect_left(places, max(0, region.offset - geometry.block_size) // fmt.MIB << _INDEX_BITS)
        for place in places[first:]:
            start, index = _split(place)
            if start >= region.offset + region.length:
                break
            if start + sizes.of(index) > region.offset:
                found[index] = sentence("{what}, at byte {offset} of the file", what=what, offset=region.offset)
    units = [place >> _INDEX_BITS for place in places]
    if min(map(sub, units[1:], units), default=0) * fmt.MIB >= geometry.block_size:
        # Each begins behind the end of the one before, as in all whole files without sector bitmaps.
        return found
    furthest, before = 0, -1
    for place in places:
        start, index = _split(place)
        if start < furthest:
            found.setdefault(
                index, sentence("{name}, at byte {start} of the file", name=_name(before, geometry), start=start)
            )
            found.setdefault(
                before, sentence("{name}, at byte {start} of the file", name=_name(index, geometry), start=start)
            )
        end = start + sizes.of(index)
        if end > furthest:
            furthest, before = end, index
    return found


def unclaimed(bat: bytes, geometry: fmt.Geometry, regions: Mapping[str, fmt.Region], file_size: int) -> int:
    """Return how many bytes of the file belong to no entry and to no structure, and to no block that was given up.

    Args:
        bat: The whole BAT; what has a place counts, whatever its state, and what is trimmed may have left one behind.
        geometry: Sizes of disk, block and sector.
        regions: The structures of the file by what they are called.
        file_size: Bytes of the file.
    """
    sizes = _Sizes(geometry)
    placed = [place for place in _places(bat, range(8)) if place >> _INDEX_BITS]
    given_up = [place for place in _places(bat, _GIVEN_UP) if not place >> _INDEX_BITS]
    claimed = sum(sizes.of(_split(place)[1]) for place in placed + given_up)
    return file_size - fmt.MIB - sum(region.length for region in regions.values()) - claimed


def block_of(index: int, geometry: fmt.Geometry) -> int:
    """Return the payload block of a BAT index; of a sector bitmap the first that it covers."""
    chunk, within = divmod(index, geometry.chunk_ratio + 1)
    return chunk * geometry.chunk_ratio + (within if within < geometry.chunk_ratio else 0)


def _places(bat: bytes, states: Container[int]) -> list[int]:
    """Return one number for each block, place first, in order: two million tuples would take long and much memory."""
    places: list[int] = []
    for start in range(0, len(bat) // 8 * 8, _PAGE):
        page = bat[start : start + _PAGE]
        # Most of the BAT of a large disk is zero.
        if page.count(0) == len(page):
            continue
        values = struct.unpack_from(f"<{len(page) // 8}Q", page)
        places += [
            (value >> 20) << _INDEX_BITS | index
            for index, value in enumerate(values, start // 8)
            if value & 7 in states
        ]
    places.sort()
    return places


def _split(place: int) -> tuple[int, int]:
    return (place >> _INDEX_BITS) * fmt.MIB, place & ((1 << _INDEX_BITS) - 1)


def _is_bitmap(index: int, geometry: fmt.Geometry) -> bool:
    return index % (geometry.chunk_ratio + 1) == geometry.chunk_ratio


class _Sizes:
    """How many bytes of the file each entry's content takes, of millions of entries."""

    def __init__(self, geometry: fmt.Geometry) -> None:
        self._in_chunk = geometry.chunk_ratio + 1
        self._block_size = geometry.block_size
        # Of the last block only what belongs to the disk need be in the file.
        last = geometry.blocks - 1
        self._last = geometry.payload_index(last)
        self._last_size = geometry.disk_size - last * geometry.block_size

    def of(self, index: int) -> int:
        """Return the size of a BAT index's content, which no entry behind the last block has."""
        if index % self._in_chunk == self._in_chunk - 1:
            return fmt.MIB
        if index < self._last:
            return self._block_size
        return self._last_size if index == self._last else 0


def _name(index: int, geometry: fmt.Geometry) -> str:
    block = block_of(index, geometry)
    return (
        sentence("the sector bitmap of block {block}", block=block)
        if _is_bitmap(index, geometry)
        else sentence("block {block}", block=block)
    )
