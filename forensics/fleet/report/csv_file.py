"""One CSV file of a fleet, a row a disk: UTF-8 with a byte order mark, values that a spreadsheet would run defused."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TextIO

from forensics.fleet.report.chosen import COLUMNS
from forensics.fleet.report.report import FleetReport
from forensics.report.exports.csv_files import csv_cell


def write_csv(report: FleetReport, path: Path) -> None:
    """Write the rows, as they are read."""
    with path.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="") as file:
        _write(report, file)


def render_csv(report: FleetReport) -> str:
    """Return the rows as one text."""
    text = io.StringIO()
    _write(report, text)
    return text.getvalue()


def _write(report: FleetReport, file: TextIO) -> None:
    writer = csv.writer(file)
    writer.writerow(column.name for column in COLUMNS)
    for row in report.rows():
        writer.writerow(csv_cell(column.kind, row[column.name]) for column in COLUMNS)
