"""What the Security log says of key files: made events, whose fields are those of Microsoft's own example."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from forensics.history.audit_log import audit_rows
from forensics.history.needed_files import NeededFile, NeededFiles
from forensics.history.places import Places
from forensics.tables.event import EventRow

GUID = "7a1bf91d-ebdd-449c-825d-c97f2f47cd01"
NAME = f"c0a496c6786f0d25e8624fee96e4e580_{GUID}"
KEYS = "ProgramData/Microsoft/Crypto/Keys"
NEEDED = NeededFiles([NeededFile(NAME[:32], "key_file", ["AA"])])
PLACES = Places({"key_file": [KEYS], "master_key": []})
DAY = datetime(2026, 11, 3, 4, 5, 6, tzinfo=UTC)
DELETE, READ, WRITE = "%%2457", "%%2458", "%%2459"


def event(number: int, operation: str, name: str = NAME, code: str = "0x0", event_id: int = 5058) -> EventRow:
    path = f"C:\\ProgramData\\Microsoft\\Crypto\\Keys\\{name}"
    return EventRow(
        machine_id=1,
        source_path="Windows/System32/winevt/Logs/Security.evtx",
        channel="Security",
        provider="Microsoft-Windows-Security-Auditing",
        event_id=event_id,
        time=DAY + timedelta(hours=number),
        record_id=number,
        data=json.dumps({"KeyFilePath": path, "Operation": operation, "ReturnCode": code}),
        key_file_name=name,
        error_code=code,
    )


def told(*events: EventRow) -> list[tuple[str, int, str | None]]:
    rows = audit_rows(events, NEEDED, PLACES, 1)
    assert {row.witness for row in rows} <= {"audit_log"}
    return [(row.happened, (row.at or DAY).hour - DAY.hour, row.folder) for row in rows]


def test_the_last_use_before_a_deletion_and_the_deletion_are_told() -> None:
    events = [event(1, WRITE), event(2, READ), event(4, DELETE), event(3, READ)]
    assert told(*events) == [("existed", 3, KEYS), ("deleted", 4, KEYS)]
    assert [row.certainty for row in audit_rows(events, NEEDED, PLACES, 1)] == ["proved", "likely"]


def test_of_a_file_that_is_only_used_the_last_use_is_told() -> None:
    (row,) = audit_rows([event(1, READ), event(7, READ)], NEEDED, PLACES, 1)
    assert (row.happened, row.at, row.thumbprints) == ("existed", DAY + timedelta(hours=7), ["AA"])
    assert row.source_path == "Windows/System32/winevt/Logs/Security.evtx, record 7"


@pytest.mark.parametrize(
    "other",
    [
        event(1, DELETE, code="0x80090016"),
        event(1, DELETE, name=f"{'1' * 32}_{GUID}"),
        event(1, DELETE, event_id=5061),
        event(1, "%%2480"),
    ],
)
def test_what_failed_or_is_of_another_file_says_nothing(other: EventRow) -> None:
    assert told(other) == []
