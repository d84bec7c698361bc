"""Table key_history: what witnesses of the past say became of key and master key files."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from forensics.late_methods import dataclass
from forensics.tables.row import Row, column

Happened = Literal["created", "overwritten", "renamed", "deleted"]
HistoryWitness = Literal["change_journal"]
HistoryOf = Literal["key_file", "master_key"]


@dataclass(kw_only=True, slots=True)
class KeyHistoryRow(Row):
    """One thing that happened to a file that a broken key needs."""

    table: ClassVar[str] = "key_history"
    description: ClassVar[str] = (
        "What happened to the key and master key files that broken keys need, as witnesses of the past tell it"
    )

    file_name: str = column("Name of the file, as it was then")
    what: HistoryOf = column("what kind of file it is")
    folder: str | None = column("Its folder by its path in the source; null: not one of those that are there now", None)
    thumbprints: list[str] = column("Certificates whose broken keys need it", factory=list)
    happened: Happened = column("what happened to it")
    at: datetime | None = column("When, UTC", None)
    other_name: str | None = column("Of a file that was renamed: its name afterwards", None)
    witness: HistoryWitness = column("what tells it", "change_journal")
    together: int = column("Of a deletion: other files deleted in the same folder within ten seconds of it", 0)
