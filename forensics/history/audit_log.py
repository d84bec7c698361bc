"""What the Security log says of key files: read, written, or deleted by a key storage provider (event 5058).

References:
    https://learn.microsoft.com/windows/security/threat-protection/auditing/event-5058
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from forensics.history.needed_files import NeededFile, NeededFiles
from forensics.history.places import Places
from forensics.tables.event import EventRow
from forensics.tables.history import Happened, KeyHistoryRow

_KEY_FILE_OPERATION = 5058
_SUCCESS = "0x0"
_OPERATIONS: dict[str, Happened] = {"%%2457": "deleted", "%%2458": "existed", "%%2459": "existed"}
"""Delete key file; read persisted key from file; write persisted key to file.

Microsoft publishes the last; the second stands in real logs; the first, of which none is at hand, is likely.
"""


def audit_rows(events: Iterable[EventRow], needed: NeededFiles, places: Places, machine_id: int) -> list[KeyHistoryRow]:
    """Return each deletion of a file, and the last time before each, and of all, that it was read or written.

    The records themselves are rows of table event.
    """
    rows: list[KeyHistoryRow] = []
    last: dict[str, KeyHistoryRow] = {}
    for event in sorted((e for e in events if e.event_id == _KEY_FILE_OPERATION), key=lambda e: e.record_id or 0):
        name = event.key_file_name or ""
        file = needed.of_name(name) if event.error_code == _SUCCESS else None
        data = json.loads(event.data) if file is not None else {}
        happened = _OPERATIONS.get(str(data.get("Operation")))
        if file is None or happened is None or event.time is None:
            continue
        row = _row(event, file, happened, _folder(str(data.get("KeyFilePath", "")), file, places), machine_id)
        if happened == "existed":
            last[name] = row
        else:
            rows += [sight for sight in (last.pop(name, None),) if sight is not None]
            rows.append(row)
    return [*rows, *last.values()]


def _row(event: EventRow, file: NeededFile, happened: Happened, folder: str | None, machine_id: int) -> KeyHistoryRow:
    number = "" if event.record_id is None else f", record {event.record_id}"
    return KeyHistoryRow(
        machine_id=machine_id,
        source_path=f"{event.source_path}{number}",
        source_time=event.time,
        file_name=event.key_file_name or "",
        what=file.what,
        folder=folder,
        thumbprints=list(file.thumbprints),
        happened=happened,
        at=event.time,
        witness="audit_log",
        certainty="likely" if happened == "deleted" else "proved",
    )


def _folder(path: str, file: NeededFile, places: Places) -> str | None:
    """Return the folder of a path as Windows writes it, among those in which such files are looked for."""
    written = path.replace("\\", "/").rpartition("/")[0].lower()
    return next(
        (f for f in places.folders[file.what] if written.endswith(f"/{f.lower()}") or f.lower().endswith(written[2:])),
        None,
    )
