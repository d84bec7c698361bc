"""Since when something is down: only what the disk itself says."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from forensics.case_tables import CaseTables
from forensics.report.facts import Facts
from forensics.report.outages.since import Since
from forensics.tables.certificate import KeyFileRow
from forensics.tables.event import EventRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.row import Row
from tests.hand_made import AS_OF, DEAD, OLD_FILE, chain, machine, utc

RENAMED = {
    "thumbprint": DEAD,
    "verdict": "unusable",
    "broken_at": "key_file",
    "key_file": "other_machine_guid",
    "key_file_path": OLD_FILE,
}


def event(day: datetime, **values: Any) -> EventRow:
    known: dict[str, Any] = {"channel": "System", "provider": "Schannel", "event_id": 36870, "level": 2, "time": day}
    return EventRow(machine_id=1, source_path="System.evtx", **(known | values))


def since(row: KeyChainRow, *others: Row, assigned: datetime | None = None) -> str:
    case = CaseTables([machine(machine_guid_assigned_at=assigned), row, *others], as_of=AS_OF)
    return Since(case, Facts(case)).of_key(row)


def key_file(created: datetime | None) -> KeyFileRow:
    return KeyFileRow(
        machine_id=1,
        source_path=OLD_FILE,
        path=OLD_FILE,
        file_name=OLD_FILE.rsplit("/", 1)[-1],
        kind="capi",
        scope="machine",
        created=created,
    )


def test_a_key_of_an_earlier_machine_guid_is_dead_since_the_new_one() -> None:
    row = chain(**RENAMED)
    told = since(row, key_file(utc(2025, 1, 1)), assigned=utc(2026, 3, 1))
    assert told == "since 2026-03-01 (new MachineGuid)"


@pytest.mark.parametrize("created", [utc(2026, 5, 1), None])
def test_a_key_file_that_may_have_been_copied_here_later_has_no_date(created: datetime | None) -> None:
    assert since(chain(**RENAMED), key_file(created), assigned=utc(2026, 3, 1)) == ""


def test_no_date_of_setup_is_no_date() -> None:
    assert since(chain(**RENAMED), key_file(utc(2025, 1, 1))) == ""


def test_the_first_error_of_the_log_is_told_as_what_it_is() -> None:
    row = chain(thumbprint=DEAD, verdict="unusable", broken_at="access")
    errors = [
        event(utc(2026, 11, 3), thumbprint=DEAD),
        event(utc(2026, 11, 2), thumbprint=DEAD, event_id=1057),
        event(utc(2026, 10, 1), thumbprint=DEAD, level=4),
        event(utc(2026, 9, 1), thumbprint="B" * 40),
    ]
    assert since(row, *errors) == "first error in its log 2026-11-02 (event 1057)"


def test_an_error_may_name_the_key_file() -> None:
    name = OLD_FILE.rsplit("/", 1)[-1]
    row = chain(thumbprint=DEAD, verdict="unusable", broken_at="access", key_file_path=OLD_FILE)
    assert since(row, event(utc(2026, 11, 2), key_file_name=name)) == "first error in its log 2026-11-02 (event 36870)"
