"""What GNU ddrescue could not read of a disk, by the map beside its image: zeros that stand there were not obtained.

References:
    GNU ddrescue manual, Mapfile structure
"""

from __future__ import annotations

import re
from bisect import bisect_right
from pathlib import Path, PurePath
from typing import BinaryIO, cast

from dissect.util.stream import AlignedStream

from forensics.disk.beside import leads_away
from forensics.disk.checked_stream import NotInImageError
from forensics.disk.disk import Disk, Holder
from forensics.disk.evidence_files import open_evidence, peek_at
from forensics.disk.notes import Notes
from forensics.language import sentence

MARKS = (b"# Mapfile. Created by GNU ddrescue", b"# Rescue Logfile. Created by GNU ddrescue")
"""What a map begins with."""
MAP_SUFFIXES = (".map", ".mapfile", ".log", ".logfile")
"""What people put behind the name of an image for its map."""
MAX_MAP = 32 << 20
"""Format: bytes of a map of GNU ddrescue."""
_NUMBER = r"(0x[0-9A-Fa-f]{1,16}|\d{1,19})"
_AREA = re.compile(rf"{_NUMBER}\s+{_NUMBER}\s+([?*/+-])")
_RESCUED = "+"

Areas = list[tuple[int, int]]


class RescuedStream(AlignedStream):
    """A disk of which some areas were never read.

    Args:
        inner: The image.
        size: Its bytes.
        lost: Begin and end of each area that was not read, in order.
    """

    def __init__(self, inner: BinaryIO, size: int, lost: Areas) -> None:
        self._inner = inner
        self._lost = lost
        super().__init__(size, align=512)

    def _read(self, offset: int, length: int) -> bytes:
        end = offset + length
        at = bisect_right(self._lost, (offset, end)) - 1
        for start, stop in self._lost[max(0, at) : at + 2]:
            if start < end and stop > offset:
                raise NotInImageError(
                    sentence(
                        "bytes {start} to {stop} could not be read when the disk was copied", start=start, stop=stop
                    )
                )
        self._inner.seek(offset)
        return self._inner.read(length)


def map_names(name: str) -> list[str]:
    """Return the names that the map of an image has as people name them."""
    return [stem + suffix for stem in dict.fromkeys((name, PurePath(name).stem)) for suffix in MAP_SUFFIXES]


def without_lost_areas(disk: Disk, image: Path, holder: Holder) -> Disk:
    """Return the disk with what its map says was not read as bytes not obtained; itself where it has no map.

    Args:
        disk: A raw disk.
        image: The file that it is in; its map lies beside it.
        holder: Where problems go.
    """
    path = next((path for path in map(image.with_name, map_names(image.name)) if _may_be_map(image, path)), None)
    if path is None:
        return disk
    notes = Notes(disk.path)
    holder.watch(disk.path, lambda: notes.problems)
    if leads_away(image, path):
        message = sentence(
            "{name}, perhaps the map of its copy, is a link that leads elsewhere and is not followed", name=path.name
        )
        notes.add("bad_map", 0, message)
        return disk
    with open_evidence(path) as file:
        lost = _lost_areas(file.read(MAX_MAP + 1), disk.size)
    if lost is None:
        message = sentence(
            "{name}, the map of its copy, does not describe it: what could not be read is not known", name=path.name
        )
        notes.add("bad_map", 0, message)
        return disk
    if not lost:
        return disk
    count = sum(end - start for start, end in lost)
    first = lost[0][0]
    message = sentence(
        "{count} bytes could not be read when the disk was copied, as {name} says, the first at byte {first}",
        count=count,
        name=path.name,
        first=first,
    )
    notes.add("not_obtained", first, message)
    stream = RescuedStream(disk.stream, disk.size, lost)
    return Disk(cast(BinaryIO, stream), disk.size, disk.path, disk.sector_size, parents=disk.parents)


def _may_be_map(image: Path, path: Path) -> bool:
    """Tell a map by its content; of a link that leads away that cannot be told."""
    try:
        if leads_away(image, path):
            return True
        if not path.is_file():
            return False
        with peek_at(path) as file:
            return file.read(max(map(len, MARKS))).startswith(MARKS)
    except OSError:
        return False


def _lost_areas(text: bytes, size: int) -> Areas | None:
    """Return the areas of a disk that were not read; None where the map is damaged or that of another disk."""
    if len(text) > MAX_MAP:
        return None
    lines = [line.strip() for line in text.decode("ascii", "replace").splitlines()]
    # The first line that is no comment says where ddrescue stopped.
    areas = [line for line in lines if line and not line.startswith("#")][1:]
    lost: Areas = []
    at = 0
    for line in areas:
        match = _AREA.match(line)
        if match is None:
            return None
        try:
            start, length = int(match[1], 0), int(match[2], 0)
        except ValueError:  # 012, or more digits than a number has
            return None
        if start > at:
            lost.append((at, start))
        elif start < at:
            return None
        at = start + length
        if match[3] != _RESCUED:
            lost.append((start, at))
    return _joined(lost, size) if at >= size else None


def _joined(lost: Areas, size: int) -> Areas:
    found: Areas = []
    for start, end in lost:
        if start >= size:
            break
        if found and found[-1][1] == start:
            start = found.pop()[0]
        found.append((start, min(end, size)))
    return found
