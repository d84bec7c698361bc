"""Moments in the form that Timesketch reads and plaso's psort writes: one event a line, as CSV or JSON.

References:
    https://timesketch.org/guides/user/import-from-json-csv/
    https://plaso.readthedocs.io/en/latest/sources/user/Output-and-formatting.html
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import TypedDict

from forensics.case_tables import CaseTables
from forensics.report.exports.csv_files import csv_cell
from forensics.report.facts import Facts
from forensics.report.moments import Kind, Moment
from forensics.tables.sanitise import sanitise

TAGS: dict[Kind, str] = {
    "identity": "machine_identity",
    "setup": "setup",
    "secret": "secret",
    "key": "key_file",
    "certificate": "certificate_begins",
    "expiry": "certificate_ends",
    "event": "event_log",
}
LOCAL_CLOCK = "clock_of_the_machine"
"""Tag of a time by the machine's own clock, of which no zone was written: it stands there as if it were UTC."""
TO_COME = "to_come"
"""Tag of what is after the date of the examination."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Event(TypedDict):
    """One event; these are the columns of the CSV file, in this order.

    The first seven, and ``filename``, are named as plaso and Timesketch name theirs. ``timestamp`` counts microseconds
    since 1970. ``source`` is the disk, ``source_path`` where in it the time was read, as the tables have it, and
    ``filename`` the same as Windows writes it.
    """

    datetime: str
    timestamp: int
    timestamp_desc: str
    message: str
    tag: list[str]
    data_type: str
    hostname: str
    source: str
    source_path: str
    filename: str
    thumbprint: str


def events(case: CaseTables, moments: Iterable[Moment]) -> Iterator[Event]:
    """Yield the events of some moments, in their order.

    Args:
        case: The case that they are of.
        moments: The moments.
    """
    facts = Facts(case)
    for moment in moments:
        tags = [TAGS[moment.kind]]
        tags += [LOCAL_CLOCK] if moment.is_local else []
        tags += [TO_COME] if moment.time > case.as_of else []
        yield Event(
            datetime=moment.time.astimezone(UTC).isoformat(timespec="microseconds"),
            timestamp=(moment.time - _EPOCH) // timedelta(microseconds=1),
            timestamp_desc=moment.time_of,
            message=message(moment, facts),
            tag=tags,
            data_type=f"keymortem:{TAGS[moment.kind]}",
            hostname=sanitise(facts.computer(moment.machine_id)),
            source=sanitise(facts.place(moment.machine_id)),
            source_path=sanitise(moment.source_path),
            filename=sanitise(facts.read_in(moment)),
            thumbprint="" if moment.subject == moment.source_path else sanitise(moment.subject or ""),
        )


def message(moment: Moment, facts: Facts) -> str:
    """Return what happened and on which machine, one line."""
    clock = " (by the clock of the machine, of which no zone was written)" if moment.is_local else ""
    return f"{sanitise(moment.text)}, {sanitise(facts.on(moment.machine_id))}{clock}"


def as_csv(events: Iterable[Event]) -> str:
    """Write events as CSV, with cells that a spreadsheet would run defused as in other CSV files.

    Without a byte order mark: not each reader of time lines takes one away.
    """
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Event.__annotations__)
    for event in events:
        writer.writerow(
            json.dumps(value) if name == "tag" else csv_cell("text", value) if isinstance(value, str) else value
            for name, value in event.items()
        )
    return text.getvalue()


def as_jsonl(events: Iterable[Event]) -> str:
    """Write events as JSON, one object a line."""
    return "".join(f"{json.dumps(event, ensure_ascii=False)}\n" for event in events)
