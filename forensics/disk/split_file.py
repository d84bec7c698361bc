"""Images cut into files as one stream: raw ones (.001, .002, ...; .000, .001, ...; .aa, .ab, ...), and any in an OVF.

References:
    DMTF DSP0243, Open Virtualization Format (``ovf:chunkSize``: names that end in a number of nine digits, from 0)
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

from dissect.util.stream import AlignedStream

from forensics.disk.beside import refuse_stand_in
from forensics.disk.errors import SourceError
from forensics.disk.part_names import lettered, letters
from forensics.language import sentence

_CHUNK = re.compile(r"(.*\.)\d{9}", re.DOTALL)
_NUMBERED = re.compile(r"(.*\.)(\d{3,4})", re.DOTALL)


class ConcatStream(AlignedStream):
    """Files put one behind the other."""

    def __init__(self, files: list[tuple[BinaryIO, int]]) -> None:
        self._files = [file for file, _ in files]
        self._starts = [0, *accumulate(size for _, size in files)]
        super().__init__(self._starts[-1], align=4096)

    def _read(self, offset: int, length: int) -> bytes:
        parts = []
        end = min(offset + length, self._starts[-1])
        while offset < end:
            index = bisect_right(self._starts, offset) - 1
            self._files[index].seek(offset - self._starts[index])
            data = self._files[index].read(min(end, self._starts[index + 1]) - offset)
            if not data:
                raise OSError(sentence("part {index} of it is shorter than it should be", index=index + 1))
            parts.append(data)
            offset += len(data)
        return b"".join(parts)


def chunks(path: Path) -> list[Path]:
    """Return all files of an image that an export cut into chunks, in order; only ``path`` where it is none of them.

    Raises:
        SourceError: ``missing_part``: a number up to the last that is there is not, or a link that leads away is one.
    """
    match = _CHUNK.fullmatch(path.name)
    if match is None:
        return [path]
    stem = match[1].lower()
    numbers = {}
    for sibling in sorted(path.parent.iterdir()):
        if _CHUNK.fullmatch(sibling.name) and sibling.name[:-9].lower() == stem:
            refuse_stand_in(path, sibling)
            numbers[int(sibling.name[-9:])] = sibling
    missing = next((number for number in range(max(numbers, default=0) + 1) if number not in numbers), None)
    if missing is not None:
        name = f"{match[1]}{missing:09d}"
        raise SourceError(
            "missing_part",
            sentence("{name} is not beside it, and the image needs all its chunks: put it there", name=name),
        )
    return [numbers[number] for number in sorted(numbers)]


def split_parts(path: Path) -> list[Path]:
    """Return all parts of a split image, in order, or only ``path`` when it is not one.

    Raises:
        SourceError: ``missing_part``: a number between the first and the last is not there, or a link that leads away
            is one.
    """
    match = _NUMBERED.fullmatch(path.name)
    if match is None:
        return _lettered_parts(path)
    stem, width = match[1], len(match[2])
    numbers = {}
    for sibling in sorted(path.parent.iterdir()):
        other = _NUMBERED.fullmatch(sibling.name)
        if other and other[1].lower() == stem.lower() and len(other[2]) == width:
            refuse_stand_in(path, sibling)
            numbers[int(other[2])] = sibling
    if len(numbers) == 1:
        return [path]
    first = 0 if 0 in numbers else 1
    missing = next(number for number in range(first, max(numbers) + 2) if number not in numbers)
    if missing < max(numbers):
        name = f"{stem}{missing:0{width}d}"
        raise SourceError("missing_part", sentence("{name} is missing: a split image needs all its parts", name=name))
    return [numbers[number] for number in range(first, missing)]


def _lettered_parts(path: Path) -> list[Path]:
    """Return the parts that split(1) made, from ``.aa`` on."""
    part = lettered(path.name)
    if part is None:
        return [path]
    stem, width, own = part
    parts: list[Path] = []
    while True:
        following = path.with_name(stem + letters(len(parts), width))
        refuse_stand_in(path, following)
        if not following.is_file():
            break
        parts.append(following)
    return parts if own < len(parts) else [path]


def refuse_short_part(parts: Sequence[tuple[Path, int]]) -> None:
    """Refuse a split image of which a part was cut: all parts but the last have one size, and the last no larger one.

    Joined, everything behind the cut would lie at a wrong place of the disk.

    Args:
        parts: All parts in order, and the bytes of each.

    Raises:
        SourceError: ``truncated``; the message names the part and the bytes that it lacks.
    """
    whole = max(size for _, size in parts)
    for path, size in parts[:-1]:
        if size < whole:
            raise SourceError(
                "truncated",
                sentence(
                    "{name}, a part of the split image, has {size} bytes and should have {whole}: {whole2} bytes "
                    "of it are missing; copy it again",
                    name=path.name,
                    size=size,
                    whole=whole,
                    whole2=whole - size,
                ),
            )
