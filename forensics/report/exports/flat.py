"""The tables of a case, findings among them, as plain columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from forensics.case_tables import CaseTables
from forensics.tables.finding import Finding, as_text
from forensics.tables.registry import CONTRACT_TABLES, ColumnSpec, column_specs

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
    """Yield every table of the contract that has columns, then ``finding`` and ``finding_subject``."""
    for name in CONTRACT_TABLES:
        columns = column_specs(name)
        if columns:
            rows = [tuple(getattr(row, column.name) for column in columns) for row in case.rows(name)]
            yield FlatTable(name, columns, rows)
    numbered = list(enumerate(case.finding_list, 1))
    yield FlatTable("finding", FINDING, [_finding(number, finding) for number, finding in numbered])
    subjects = [
        (number, finding.subject_table, subject.id, subject.label)
        for number, finding in numbered
        for subject in finding.subjects
    ]
    yield FlatTable("finding_subject", FINDING_SUBJECT, subjects)


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
