"""Writes what one disk said to a fleet's dataset: a part a table, each whole or not there, and the disk's row last."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from forensics.case_tables import CaseTables
from forensics.disk.evidence_files import EvidenceFiles
from forensics.fleet.dataset import Dataset
from forensics.fleet.disk_record import DISK, DiskRecord
from forensics.fleet.machine_number import in_fleet
from forensics.outputs import new_file
from forensics.report.exports.arrow import arrow_table
from forensics.report.exports.flat import SOURCE
from forensics.tables.finding import Finding
from forensics.tables.finding_json import as_json
from forensics.tables.machine_numbers import renumbered
from forensics.tables.registry import ROW_CLASSES, ColumnSpec, column_specs
from forensics.tables.source import SourceEntry

OF_DISK = ColumnSpec("disk", "text", False, "Key of the disk: `disk.disk`")
"""The column that every table of a dataset has first."""
FINDING = (
    ColumnSpec("machine_id", "integer", False, "Which Windows installation of the fleet; 0: none in particular"),
    ColumnSpec("finding", "text", False, "Its id among those of the disk"),
    ColumnSpec("rule", "text", False, "Rule that found it"),
    ColumnSpec("severity", "text", False, "critical, high, medium, low or info"),
    ColumnSpec("confidence", "text", False, "proved, likely or possible"),
    ColumnSpec("verdict", "text", False, "match or unknown"),
    ColumnSpec("title", "text", False, "What it is"),
    ColumnSpec("subjects", "integer", False, "Number of what it is about"),
    ColumnSpec("json", "text", False, "All of it, as in the document of examine; machine_id is that of the disk alone"),
)
_Table = tuple[str, Sequence[ColumnSpec], list[Sequence[Any]]]


def write_part(dataset: Dataset, record: DiskRecord, case: CaseTables | None = None) -> None:
    """Write the row of a disk and all rows of its case; what an attempt that was killed left is written over.

    Args:
        dataset: Where.
        record: The row; what it says counts when this returns, and not before.
        case: What was found; None where nothing could be examined.

    Raises:
        OSError: The disk is full, or cannot be written.
    """
    evidence = case.evidence if case is not None else EvidenceFiles([record.identity.path])
    for name, columns, rows in _tables(record.disk, case) if case is not None else ():
        if rows:
            _write(dataset, name, record.disk, columns, rows, evidence)
    _write(dataset, "disk", record.disk, DISK, [record.cells], evidence)


def _write(
    dataset: Dataset,
    table: str,
    disk: str,
    columns: Sequence[ColumnSpec],
    rows: Sequence[Sequence[Any]],
    evidence: EvidenceFiles,
) -> None:
    import pyarrow.parquet as pq

    place = dataset.part(table, disk)
    place.parent.mkdir(parents=True, exist_ok=True)
    with new_file(place, evidence, overwrite=True, is_synced=table == "disk") as file:
        # A part has few rows: what would say more of its columns is longer than they are.
        options = {"write_statistics": False, "use_dictionary": False, "store_schema": False}
        pq.write_table(arrow_table(columns, rows), file, compression="zstd", **options)


def _tables(disk: str, case: CaseTables) -> Iterator[_Table]:
    for name in ROW_CLASSES:
        specs = column_specs(name)
        rows = (renumbered(row, lambda number: in_fleet(disk, number)) for row in case.rows(name))
        yield name, (OF_DISK, *specs), [(disk, *(getattr(row, spec.name) for spec in specs)) for row in rows]
    yield "source", (OF_DISK, *SOURCE), [(disk, *_source(disk, entry)) for entry in case.sources]
    yield "finding", (OF_DISK, *FINDING), [(disk, *_finding(disk, finding)) for finding in case.finding_list]


def _source(disk: str, entry: SourceEntry) -> list[Any]:
    cells = {column.name: getattr(entry, column.name) for column in SOURCE}
    return list((cells | {"machine_ids": [str(in_fleet(disk, number)) for number in entry.machine_ids]}).values())


def _finding(disk: str, finding: Finding) -> tuple[Any, ...]:
    return (
        in_fleet(disk, finding.machine_id) if finding.machine_id else 0,
        finding.id,
        finding.rule,
        finding.severity,
        finding.confidence,
        finding.verdict,
        finding.title,
        len(finding.subjects),
        json.dumps(as_json(finding)),
    )
