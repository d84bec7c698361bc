"""The tables of a case, sources and findings among them, as plain columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from forensics.case_tables import CaseTables
from forensics.late_methods import dataclass
from forensics.tables.finding import Finding, as_text
from forensics.tables.registry import CONTRACT_TABLES, ColumnSpec, column_specs
from forensics.tables.source import SourceEntry

FINDING = (
    ColumnSpec("finding", "integer", False, "Number of the finding, from 1"),
    ColumnSpec("machine_id", "integer", False, "Which Windows installation"),
    ColumnSpec("rule", "text", False, "Rule that found it"),
    ColumnSpec("severity", "text", False, "critical, high, medium, low or info"),
    ColumnSpec("confidence", "text", False, "proved, likely or possible"),
    ColumnSpec("verdict", "text", False, "match or unknown"),
    ColumnSpec("title", "text", False, "What it is"),
    ColumnSpec("because", "text", False, "Why, with this disk's values"),
    ColumnSpec("remedy", "text", True, "What can be done"),
)
FINDING_SUBJECT = (
    ColumnSpec("finding", "integer", False, "Number of the finding, from 1"),
    ColumnSpec("subject_table", "text", False, "Table of the subject"),
    ColumnSpec("id", "text", False, "Thumbprint, path, name or SID"),
    ColumnSpec("label", "text", False, "What it is called"),
)
SOURCE = (
    ColumnSpec("path", "text", False, "As it was named; of what was found in a folder or archive its place there"),
    ColumnSpec("kind", "text", False, "What it is, such as disk, folder or archive; unknown: it could not be opened"),
    ColumnSpec("size", "integer", True, "Bytes of the file"),
    ColumnSpec("sha256", "text", True, "Of that file, lower hex"),
    ColumnSpec("machine_ids", "list", False, "The Windows installations found in it"),
    ColumnSpec("error", "text", True, "Why nothing of it could be examined"),
    ColumnSpec("found_in", "text", True, "The named source in which it was found"),
    ColumnSpec(
        "older_state_of", "text", True, "What it is an older state of: the disk that builds on it, likely of today"
    ),
    ColumnSpec("same_as", "text", True, "What is the same disk or archive and is examined; this one does not count"),
    ColumnSpec("mixed", "text", True, "That what was examined as one machine is of two, and what tells it"),
    ColumnSpec("reader", "text", True, "The library that reads its container, where that is not keymortem itself"),
    ColumnSpec("bundle", "text", True, "The configuration, or backup, that names it as a disk of its machine"),
    ColumnSpec("backup_of", "text", True, "When the backup was made in which it lies, by its folder: likely UTC"),
    ColumnSpec("examined_with", "text", True, "Version of keymortem that examined it, where that is not the case's"),
    ColumnSpec("examined_for", "text", True, "Date for which it was examined, UTC, where that is not the case's"),
)
TABLES = (*(name for name in CONTRACT_TABLES if column_specs(name)), "source", "finding", "finding_subject")
"""Names of all tables."""


@dataclass(frozen=True, slots=True)
class FlatTable:
    """One table.

    Attributes:
        name: Table name.
        columns: Its columns, in order.
        rows: Cells in the order of the columns: None, text, int, bool, aware datetime, or list of text.
    """

    name: str
    columns: tuple[ColumnSpec, ...]
    rows: list[tuple[Any, ...]]


def flat_tables(case: CaseTables) -> Iterator[FlatTable]:
    """Yield every table of :data:`TABLES`: those of the contract that have columns first."""
    for name in CONTRACT_TABLES:
        columns = column_specs(name)
        if columns:
            rows = [tuple(getattr(row, column.name) for column in columns) for row in case.rows(name)]
            yield FlatTable(name, columns, rows)
    yield FlatTable("source", SOURCE, [_source(entry) for entry in case.sources])
    numbered = list(enumerate(case.finding_list, 1))
    yield FlatTable("finding", FINDING, [_finding(number, finding) for number, finding in numbered])
    subjects = [
        (number, finding.subject_table, subject.id, subject.label)
        for number, finding in numbered
        for subject in finding.subjects
    ]
    yield FlatTable("finding_subject", FINDING_SUBJECT, subjects)


def _source(entry: SourceEntry) -> tuple[Any, ...]:
    cells = {column.name: getattr(entry, column.name) for column in SOURCE}
    return (*(cells | {"machine_ids": [str(number) for number in entry.machine_ids]}).values(),)


def _finding(number: int, finding: Finding) -> tuple[int | str, ...]:
    return (
        number,
        finding.machine_id,
        finding.rule,
        finding.severity,
        finding.confidence,
        finding.verdict,
        finding.title,
        as_text(finding.because),
        as_text(finding.remedy),
    )
