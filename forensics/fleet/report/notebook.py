"""What a notebook shows of a fleet: the accounts and the worst rows."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from forensics.fleet.report import words
from forensics.fleet.report.report import FleetReport
from forensics.report.facts import day
from forensics.tables.sanitise import sanitise

MOST_ROWS = 20
"""Display: rows that a notebook shows; the frames have all."""
_HEADINGS = (
    "state",
    "disk",
    "machine",
    "role",
    "down",
    "dead",
    "can be saved",
    "next end",
    "when moved",
    "not examined",
)


def notebook_html(report: FleetReport) -> str:
    """Return the HTML of a cell; whatever stands on the disks is escaped."""
    told = [*words.stopped(report), words.accounted(report.accounts), *words.lacking(report.accounts)]
    told += filter(None, (words.across(report), words.selection(report)))
    head = "".join(f"<p>{escape(sanitise(sentence))}</p>" for sentence in told)
    headings = "".join(f"<th>{heading}</th>" for heading in _HEADINGS)
    rows = "".join(f"<tr>{''.join(_cells(row))}</tr>" for row in report.rows(MOST_ROWS))
    more = report.count - MOST_ROWS
    rest = f"<p>and {more} more: <code>fleet.disks</code></p>" if more > 0 else ""
    return f"<p><b>{escape(sanitise(words.title(report)))}</b></p>{head}<table><tr>{headings}</tr>{rows}</table>{rest}"


def _cells(row: dict[str, Any]) -> Iterator[str]:
    ends = f"{day(row['next_end'])} {row['next_end_of'] or ''}" if row["next_end"] else ""
    for value in (
        words.STATES.get(row["state"], row["state"]),
        words.source(row),
        row["machine"],
        ", ".join(row["roles"]),
        len(row["down"]),
        row["dead"],
        row["savable"],
        ends,
        "; ".join(row["blockers"]),
        "; ".join(row["not_examined"]),
    ):
        yield f"<td>{'' if value is None else escape(sanitise(str(value)))}</td>"
