"""Table key_folder: how many key files a folder holds, and what fills it."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from forensics.late_methods import dataclass
from forensics.tables.certificate import KeyFileKind, KeyFileScope
from forensics.tables.outcome import State
from forensics.tables.row import Row, column


@dataclass(kw_only=True, slots=True)
class KeyFolderRow(Row):
    """One folder of key files that is there."""

    table: ClassVar[str] = "key_folder"
    description: ClassVar[str] = (
        "Folders of key files: how many lie there, since when and how many a day, and which program a sample shows"
    )

    path: str = column("Path in the source")
    kind: KeyFileKind = column("what lies there")
    scope: KeyFileScope = column("whose keys lie there")
    owner_sid: str | None = column("SID whose keys they are; S-1-5-18 for machine and system keys", None)
    outcome: State = column("whether all its names were seen; what they do not show is not there", "present")
    files: int = column("Number of files", 0)
    read: int = column(
        "Number of them with a row in key_file; of a folder of more than 2000 only those that a certificate leads to, "
        "and those that Windows itself makes",
        0,
    )
    searched: int = column("Number of further files whose public key is that of no certificate which lacks its key", 0)
    named: int = column(
        "Number of files named for a container that certificates name, or that IIS, Remote Desktop and the like make", 0
    )
    present_guid: int | None = column(
        "Number of files named for the present MachineGuid; null: it is not known, or their names hold none", None
    )
    oldest: datetime | None = column(
        "When its first file was made: the earlier of creation and modification, UTC; null: the source holds no times",
        None,
    )
    newest: datetime | None = column("When its last file was made, UTC", None)
    days: int | None = column("Days from the first to the last, both included", None)
    last_30_days: int | None = column("Number of files made in the 30 days that end with the newest", None)
    per_day: int | None = column(
        "How many a day those are, rounded up; of fewer days since the first, over these", None
    )
    busiest_day: datetime | None = column("The day on which most files were made, UTC", None)
    busiest_day_files: int | None = column("Number of files made on that day", None)
    sample: int = column(
        "Number of files, evenly picked, whose content was looked at for the next columns; 0: all have a row", 0
    )
    container_pattern: str | None = column(
        "How most containers of the sample are called, with * for what differs from one to the next", None
    )
    container_pattern_files: int = column("Number of files of the sample whose container is called so", 0)
    creator_process: str | None = column("CreatorProcessName of most files of the sample that have one", None)
    creator_process_files: int = column("Number of those files", 0)
    file_owner: str | None = column("Owner SID of most files of the sample", None)
    file_owner_files: int = column("Number of those files", 0)
    same_public_key_sha256: str | None = column(
        "SHA-256 of the SubjectPublicKeyInfo, lower hex, of the key that most files of the sample hold; "
        "null: each has a key of its own",
        None,
    )
    same_public_key_files: int = column("Number of those files", 0)
