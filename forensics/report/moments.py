"""What happened to a machine's keys, in order: identity, secrets, births of keys, certificates' beginnings and ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Literal

from forensics.case_tables import CaseTables
from forensics.language import joined, sentence
from forensics.late_methods import dataclass
from forensics.report.facts import Facts, label
from forensics.report.key_history import history_events
from forensics.tables.event import EventRow, SetupEventRow
from forensics.tables.machine import MachineRow
from forensics.tables.timestamps import as_utc

Kind = Literal["identity", "setup", "secret", "key", "certificate", "expiry", "event"]
TimeOf = Literal[
    "Content Modification Time",
    "Creation Time",
    "Expiration Time",
    "Installation Time",
    "Last Shutdown Time",
    "Recorded Time",
    "Start Time",
    "Update Time",
]
"""What kind of time it is, in plaso's words (plaso/lib/definitions.py), which other programs of time lines read."""

MOST_MOMENTS = 5_000
"""Display: moments of one kind on a page, or in a notebook."""

_SETUP = {
    "sysprep_begun": sentence("Sysprep began"),
    "option_generalize": sentence("Sysprep: generalize was asked for"),
    "machine_guid_assigned": sentence("Setup assigned a MachineGuid"),
    "sysprep_succeeded": sentence("Sysprep succeeded: the image was sealed"),
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
        time_of: What kind of time it is.
        machine_id: On which machine.
        source_path: Where it was read.
        is_local: The time is local time of the machine, without a zone.
        subject: Thumbprint or key file path it is about.
    """

    time: datetime
    kind: Kind
    text: str
    time_of: TimeOf
    machine_id: int
    source_path: str
    is_local: bool = False
    subject: str | None = None


def moments(case: CaseTables, most: int | None = MOST_MOMENTS) -> list[Moment]:
    """Return what a case tells of times, the earliest first; expiries to come are among them.

    Args:
        case: The case.
        most: How many of one kind; None for all of them.
    """
    case = case.present
    facts = Facts(case)
    found = [
        *(moment for machine in case.rows("machine") for moment in _machine(machine)),
        *islice((moment for row in case.rows("setup_event") for moment in _setup(row)), most),
        *islice(_secrets(case), most),
        *islice(_keys(case), most),
        *islice(_certificates(case, facts), most),
        *islice(_history(case), most),
        *islice((moment for row in case.rows("event") for moment in _event(row)), most),
    ]
    return sorted(set(found), key=lambda m: (m.time, m.machine_id, m.kind, m.text, m.source_path))


def _machine(row: MachineRow) -> Iterator[Moment]:
    def moment(time: datetime | None, kind: Kind, text: str, time_of: TimeOf) -> Iterator[Moment]:
        if time is not None:
            yield Moment(as_utc(time), kind, text, time_of, row.machine_id, row.source_path)

    installed = sentence("Windows was installed, or upgraded last (InstallDate)")
    yield from moment(row.install_date, "setup", installed, "Installation Time")
    guid = sentence("MachineGuid {guid}: its registry key was last written", guid=row.machine_guid)
    yield from moment(row.machine_guid_time, "identity", guid, "Content Modification Time")
    yield from moment(row.last_shutdown, "event", sentence("Last shutdown"), "Last Shutdown Time")
    if row.sealed_at is not None:
        text = sentence("Sysprep sealed the image (CloneTag)")
        yield Moment(row.sealed_at, "setup", text, "Recorded Time", row.machine_id, row.source_path, True)
    for upgrade in row.upgrades:
        match = _UPGRADED.search(upgrade)
        if match:
            month, day, year, hour, minute, second = map(int, match.groups())
            try:
                time = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
            except ValueError:
                continue
            text = sentence("In-place upgrade (Source OS)")
            yield Moment(time, "setup", text, "Recorded Time", row.machine_id, row.source_path, True)


def _setup(row: SetupEventRow) -> Iterator[Moment]:
    text: str | None = _SETUP.get(row.kind)
    if text is None or row.time is None:
        return
    if row.machine_guid:
        text = joined([text, row.machine_guid])
    yield Moment(as_utc(row.time), "setup", text, "Recorded Time", row.machine_id, row.source_path, row.time_is_local)


def _secrets(case: CaseTables) -> Iterator[Moment]:
    for row in case.rows("secret"):
        if row.set_at is not None:
            text = sentence("The present {name} was set", name=row.name)
            if row.generation != "current":
                text = sentence("The previous {name} was set", name=row.name)
            yield Moment(as_utc(row.set_at), "secret", text, "Update Time", row.machine_id, row.source_path)
    for row in case.rows("master_key"):
        if row.created is not None:
            owner = row.owner_sid or sentence("an unknown owner")
            text = sentence("Master key {guid} of {owner} was made", guid=row.guid, owner=owner)
            yield Moment(as_utc(row.created), "secret", text, "Creation Time", row.machine_id, row.path)


def _keys(case: CaseTables) -> Iterator[Moment]:
    for row in case.rows("key_file"):
        if row.created is not None:
            text = sentence("Key file of container {name} was made", name=row.container or "?")
            yield Moment(as_utc(row.created), "key", text, "Creation Time", row.machine_id, row.path, subject=row.path)


def _history(case: CaseTables) -> Iterator[Moment]:
    for event in history_events(case.rows("key_history")):
        row = event.row
        if row.at is not None:
            subject = row.thumbprints[0] if row.thumbprints else None
            time = as_utc(row.at)
            yield Moment(time, "key", event.told, "Recorded Time", row.machine_id, row.source_path, subject=subject)


def _certificates(case: CaseTables, facts: Facts) -> Iterator[Moment]:
    for chain in case.rows("key_chain"):
        if not chain.thumbprint:
            continue
        named = {"name": label(chain), "store": chain.store}
        bounds: tuple[tuple[datetime | None, Kind, str, TimeOf], ...] = (
            (
                chain.not_before,
                "certificate",
                sentence("{name} in store {store}: valid from here", **named),
                "Start Time",
            ),
            (chain.ends, "expiry", sentence("{name} in store {store}: ends", **named), "Expiration Time"),
        )
        for time, kind, text, time_of in bounds:
            if time is not None:
                row = (chain.machine_id, chain.source_path)
                yield Moment(as_utc(time), kind, text, time_of, *row, subject=chain.thumbprint)


def _event(row: EventRow) -> Iterator[Moment]:
    if row.time is not None and row.event_id in _KEY_EVENTS:
        text = f"{row.provider} {row.event_id}: {row.message or ''}".rstrip(": ")
        time = as_utc(row.time)
        yield Moment(time, "event", text, "Recorded Time", row.machine_id, row.source_path, subject=row.thumbprint)
