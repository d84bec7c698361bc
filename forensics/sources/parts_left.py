"""Parts of a split image whose first part is not there: by themselves they look like nothing, and are evidence."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence

from forensics.disk.tree import Entry
from forensics.language import joined, sentence
from forensics.sources.file_kind import looks_like_a_disk

_PART = re.compile(r"(.*)\.(\d{3,4})", re.DOTALL)
_LEAST_PART = 1 << 20
"""Format: bytes of a part of a split image; numbered logs and the like are smaller, or each of another size."""


def parts_without_the_first(entries: Sequence[Entry], known: Container[str]) -> list[tuple[str, str]]:
    """Return the path of the first of the parts that there are of each such image, and what is missing.

    Args:
        entries: Files of one folder.
        known: Paths of those that are known to be evidence by themselves: they bring the other parts.
    """
    sets: dict[tuple[str, int], dict[int, Entry]] = {}
    for entry in entries:
        part = None if entry.is_dir or entry.link else _PART.fullmatch(entry.name)
        if part is not None:
            sets.setdefault((part[1].casefold(), len(part[2])), {})[int(part[2])] = entry
    found = [(parts, width) for (stem, width), parts in sorted(sets.items()) if _is_image(stem, parts)]
    return [_told(parts, width) for parts, width in found if not any(e.path in known for e in parts.values())]


def _is_image(stem: str, parts: dict[int, Entry]) -> bool:
    """Tell whether numbered files are a split image: parts of one size, but for the last, or a disk's name."""
    if min(parts) < 2:
        return False
    sizes = [parts[number].size for number in sorted(parts)]
    if looks_like_a_disk(stem):
        return any(sizes)
    return len(parts) > 1 and sizes[0] >= _LEAST_PART and set(sizes[:-1]) == {sizes[0]} and sizes[-1] <= sizes[0]


def _told(parts: dict[int, Entry], width: int) -> tuple[str, str]:
    first, last = min(parts), max(parts)
    stem = parts[first].name[:-width]
    names: str = f"{stem}{1:0{width}d}"
    if first > 2:
        names = sentence("{first} to {last}", first=names, last=f"{stem}{first - 1:0{width}d}")
    inside = [number for number in range(first, last) if number not in parts]
    lacking = joined([names, *(f"{stem}{number:0{width}d}" for number in inside[:3])], ", ")
    if last > first:
        return parts[first].path, sentence(
            "{first} to {last} are parts of a split image that lacks {lacking}: put all its parts into one folder",
            first=parts[first].name,
            last=parts[last].name,
            lacking=lacking,
        )
    return parts[first].path, sentence(
        "{name} is a part of a split image that lacks {lacking}: put all its parts into one folder",
        name=parts[first].name,
        lacking=lacking,
    )
