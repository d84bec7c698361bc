"""A workbook of a fleet: a sheet for each part of the report; no text in it is ever a formula."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from forensics.fleet.report import words
from forensics.fleet.report.chosen import COLUMNS
from forensics.fleet.report.report import FleetReport
from forensics.language import _
from forensics.report.exports.csv_files import SEPARATOR
from forensics.tables.sanitise import sanitise

LONGEST = 32_000
"""Display: characters of a cell; Excel takes 32,767."""
MOST_ROWS = 1_048_000
"""Display: rows of a sheet; Excel takes 1,048,576."""
_OPTIONS = {
    # Row by row to the disk, and every text as a text.
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "remove_timezone": True,
    "default_date_format": "yyyy-mm-dd hh:mm",
}


def write_workbook(report: FleetReport, path: Path) -> None:
    """Write the workbook.

    Raises:
        ModuleNotFoundError: It needs ``keymortem[fleet]``.
        OSError: It cannot be written.
    """
    import xlsxwriter

    with xlsxwriter.Workbook(str(path), _OPTIONS) as book:
        sheets = _Sheets(book)
        sheets.add(
            _("Disks"), [column.name for column in COLUMNS], ([row[c.name] for c in COLUMNS] for row in report.rows())
        )
        sheets.add(
            _("Findings"),
            ["rule", "title", "severity", "machines", "findings", "likely", "undecided", "some machines"],
            (
                [c.rule, c.title, c.severity, c.machines, c.findings, c.likely, c.undecided, list(c.named)]
                for c in report.causes
            ),
        )
        sheets.add(
            _("Ends"),
            [
                "month",
                "ends",
                "subject",
                "thumbprint",
                "machines",
                "in use on",
                "renews itself on",
                "key dead on",
                "used by",
                "some machines",
            ],
            (
                [
                    m.month,
                    e.ends,
                    e.subject,
                    e.thumbprint,
                    e.machines,
                    e.in_use,
                    e.self_renewing,
                    e.dead,
                    list(e.used_by),
                    list(e.named),
                ]
                for m in report.calendar
                for e in m.first
            ),
        )
        sheets.add(
            _("Clones"),
            ["what", "relation", "machines", "some machines"],
            (
                [group.what, _(words.RELATIONS.get(group.relation, group.relation)), group.count, list(group.named)]
                for group in report.clones
            ),
        )
        sheets.add(
            _("Keys"),
            ["what", "public key", "role", "relation", "ends", "machines", "in use on", "exportable", "some machines"],
            (
                [k.subject, k.key, k.role, k.relation, k.ends, k.machines, k.in_use, k.exportable, list(k.named)]
                for k in report.keys_of_several
            ),
        )
        sheets.add(_("Failed"), ["path", "reason"], ([failed.path, failed.reason] for failed in report.failed))
        accounts: list[list[Any]] = [
            [_(words.STATES.get(word, word)), count] for word, count in report.accounts.by_state.items()
        ]
        told: list[list[Any]] = [
            [sentence, None] for sentence in (*words.stopped(report), *words.lacking(report.accounts))
        ]
        head: list[list[Any]] = [
            [words.title(report), None],
            [words.selection(report), None],
            ["inputs", report.accounts.total],
        ]
        sheets.add(_("Inputs"), ["what", "count"], [*head, *accounts, *told])


class _Sheets:
    """Sheets of a workbook.

    Args:
        book: The workbook.
    """

    def __init__(self, book: Any) -> None:
        self._book = book
        self._heading = book.add_format({"bold": True, "bottom": 1})

    def add(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Add a sheet with a heading that stays, and a filter."""
        sheet = self._book.add_worksheet(name)
        sheet.freeze_panes(1, 1)
        for at, column in enumerate(columns):
            sheet.set_column(at, at, min(60, max(12, len(column) + 4)))
            sheet.write_string(0, at, column, self._heading)
        number = 0
        for number, row in enumerate(rows, 1):
            if number > MOST_ROWS:
                break
            for at, value in enumerate(row):
                _write(sheet, number, at, value)
        sheet.autofilter(0, 0, max(number, 1), len(columns) - 1)


def _write(sheet: Any, row: int, column: int, value: object) -> None:
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, int):
        sheet.write_number(row, column, value)
    elif isinstance(value, datetime):
        sheet.write_datetime(row, column, value)
    elif value:
        text = SEPARATOR.join(map(str, value)) if isinstance(value, list) else str(value)
        sheet.write_string(row, column, sanitise(text, LONGEST))
