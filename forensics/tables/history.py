"""Table key_history: what witnesses of the past say became of key and master key files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Literal

from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.tables.row import Row, column

Happened = Literal[
    "created", "named", "overwritten", "renamed", "moved", "deleted", "existed", "not_there", "put_there"
]
Loss = Literal["deleted", "renamed", "moved"]
"""How a file goes away."""
HistoryWitness = Literal[
    "change_journal", "audit_log", "deleted_record", "index_slack", "shadow_copy", "former_windows", "file_times"
]
HistoryOf = Literal["key_file", "master_key"]
HistoryCertainty = Literal["proved", "likely"]

WITNESSES: Mapping[HistoryWitness, str] = {
    "change_journal": sentence("change journal"),
    "audit_log": sentence("Security log"),
    "deleted_record": sentence("deleted file record"),
    "index_slack": sentence("remains of the folder's index"),
    "shadow_copy": sentence("shadow copy"),
    "former_windows": sentence("Windows that Setup moved aside"),
    "file_times": sentence("times of the file"),
}
"""What people call each witness."""


@dataclass(kw_only=True, slots=True)
class KeyHistoryRow(Row):
    """One thing that a witness says of a file that a key needs."""

    table: ClassVar[str] = "key_history"
    description: ClassVar[str] = (
        "What happened to the key and master key files that broken keys need (of all keys with --history), as witnesses "
        "of the past tell it; what lies before the change journal reaches back is told by the others, or by nothing"
    )

    file_name: str = column("Name of the file, as it was then; of one that a witness never saw: how its name begins")
    what: HistoryOf = column("what kind of file it is")
    folder: str | None = column("Its folder by its path in the source; null: not one of those that are there now", None)
    thumbprints: list[str] = column("Certificates whose keys need it", factory=list)
    happened: Happened = column(
        "what happened to it: named: it got this name, from one that is not known; put_there: it was written to this volume; existed, not_there: as "
        "the witness found it then"
    )
    at: datetime | None = column("When, UTC", None)
    since: datetime | None = column(
        "Of what several shadow copies show alike: the time of the oldest one; of not_there: when a copy last had it",
        None,
    )
    certainty: HistoryCertainty = column(
        "how sure it is: proved by what the witness holds, or likely, where it follows from times alone", "proved"
    )
    other_name: str | None = column("Of a file that was renamed or moved: its name afterwards", None)
    other_folder: str | None = column("Of a file that was moved: its folder afterwards; null: not known", None)
    witness: HistoryWitness = column("what tells it", "change_journal")
    together: int = column("Of a deletion: other files deleted in the same folder within ten seconds of it", 0)
    together_seconds: int | None = column("Of these: in how many seconds, rounded up; null: there are none", None)
    doubt: str | None = column("What speaks against the time: one sentence; null: nothing that was seen", None)
