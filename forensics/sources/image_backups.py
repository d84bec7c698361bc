"""Windows' own image backups: the newest disk of each volume is the machine, as it was on the day of the backup.

``WindowsImageBackup/HOST/Backup 2026-11-01 120000`` holds one virtual disk for each volume, named by the volume's GUID,
and ``BackupSpecs.xml`` says which letter that had.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath

from forensics.disk.tree import Entry, NotFound, Unreadable
from forensics.formats.bundles.windows_backup import backup_time, parse_backup_specs
from forensics.formats.errors import FormatError
from forensics.formats.xml_text import MAX_XML_SIZE
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.sources.collected_tree import CollectedTree
from forensics.sources.disks import FoundDisk
from forensics.sources.pieces import Pieces
from forensics.tables.outcome import Outcome

_SUFFIXES = (".vhdx", ".vhd")


@dataclass(frozen=True, slots=True)
class BackupDisk:
    """A disk of a backup.

    Attributes:
        disk: It.
        made: When the backup was made.
        host: Path of the folder of its computer, as rows name it.
    """

    disk: FoundDisk
    made: datetime
    host: str


def disks_of_backups(found: Iterable[FoundDisk]) -> list[BackupDisk]:
    """Return those of the disks that lie in image backups, the newest first."""
    of_backups = []
    for disk in found:
        place = PurePosixPath(disk.shown.replace("\\", "/")).parent
        made = backup_time(place.name)
        if made is not None and disk.path.suffix.lower() in _SUFFIXES:
            of_backups.append(BackupDisk(disk, made, str(place.parent)))
    return sorted(of_backups, key=lambda each: each.made, reverse=True)


def older_versions(backups: Iterable[BackupDisk]) -> list[tuple[BackupDisk, BackupDisk]]:
    """Return the disks of which a later backup holds the same volume, each with the newest of it."""
    newest: dict[tuple[str, str], BackupDisk] = {}
    older = []
    for each in backups:
        known = newest.setdefault((each.host, each.disk.path.name.lower()), each)
        if known is not each:
            older.append((each, known))
    return older


def tell_backups(
    pieces: Pieces, tree: CollectedTree, backups: Sequence[BackupDisk], older: Sequence[tuple[BackupDisk, BackupDisk]]
) -> None:
    """Say of each disk of a backup when that was made and which volume it is; name the older versions."""
    entries = {entry.path: entry for entry in pieces.source.found}
    for each, newest in older:
        entry = pieces.entry(each.disk.shown)
        entry.size, entry.kind = each.disk.size, each.disk.kind
        entries[entry.path] = entry
        pieces.is_older_state(entry, entries[newest.disk.shown])
    letters: dict[str, dict[str, str]] = {}
    for each in backups:
        entry = entries[each.disk.shown]
        entry.backup_of, entry.bundle = f"{each.made:%Y-%m-%d %H:%M:%S}", each.host
        folder = each.disk.shown.rpartition("/")[0]
        if folder not in letters:
            letters[folder] = _letters(tree, folder.removeprefix(pieces.top).lstrip("/"))
        letter = letters[folder].get(each.disk.path.stem.lower())
        if letter is not None and entry.error is None:
            name = sentence("drive {letter}", letter=letter) if letter else sentence("a volume without a letter")
            detail = sentence(
                "{name} is {name2} by BackupSpecs.xml, in the backup of {backup_of}",
                name=each.disk.path.name,
                name2=name,
                backup_of=entry.backup_of,
            )
            pieces.source.coverage.tell("volume", name, Outcome("present", detail), each.disk.shown)


def newer_backup(path: Path) -> tuple[str | None, str | None]:
    """Tell of a disk that was named alone when its backup was made, and which disk of a later one is the same volume.

    Returns:
        When it was made, and the path of that disk in the newest backup; None for what is not so.
    """
    made = backup_time(path.parent.name)
    if made is None or path.suffix.lower() not in _SUFFIXES:
        return None, None
    try:
        beside = [each for each in path.parent.parent.iterdir() if not each.is_symlink()]
        later = [(time, each / path.name) for each in beside if (time := backup_time(each.name)) and time > made]
        newest = next((str(disk) for _, disk in sorted(later, reverse=True) if disk.is_file()), None)
    except OSError:
        newest = None
    return f"{made:%Y-%m-%d %H:%M:%S}", newest


def _letters(tree: CollectedTree, folder: str) -> dict[str, str]:
    try:
        entry: Entry = tree.entry(f"{folder}/BackupSpecs.xml" if folder else "BackupSpecs.xml")
        with tree.open(entry) as file:
            return parse_backup_specs(file.read(MAX_XML_SIZE + 1))
    except (NotFound, Unreadable, OSError, FormatError):
        return {}  # the letters are only words
