"""The files of a split WIM: the first one and those beside it that are named after it."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import BinaryIO

from forensics.disk.disk import Holder
from forensics.disk.errors import SourceError, unreadable
from forensics.disk.evidence_files import open_evidence, peek_at
from forensics.disk.magic import WIM_MAGIC
from forensics.disk.wim.structures import HEADER_SIZE, WimHeader, parse_header
from forensics.language import sentence

_NAME = re.compile(r"(.*?)(\d*)(\.[^.]*)", re.DOTALL)


def part_paths(first: Path, count: int) -> dict[int, Path]:
    """Return the files that the other parts of a split WIM should be in, by their number, as far as they are there.

    Args:
        first: The first part.
        count: How many parts there are.
    """
    stem, suffix = first.stem, first.suffix
    wanted = {f"{stem}{number}{suffix}".lower(): number for number in range(2, count + 1)}
    try:
        beside = sorted(first.parent.iterdir())
    except OSError:
        return {}
    return {wanted[path.name.lower()]: path for path in beside if path.name.lower() in wanted}


def first_part(path: Path, header: WimHeader) -> Path | None:
    """Return the first part beside another part of a split WIM; None where it is not there."""
    match = _NAME.fullmatch(path.name)
    if match is None:
        return None
    number = str(header.part)
    stem = match[1] + match[2].removesuffix(number)
    if not match[2].endswith(number):
        return None
    for name in dict.fromkeys((f"{stem}{match[3]}", f"{stem}1{match[3]}")):
        found = path.with_name(name)
        other = header_of(found)
        if other is not None and other.part == 1 and other.guid == header.guid:
            return found
    return None


def header_of(path: Path) -> WimHeader | None:
    """Read the header of what may be a part of a WIM; None where it is none."""
    try:
        with peek_at(path, follow_symlinks=False) as file:
            head = file.read(HEADER_SIZE)
        return parse_header(head, path.name) if head.startswith(WIM_MAGIC) else None
    except (OSError, SourceError):
        return None


def open_part(path: Path, number: int, header: WimHeader, holder: Holder) -> tuple[BinaryIO, int, WimHeader]:
    """Open another part of a split WIM.

    Args:
        path: It.
        number: Which part it should be.
        header: Of the first part.
        holder: Closes it.

    Returns:
        The file, its bytes, and its header.

    Raises:
        SourceError: It cannot be read, or is no part of this WIM.
    """
    try:
        file: BinaryIO = holder.resources.enter_context(open_evidence(path, follow_symlinks=False))
        length = file.seek(0, io.SEEK_END)
        file.seek(0)
        head = file.read(HEADER_SIZE)
    except OSError as error:
        raise unreadable(str(path), error) from error
    own = parse_header(head, path.name) if head.startswith(WIM_MAGIC) else None
    if own is None or own.guid != header.guid or own.part != number:
        raise SourceError(
            "missing_part", sentence("{name} is not part {number} of this WIM", name=path.name, number=number)
        )
    return file, length, own
