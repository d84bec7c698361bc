"""Finds all segment files of an Expert Witness image by the numbers in their headers.

References:
    - libyal/libewf, Expert Witness Compression Format (EWF): segment file extensions
"""

from __future__ import annotations

import re
from pathlib import Path

from forensics.disk.beside import leads_away, refuse_stand_in
from forensics.disk.errors import SourceError
from forensics.disk.evidence_files import peek_at
from forensics.disk.ewf.segment import HEADER, segment_number
from forensics.disk.places import not_listed
from forensics.language import sentence

_EXTENSION = re.compile(r"\.[a-z{\[][0-9a-z]{2}", re.IGNORECASE)


def segment_files(path: Path) -> list[Path]:
    """Return all segment files of the image that one of them belongs to, in order.

    Args:
        path: Any of them.

    Raises:
        SourceError: ``missing_part``: a number below the highest one is not there, or a link that leads away is one.
    """
    found = _numbered(path)
    highest = max(found, default=0)
    for number in range(1, highest + 2):
        if number in found:
            continue
        missing = path.with_suffix(f".{extension(path, number)}")
        refuse_stand_in(path, missing)
        if number < highest:
            raise SourceError(
                "missing_part",
                sentence("{name} is missing: put all segments of the image into one folder", name=missing.name),
            )
    return [found[number] for number in sorted(found)] or [path]


def first_segment(path: Path) -> Path | None:
    """Return the first segment file of the image that this one belongs to; None when it is not there."""
    return _numbered(path).get(1)


def _numbered(path: Path) -> dict[int, Path]:
    """Return the files beside a segment that belong to its image, by their numbers."""
    found: dict[int, Path] = {}
    for sibling in _beside(path):
        if not _EXTENSION.fullmatch(sibling.suffix) or sibling.stem.casefold() != path.stem.casefold():
            continue
        if leads_away(path, sibling):
            continue
        number = _number(sibling)
        # disk.E01 and disk.s01 may lie side by side: two images of one disk.
        if number and (number not in found or _fits(path, sibling) > _fits(path, found[number])):
            found[number] = sibling
    own = _number(path)
    if own:
        found[own] = path
    return found


def _beside(path: Path) -> list[Path]:
    """Return the files beside a segment; from a server that does not list them, those that follow one another."""
    if not_listed(path) is None:
        return sorted(path.parent.iterdir())
    found: list[Path] = []
    while (sibling := path.with_suffix(f".{extension(path, len(found) + 1)}")).is_file():
        found.append(sibling)
    return found


def extension(path: Path, number: int) -> str:
    """Return the extension of a segment's file, written as that of another segment is."""
    first = "s" if path.suffix[1:2].lower() == "s" else "e"
    if number < 100:
        name = f"{first}{number:02d}"
    else:
        at = number - 100
        name = "".join(chr(code) for code in (ord(first) + at // 676, 97 + at // 26 % 26, 97 + at % 26))
    return name.upper() if path.suffix[1:2].isupper() else name


def _fits(path: Path, sibling: Path) -> tuple[bool, bool]:
    """Rank a sibling: the same letter first, then the same case."""
    return sibling.suffix[1].lower() == path.suffix[1:2].lower(), sibling.suffix[1] == path.suffix[1:2]


def _number(path: Path) -> int | None:
    try:
        if not path.is_file():
            return None
        with peek_at(path) as file:
            return segment_number(file.read(HEADER))
    except OSError:
        return None
