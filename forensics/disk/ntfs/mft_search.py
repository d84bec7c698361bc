"""Finds files by name in $MFT, which lists all of a volume: a search from folder to folder takes minutes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from forensics.disk.ntfs.index import DOS_NAME, parse_file_name
from forensics.disk.ntfs.record import FILE_NAME
from forensics.disk.ntfs.volume import ROOT, NtfsVolume, WrongRecord
from forensics.disk.tree import Unreadable, WantedNames
from forensics.formats.errors import FormatError

MAX_SEARCHED = 2 << 30
"""Work: bytes of $MFT that are searched, two million files: some ten seconds."""
_MAX_DEPTH = 64
"""Evidence: folders within folders above a file that is found by its name."""
AT_ONCE = 4 << 20
"""Work: bytes of $MFT that are searched in one piece."""
_NAME_AT = 66
"""Where the name stands in a $FILE_NAME attribute; the reference of the folder stands at its start."""


def paths_named(volume: NtfsVolume, wanted: WantedNames, skip: Collection[int]) -> Iterator[str | None]:
    """Yield the paths of files with a wanted name, of all of $MFT; the rest is as :func:`paths_in` has it."""
    return paths_in(volume, volume.mft_blocks(AT_ONCE, MAX_SEARCHED), wanted, skip)


def paths_in(
    volume: NtfsVolume, blocks: Iterable[tuple[int, bytes | None]], wanted: WantedNames, skip: Collection[int]
) -> Iterator[str | None]:
    """Yield the paths of files with a wanted name.

    Args:
        volume: The volume.
        blocks: What of $MFT is searched, whole records, with their offsets; None for bytes that were not got.
        wanted: The names; of one that lies across two sectors of $MFT two bytes are others there.
        skip: Numbers of the folders whose files are not wanted.

    Yields:
        A path; or None for a file that cannot be followed up to the root, and for a part that was not searched.
    """
    folders: dict[int, str | None] = {ROOT: ""}
    before = -1
    for at, block in blocks:
        if block is None:
            yield None
            continue
        for name in names_in(block, wanted):
            number, start = (at + name) // volume.record_size, name - _NAME_AT
            # A folder of very many key files is skipped without a look at their records.
            if number != before and not (start >= 0 and _folder_in(block[start : start + 6]) in skip):
                before = number
                yield from _paths_of(volume, number, wanted, skip, folders)


def records_named(volume: NtfsVolume, wanted: WantedNames) -> set[int]:
    """Return the numbers of the records in which a name of the wanted form stands, whichever are wanted of it."""
    form = replace(wanted, among=None)
    blocks = volume.mft_blocks(AT_ONCE, MAX_SEARCHED)
    return {(at + name) // volume.record_size for at, block in blocks if block for name in names_in(block, form)}


def numbers_named(volume: NtfsVolume, wanted: WantedNames) -> Iterator[int | None]:
    """Yield the number of each record in which a wanted name stands; None for a part of $MFT that was not searched."""
    before = -1
    for at, block in volume.mft_blocks(AT_ONCE, MAX_SEARCHED):
        if block is None:
            yield None
            continue
        for name in names_in(block, wanted):
            number = (at + name) // volume.record_size
            if number != before:
                before = number
                yield number


def names_in(block: bytes, wanted: WantedNames) -> Iterator[int]:
    """Yield where in a block of $MFT a wanted name stands, or what was added to one."""
    text = block.upper() if wanted.any_case else block
    for mark in wanted.marks:
        for match in mark.pattern.finditer(text):
            start = match.start() - mark.before
            if start >= 0 and wanted.may_fit(block[start : start + mark.length]):
                yield start


def _folder_in(file_name: bytes) -> int:
    return int.from_bytes(file_name[:6], "little")


def _paths_of(
    volume: NtfsVolume,
    number: int,
    wanted: WantedNames,
    skip: Collection[int],
    folders: dict[int, str | None],
) -> Iterator[str | None]:
    """Yield the paths of one file: a name in a folder's own record is no file's."""
    try:
        record = volume.record(number)
    except WrongRecord:  # a deleted file
        return
    except Unreadable:
        yield None
        return
    if record.is_dir:
        return
    for attribute in record.attributes:
        if attribute.type != FILE_NAME:
            continue
        try:
            key = parse_file_name(attribute.value or b"")
        except FormatError:
            continue
        parent = _folder_in(attribute.value or b"")
        if key.namespace == DOS_NAME or parent in skip or not wanted.fit(key.name):
            continue
        folder = folder_path(volume, parent, folders)
        yield None if folder is None else f"{folder}/{key.name}" if folder else key.name


def folder_at(volume: NtfsVolume, reference: int) -> str | None:
    """Return the path of the folder with a file reference; None where its record is another's by now."""
    try:
        volume.record(reference)
    except Unreadable:
        return None
    return folder_path(volume, reference & 0xFFFFFFFFFFFF, {ROOT: ""})


def folder_path(volume: NtfsVolume, number: int, folders: dict[int, str | None]) -> str | None:
    names: list[tuple[int, str]] = []
    at = number
    while at not in folders:
        if len(names) == _MAX_DEPTH:
            return None
        found = _name_of(volume, at)
        if found is None:
            folders[at] = None
            break
        names.append((at, found[0]))
        at = found[1]
    path = folders[at]
    for folder, name in reversed(names):
        path = None if path is None else f"{path}/{name}" if path else name
        folders[folder] = path
    return path


def _name_of(volume: NtfsVolume, number: int) -> tuple[str, int] | None:
    """Return the long name of a folder and the number of the one it lies in."""
    try:
        record = volume.record(number)
        for attribute in record.attributes:
            if attribute.type == FILE_NAME and record.is_dir:
                key = parse_file_name(attribute.value or b"")
                if key.namespace != DOS_NAME:
                    return key.name, _folder_in(attribute.value or b"")
    except (Unreadable, FormatError):
        return None
    return None
