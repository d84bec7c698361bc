"""Tells which files of a folder are parts of a disk image that another file of it stands for.

References:
    - VMware, Virtual Disk Format 5.0 (extents named by the descriptor)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from forensics.disk.evidence_files import open_evidence
from forensics.disk.ewf.files import first_segment
from forensics.disk.part_names import lettered, letters
from forensics.disk.vmdk_descriptor import read_descriptor
from forensics.formats.bundles.parallels import DESCRIPTOR, parse_disk_descriptor
from forensics.formats.errors import FormatError
from forensics.formats.xml_text import MAX_XML_SIZE

_NUMBERED = re.compile(r"(.*)\.(\d{3,4}|\d{9})", re.DOTALL)


def parts_of_others(kinds: Mapping[Path, str]) -> set[Path]:
    """Return those of the images of a folder that are parts of another of them.

    Args:
        kinds: The images, and what each is by its content.
    """
    names = {path.name.lower(): path for path in kinds}
    parts: set[Path] = set()
    for path, kind in kinds.items():
        if kind == "vmdk":
            parts |= {names[name] for name in _extents(path) if name in names and names[name] != path}
        elif kind == "parallels":
            parts |= {names[name] for name in _files_of_parallels(path) if name in names and names[name] != path}
    for path, kind in kinds.items():
        first = first_segment(path) if kind == "e01" else _first_number(path, names)
        if first is not None and first != path:
            parts.add(path)
    return parts


def _extents(path: Path) -> list[str]:
    try:
        with open_evidence(path, follow_symlinks=False) as file:
            descriptor = read_descriptor(file)
    except OSError:
        return []
    # One within a sparse extent names that extent.
    extents = descriptor.extents if descriptor is not None and not descriptor.offset else ()
    return [extent.name.lower() for extent in extents if extent.name]


def _files_of_parallels(path: Path) -> list[str]:
    """Return the names of the files that a description of a Parallels disk names."""
    if path.name.lower() != DESCRIPTOR.lower():
        return []
    try:
        with open_evidence(path, follow_symlinks=False) as file:
            names = parse_disk_descriptor(file.read(MAX_XML_SIZE + 1)).names
    except (OSError, FormatError):
        return []  # told where it is opened
    return [name.replace("\\", "/").rpartition("/")[2].lower() for name in names]


def _first_number(path: Path, names: Mapping[str, Path]) -> Path | None:
    match = _NUMBERED.fullmatch(path.name)
    if match is None:
        part = lettered(path.name)
        return names.get(part[0].lower() + letters(0, part[1])) if part is not None else None
    width = len(match[2])
    for first in (0, 1):
        if int(match[2]) > first and (found := names.get(f"{match[1]}.{first:0{width}d}".lower())) is not None:
            return found
    return None
