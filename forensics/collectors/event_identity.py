"""Who the computer was by its event logs, for sources that hold those but not its hives."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from forensics.language import sentence
from forensics.sources.installation import Installation
from forensics.tables.event import EventRow
from forensics.tables.machine import MachineRow
from forensics.tables.outcome import Outcome

_CREATED_OR_OPENED = {("Microsoft-Windows-Security-Auditing", 5058), ("Microsoft-Windows-Crypto-NCrypt", 9)}


def fill_identity(installation: Installation, machine: MachineRow, events: list[EventRow]) -> None:
    """Take MachineGuid and computer name from the newest event where SOFTWARE or SYSTEM could not be examined.

    Where each was read is told in coverage.
    """
    named = _newest(row for row in events if row.computer)
    if machine.computer_name is None and named is not None and not installation.hive_outcome("SYSTEM").is_there:
        machine.computer_name = str(named.computer).split(".", 1)[0]
        _tell(installation, "ComputerName", named)
    keyed = _newest(row for row in events if _names_machine_key(row))
    if machine.machine_guid is None and keyed is not None and not installation.hive_outcome("SOFTWARE").is_there:
        machine.machine_guid, machine.machine_guid_time = keyed.machine_guid, keyed.time
        _tell(installation, "MachineGuid", keyed)


def _tell(installation: Installation, what: str, row: EventRow) -> None:
    detail = sentence(
        "read from event {event_id} of {provider}, as its hive was not there",
        event_id=row.event_id,
        provider=row.provider,
    )
    installation.coverage.tell(
        "file",
        what,
        Outcome("present", detail),
        sentence("{source_path}, record {record_id}", source_path=row.source_path, record_id=row.record_id),
    )


def _newest(rows: Iterable[EventRow]) -> EventRow | None:
    # Within a log the record number is the order, also where the clock was moved; between logs there is only the time.
    last = {row.source_path: row for row in sorted(rows, key=lambda row: row.record_id or 0)}
    return max(last.values(), key=lambda row: row.time or datetime.min.replace(tzinfo=UTC), default=None)


def _names_machine_key(row: EventRow) -> bool:
    """Tell whether it names a key file of the computer itself.

    Those are opened and made only under the current MachineGuid; users' key files also roam from other computers.
    """
    if row.machine_guid is None or (row.provider, row.event_id) not in _CREATED_OR_OPENED:
        return False
    data = json.loads(row.data)
    if row.event_id == 5058:
        return "\\programdata\\microsoft\\crypto\\" in str(data.get("KeyFilePath", "")).lower()
    return bool(data.get("UserId") == "S-1-5-18")
