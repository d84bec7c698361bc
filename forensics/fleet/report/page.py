"""The page of a fleet: one HTML file that asks the network for nothing, and whose script shows rows as needed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from forensics.fleet.report import words
from forensics.fleet.report.report import FleetReport
from forensics.language import _, listed, told
from forensics.report.facts import day
from forensics.report.html.packed import LONGEST, data_of
from forensics.report.html.page import fill_page
from forensics.tables.finding import SEVERITIES
from forensics.tables.sanitise import sanitise
from forensics.version import __version__

MOST_BYTES = 4 << 20
"""Display: bytes of the rows in the page; the rest, of those that matter least, are in the other formats."""
MOST_WITHOUT_SCRIPT = 200
"""Display: rows that a browser without scripts shows, the worst."""
MOST_OF_A_LIST = 20
"""Display: services, blockers and reasons of a row that the page has; it counts all."""
MOST_MONTHS = 36
"""Display: months of the calendar in the page."""
TEXTS = {
    "gaps": "Not examined, or in part",
    "down": "Services down",
    "blockers": "When moved or cloned",
    "rules": "Rules that found something",
    "part": "{title} ({shown} of {total}):",
    "keys": "Dead keys: {dead}, of which nothing has taken over from {missed}. Undecided: {undecided}.",
    "all": "All of this disk:",
    "own": "its own report",
    "more": " and {count} more",
    "unused": "(not known to be used)",
    "below": "{count} more rows below",
    "shown": "{shown} of {total}",
    "worse": "{severity} or worse",
}
"""Words of the script."""
_COLUMNS = (
    "State",
    "Disk",
    "Machine",
    "Not examined",
    "Role",
    "Services down",
    "Dead keys",
    "Can be saved",
    "Next end",
    "When moved or cloned",
)
"""Headings of the table without script."""

Link = Callable[[str], str | None]


def render_page(report: FleetReport, page_of: Link = lambda disk: None) -> str:
    """Write the page.

    Args:
        report: The report.
        page_of: Returns where the page of a disk lies beside this one, by its key; None where it has none.
    """
    data, left_out = _data(report, page_of)
    return fill_page(
        "fleet.html.j2",
        {
            "title": words.title(report),
            "version": __version__,
            "accounted": words.accounted(report.accounts),
            "figures": _figures(report),
            "stopped": list(words.stopped(report)),
            "lacking": list(words.lacking(report.accounts)),
            "across": words.across(report),
            "selection": words.selection(report),
            "failed": report.failed,
            "causes": [(cause, words.rule_title(cause), words.cause(cause)) for cause in report.causes],
            "blocked": report.blocked,
            "clones": [(group, _(words.RELATIONS.get(group.relation, group.relation))) for group in report.clones],
            "keys": [(key, words.key_of_several(key)) for key in report.keys_of_several],
            "months": [(month, words.month(month), list(map(words.end, month.first))) for month in report.calendar][
                :MOST_MONTHS
            ],
            "more_months": max(0, len(report.calendar) - MOST_MONTHS),
            "many": [(end, words.end(end)) for end in report.used_by_many],
            "headings": [_(title) for title in _COLUMNS],
            "worst": [_plain(row) for row in report.rows(MOST_WITHOUT_SCRIPT)],
            "count": report.count,
            "left_out": left_out,
            "data": data,
        },
        scripts=("fleet.js",),
        further_style="fleet.css",
    )


def _figures(report: FleetReport) -> list[tuple[int, str, str]]:
    """Return the numbers worth a glance: how many, of what, and how they are coloured."""
    [down, dead, savable] = report.totals()
    return [
        (report.accounts.machines, _("machines examined"), "none"),
        (len(report.failed), _("inputs or pieces not examined"), "warn"),
        (down, _("machines with services down"), "bad"),
        (dead, _("dead keys"), "bad"),
        (savable, _("keys that can be saved"), "good"),
        (sum(group.count for group in report.clones if group.relation == "clone"), _("clones of one identity"), "warn"),
    ]


class _Words:
    """Texts of the page, each once; rows name them by number."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self.size = 0

    def __call__(self, text: str | None) -> int:
        shown = sanitise(text or "", LONGEST)
        if shown not in self.known:
            self.known[shown] = len(self.known)
            self.size += len(shown.encode("utf-8", "replace")) + 3
        return self.known[shown]

    def each(self, texts: list[str]) -> list[int]:
        return [self(text) for text in texts[:MOST_OF_A_LIST]]


def _data(report: FleetReport, page_of: Link) -> tuple[Markup, int]:
    """Return the rows as JSON, and how many had no room."""
    known, used = _Words(), 0
    rows: list[str] = []
    known("")
    source = report.rows()
    for row in source:
        rows.append(json.dumps(_cells(row, known, page_of), separators=(",", ":")))
        used += len(rows[-1]) + 1
        if used + known.size > MOST_BYTES:
            break
    left_out = sum(1 for _ in source)
    head = data_of(
        {
            "words": list(known.known),
            "states": {state: _(told) for state, told in words.STATES.items()},
            "severities": SEVERITIES,
            "severityWords": [_(name) for name in SEVERITIES],
            "texts": {name: _(text) for name, text in TEXTS.items()} | {"between": listed(("", ""))},
        }
    )
    return Markup(f'{head[:-1]},"rows":[{",".join(rows)}]}}'), left_out


def _cells(row: dict[str, Any], known: _Words, page_of: Link) -> list[Any]:
    """Return what the script knows a row by; ``fleet.js`` names the places."""
    return [
        row["disk"][:12],
        list(words.STATES).index(row["state"]) if row["state"] in words.STATES else -1,
        known(words.source(row)),
        known(row["machine"]),
        known.each([told(role) for role in row["roles"]]),
        [len(row["down"]), *known.each(list(map(told, row["down"])))],
        _number(row["dead"]),
        _number(row["missed"]),
        _number(row["savable"]),
        _number(row["undecided"]),
        known(day(row["next_end"])) if row["next_end"] else 0,
        known(row["next_end_of"]),
        int(bool(row["next_end_in_use"])),
        [len(row["blockers"]), *known.each([told(blocker) for blocker in row["blockers"]])],
        known.each(row["blocker_kinds"]),
        [len(row["not_examined"]), *known.each([told(reason) for reason in words.reasons(row)])],
        SEVERITIES.index(row["worst"]) if row["worst"] else -1,
        known.each(row["rules"]),
        known(row["product"]),
        known(page_of(row["disk"])),
    ]


def _number(value: int | None) -> int:
    """Return a number; -1 where nothing was examined."""
    return -1 if value is None else value


def _plain(row: dict[str, Any]) -> list[str]:
    """Return the cells of a row of the table without script."""
    ends = f"{day(row['next_end'])} {row['next_end_of'] or ''}" if row["next_end"] else "–"
    counts = ["–" if row[name] is None else str(row[name]) for name in ("dead", "savable")]
    down = f"{len(row['down'])}: {', '.join(map(told, row['down'][:MOST_OF_A_LIST]))}" if row["down"] else "0"
    return [
        _(words.STATES.get(row["state"], row["state"])),
        words.source(row),
        row["machine"] or "–",
        "; ".join(map(told, words.reasons(row))),
        listed(map(told, row["roles"])),
        "–" if row["dead"] is None else down,
        *counts,
        ends,
        "; ".join(map(told, row["blockers"])),
    ]
