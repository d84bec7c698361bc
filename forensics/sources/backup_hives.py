"""RegBack: the copies that Windows keeps of its own hives, an older state of the same Windows.

Since Windows 10 1803 Windows writes none unless EnablePeriodicBackup asks for it: files of 0 bytes are no damage.

References:
    Microsoft, The system registry is no longer backed up to the RegBack folder starting in Windows 10 version 1803.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from forensics.disk.errors import SourceError
from forensics.disk.tree import Entry
from forensics.language import sentence
from forensics.sources.hive_names import is_named_as_hive
from forensics.sources.installation import HIVE_FOLDER, Installation
from forensics.sources.source import Source
from forensics.tables.outcome import Outcome
from forensics.tables.source import SourceEntry

BACKUP_FOLDER = f"{HIVE_FOLDER}/RegBack"
NO_BACKUPS = sentence(
    "RegBack holds no backup copy of SYSTEM (since Windows 10 1803 Windows makes none unless it "
    "is told to): examine it without --regback"
)
"""Why a Windows cannot be shown by its backup hives."""
_EMPTY = sentence("its hives are empty, as Windows leaves them since Windows 10 1803")
_LEAST = 4096
"""Format: bytes of a hive: its base block."""


def backup_hives(installation: Installation) -> Sequence[Entry]:
    """Return the backup copies that hold something."""
    entries = installation.listing(installation.in_windows(BACKUP_FOLDER)).entries
    return [entry for entry in entries if is_named_as_hive(entry) and entry.size >= _LEAST]


def backed_up_at(installation: Installation) -> datetime | None:
    """Return when the newest of the backup copies was written."""
    return max((hive.modified for hive in backup_hives(installation) if hive.modified is not None), default=None)


def tell_backup_hives(installation: Installation) -> None:
    """Say in coverage what RegBack holds, where there is such a folder."""
    path = installation.in_windows(BACKUP_FOLDER)
    listing = installation.listing(path)
    if not listing.outcome.is_there:
        return
    found = backup_hives(installation)
    if found:
        names = ", ".join(sorted(hive.name.upper() for hive in found))
        outcome = Outcome(
            "present",
            sentence("backup copies of hives ({names}), an older state: evidence, not the machine", names=names),
        )
    elif any(is_named_as_hive(entry) for entry in listing.entries):
        outcome = Outcome("absent", _EMPTY)
    else:
        outcome = Outcome("absent", sentence("no hives in it"))
    installation.coverage.tell("folder", "RegBack", outcome, path)


def reader_of_backups(installation: Installation) -> Installation | None:
    """Return what reads the backup hives of an installation, with problems and coverage of its own.

    None where there are none, or where they stand for the machine already.
    """
    if installation.hive_folder == BACKUP_FOLDER or not backup_hives(installation):
        return None
    return Installation(
        machine_id=installation.machine_id,
        source_path=installation.source_path,
        tree=installation.tree,
        windows=installation.windows,
        drive=installation.drive,
        open_hive=installation.open_hive,
        volume=installation.volume,
        kind=installation.kind,
        hive_folder=BACKUP_FOLDER,
    )


def read_by_backups(installation: Installation) -> str | None:
    """Have the backup hives stand for those of an installation.

    Returns:
        What this is an older state of; None where there are none.
    """
    if not any(hive.name.upper() == "SYSTEM" for hive in backup_hives(installation)):
        return None
    at = backed_up_at(installation)
    of = sentence("the backup hives in RegBack")
    if at:
        of = sentence("the backup hives in RegBack, of {day}", day=f"{at:%Y-%m-%d}")
    installation.hive_folder = BACKUP_FOLDER
    message = sentence("its hives are {of}: an older state of the machine, beside the files of today", of=of)
    installation.problem(installation.in_windows(BACKUP_FOLDER), "older_state", message)
    return sentence("what its own hives hold, while this is of {of}", of=of)


def show_backups(opened: Source, entry: SourceEntry) -> int:
    """Have RegBack's hives stand for each installation of a source; one without them is left out, and said so.

    Args:
        opened: The source; nothing of it was read yet.
        entry: Its entry, and those found in it are marked as the older states that they are.

    Returns:
        How many were left out.

    Raises:
        SourceError: None of the source has any.
    """
    if opened.older_state_of is not None:
        return 0
    shown = {each.machine_id: read_by_backups(each) for each in opened.installations}
    without = frozenset(number for number, state in shown.items() if state is None)
    for number in without:
        opened.problem(
            opened.path,
            "no_backup_hives",
            sentence("installation {number}: {no_backups}", number=number, no_backups=NO_BACKUPS),
        )
    if without and len(without) == len(shown):
        raise SourceError("no_backup_hives", sentence("{path}: {no_backups}", path=opened.path, no_backups=NO_BACKUPS))
    opened.forget_machines(without)
    for piece in opened.found or [entry]:
        piece.machine_ids = [number for number in piece.machine_ids if number not in without]
        numbers = piece.machine_ids or (() if opened.found else shown)
        state = next((shown[number] for number in numbers if number not in without), None)
        piece.older_state_of = piece.older_state_of or state
    return len(without)
