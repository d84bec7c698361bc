"""What happened to a machine's keys, in order: identity, secrets, births of keys, certificates' beginnings and ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

from forensics.case_tables import CaseTables
from forensics.late_methods import dataclass
from forensics.report.facts import Facts, label
from forensics.report.key_history import history_events
from forensics.tables.event import EventRow, SetupEventRow
from forensics.tables.machine import MachineRow
from forensics.tables.timestamps import as_utc

Kind = Literal["identity", "setup", "secret", "key", "certificate", "expiry", "event"]

MAX_ENTRIES = 5_000
"""Entries of one kind."""

_SETUP = {
    "sysprep_begun": "Sysprep began",
    "option_generalize": "Sysprep: generalize was asked for",
    "machine_guid_assigned": "Setup assigned a MachineGuid",
    "sysprep_succeeded": "Sysprep succeeded: the image was sealed",
}
_UPGRADED = re.compile(r"Updated on (\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d{2}):(\d{2})")
_KEY_EVENTS = frozenset({36870, 1057, 1058, 1059, 6167, 1801, 1808, 1795})


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment.

    Attributes:
        time: UTC; for ``is_local`` the machine's own clock, taken as if it were UTC.
        kind: What it is about.
        text: What happened, one line.
        machine_id: On which machine.
        source_path: Where it was read.
        is_local: The time is local time of the machine, without a zone.
        subject: Thumbprint or key file path it is about.
    """

    time: datetime
    kind: Kind
    text: str
    machine_id: int
    source_path: str
    is_local: bool = False
    subject: str | None = None


def timeline(case: CaseTables) -> list[Moment]:
    """Return what a case tells of times, the earliest first; expiries to come are entries too."""
    case = case.present
    facts = Facts(case)
    entries = [
        *(entry for machine in case.rows("machine") for entry in _machine(machine)),
        *_limited(entry for row in case.rows("setup_event") for entry in _setup(row)),
        *_secrets(case),
        *_limited(_keys(case)),
        *_limited(_certificates(case, facts)),
        *_limited(_history(case)),
        *_limited(entry for row in case.rows("event") for entry in _event(row)),
    ]
    return sorted(set(entries), key=lambda e: (e.time, e.machine_id, e.kind, e.text))


def _limited(entries: Iterator[Moment]) -> list[Moment]:
    return [entry for entry, _ in zip(entries, range(MAX_ENTRIES), strict=False)]


def _machine(row: MachineRow) -> Iterator[Moment]:
    def entry(time: datetime | None, kind: Kind, text: str) -> Iterator[Moment]:
        if time is not None:
            yield Moment(as_utc(time), kind, text, row.machine_id, row.source_path)

    yield from entry(row.install_date, "setup", "Windows was installed, or upgraded last (InstallDate)")
    guid = f"MachineGuid {row.machine_guid}: its registry key was last written"
    yield from entry(row.machine_guid_time, "identity", guid)
    yield from entry(row.last_shutdown, "event", "Last shutdown")
    if row.sealed_at is not None:
        text = "Sysprep sealed the image (CloneTag)"
        yield Moment(row.sealed_at, "setup", text, row.machine_id, row.source_path, True)
    for upgrade in row.upgrades:
        match = _UPGRADED.search(upgrade)
        if match:
            month, day, year, hour, minute, second = map(int, match.groups())
            try:
                time = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
            except ValueError:
                continue
            yield Moment(time, "setup", "In-place upgrade (Source OS)", row.machine_id, row.source_path, True)


def _setup(row: SetupEventRow) -> Iterator[Moment]:
    text = _SETUP.get(row.kind)
    if text is None or row.time is None:
        return
    if row.machine_guid:
        text += f" {row.machine_guid}"
    yield Moment(as_utc(row.time), "setup", text, row.machine_id, row.source_path, row.time_is_local)


def _secrets(case: CaseTables) -> Iterator[Moment]:
    for row in case.rows("secret"):
        if row.set_at is not None:
            which = "present" if row.generation == "current" else "previous"
            text = f"The {which} {row.name} was set"
            yield Moment(as_utc(row.set_at), "secret", text, row.machine_id, row.source_path)
    for row in case.rows("master_key"):
        if row.created is not None:
            text = f"Master key {row.guid} of {row.owner_sid or 'an unknown owner'} was made"
            yield Moment(as_utc(row.created), "secret", text, row.machine_id, row.path)


def _keys(case: CaseTables) -> Iterator[Moment]:
    for row in case.rows("key_file"):
        if row.created is not None:
            text = f"Key file of container {row.container or '?'} was made"
            yield Moment(as_utc(row.created), "key", text, row.machine_id, row.path, subject=row.path)


def _history(case: CaseTables) -> Iterator[Moment]:
    for event in history_events(case.rows("key_history")):
        row = event.row
        if row.at is not None:
            subject = row.thumbprints[0] if row.thumbprints else None
            yield Moment(as_utc(row.at), "key", event.told, row.machine_id, row.source_path, subject=subject)


def _certificates(case: CaseTables, facts: Facts) -> Iterator[Moment]:
    for chain in case.rows("key_chain"):
        if not chain.thumbprint:
            continue
        where = f"{label(chain)} in store {chain.store}"
        moments: tuple[tuple[datetime | None, Kind, str], ...] = (
            (chain.not_before, "certificate", f"{where}: valid from here"),
            (chain.ends, "expiry", f"{where}: ends"),
        )
        for time, kind, text in moments:
            if time is not None:
                yield Moment(as_utc(time), kind, text, chain.machine_id, chain.source_path, subject=chain.thumbprint)


def _event(row: EventRow) -> Iterator[Moment]:
    if row.time is not None and row.event_id in _KEY_EVENTS:
        text = f"{row.provider} {row.event_id}: {row.message or ''}".rstrip(": ")
        yield Moment(as_utc(row.time), "event", text, row.machine_id, row.source_path, subject=row.thumbprint)
