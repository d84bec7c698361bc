"""One CSV file a table, for spreadsheets: UTF-8 with a byte order mark, values that a spreadsheet would run defused."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from forensics.case_tables import CaseTables
from forensics.report.exports.flat import flat_tables
from forensics.tables.timestamps import format_utc

_FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "\N{FULLWIDTH EQUALS SIGN}",
    "\N{FULLWIDTH PLUS SIGN}",
    "\N{FULLWIDTH HYPHEN-MINUS}",
    "\N{FULLWIDTH COMMERCIAL AT}",
)
"""What OWASP's page on CSV injection names: a line end and the wide forms, which Japanese spreadsheets narrow, too."""
SEPARATOR = "; "
"""Between the items of a list."""


def write_csv(case: CaseTables, file_of: Callable[[str], Path]) -> None:
    """Write ``TABLE.csv`` for every table; a table without rows has its heading only.

    Text that begins with ``=``, ``+``, ``-``, ``@``, their wide forms, a tab or a line end gets an apostrophe before
    it: it comes from the disk, and a spreadsheet would take it for a formula. NUL characters go.

    Args:
        case: The case.
        file_of: Gives the path for the file of a name, as :func:`forensics.outputs.new_files` does.

    Raises:
        OSError: A file cannot be written.
    """
    for table in flat_tables(case):
        path = file_of(f"{table.name}.csv")
        with path.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(column.name for column in table.columns)
            cells: list[Callable[[Any], object]] = [_CELLS[column.kind] for column in table.columns]
            for row in table.rows:
                writer.writerow(cell(value) for cell, value in zip(cells, row, strict=True))


def csv_cell(kind: str, value: Any) -> object:
    """Return what stands in a CSV file for a value.

    Args:
        kind: What its column holds, as of :class:`ColumnSpec`.
        value: The value.
    """
    return _CELLS[kind](value)


def _text(value: str | None) -> str:
    if not value:
        return ""
    clean = value.replace("\0", "")
    return f"'{clean}" if clean.startswith(_FORMULA) else clean


def _time(value: datetime | None) -> str:
    return format_utc(value) if value is not None else ""


def _list(value: list[str] | None) -> str:
    return _text(SEPARATOR.join(value or ()))


def _number(value: int | None) -> object:
    return "" if value is None else value


def _boolean(value: bool | None) -> str:
    return "" if value is None else "true" if value else "false"


_CELLS: dict[str, Callable[[Any], object]] = {
    "text": _text,
    "datetime": _time,
    "list": _list,
    "integer": _number,
    "boolean": _boolean,
}
