"""Writes what one disk said to a fleet's dataset: a part a table, each whole or not there, and the disk's row last."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from forensics.case_tables import CaseTables
from forensics.fleet.dataset import KEYS, PER_DISK, Dataset, folded_name
from forensics.fleet.disk_record import DISK, DiskRecord
from forensics.fleet.machine_number import in_fleet
from forensics.fleet.quick_file import write_quickly
from forensics.report.disk_table.ends import ending_rows
from forensics.report.disk_table.row import ENDING, SUMMARY
from forensics.report.disk_table.rows import disk_rows
from forensics.report.exports.arrow import arrow_table
from forensics.report.exports.flat import SOURCE
from forensics.tables.finding import Finding
from forensics.tables.finding_json import as_json
from forensics.tables.machine_numbers import renumbered
from forensics.tables.registry import ROW_CLASSES, ColumnSpec, column_specs
from forensics.tables.sentences import sentences_in, sentences_to_json
from forensics.tables.source import SourceEntry

OF_DISK = ColumnSpec("disk", "text", False, "Key of the disk: `disk.disk`")
"""The column that every table of a dataset has first."""
ROW_NUMBER = ColumnSpec(
    "row_number", "integer", False, "Place in its table on the disk, from 0, by which findings name rows"
)
"""The column that every table has next that may have several rows of a disk."""
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

SENTENCE = (
    ColumnSpec("json", "text", False, "Of what a text in the rows was made, by which it is told in another language"),
)


def own_columns(table: str) -> tuple[ColumnSpec, ...]:
    """Return the columns of a table of the case; one of its own that is called disk has another name."""
    own = (replace(spec, name=f"{table}_disk") if spec.name == OF_DISK.name else spec for spec in column_specs(table))
    return (OF_DISK, ROW_NUMBER, *own)


_OTHERS = {"source": SOURCE, "finding": FINDING, "sentence": SENTENCE, "summary": SUMMARY, "ending": ENDING}


def columns_of(table: str) -> tuple[ColumnSpec, ...]:
    """Return the columns of a table of a dataset; none for a table that is not in it."""
    if table == "disk":
        return DISK
    if table in _OTHERS:
        return (OF_DISK, ROW_NUMBER, *_OTHERS[table])
    return own_columns(table) if table in PER_DISK else ()


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
    for name, columns, rows in _tables(record.disk, case) if case is not None else ():
        place = dataset.part(name, record.disk)
        if rows:
            write_quickly(place, parquet(columns, rows))
        else:
            with suppress(FileNotFoundError):
                os.unlink(place)
    write_quickly(dataset.part("disk", record.disk), parquet(DISK, [record.cells]))


def write_records(dataset: Dataset, records: Iterable[DiskRecord]) -> None:
    """Write rows of table disk alone, of many inputs at once, to which no other rows belong.

    Raises:
        OSError: The disk is full, or cannot be written.
    """
    buckets: dict[str, list[DiskRecord]] = {}
    for record in records:
        buckets.setdefault(record.disk[0], []).append(record)
    for own in buckets.values():
        keys = sorted(record.disk for record in own)
        place = dataset.part("disk", keys[0]).with_name(folded_name(keys))
        write_quickly(place, parquet(DISK, [record.cells for record in own], keys))


def parquet(columns: Sequence[ColumnSpec], rows: Sequence[Sequence[Any]], keys: Sequence[str] = ()) -> bytes:
    """Return a Parquet file.

    Args:
        columns: Its columns.
        rows: Their cells.
        keys: Of the disks whose rows it has, where these are many.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = arrow_table(columns, rows)
    # A part has few rows: what would say more of its columns is longer than they are.
    options = {"write_statistics": False, "use_dictionary": False, "store_schema": False}
    buffer = pa.BufferOutputStream()
    with pq.ParquetWriter(buffer, table.schema.remove_metadata(), compression="zstd", **options) as writer:
        writer.write_table(table.replace_schema_metadata(None))
        if keys:
            writer.add_key_value_metadata({KEYS.decode(): json.dumps(keys)})
    return bytes(buffer.getvalue())


def _tables(disk: str, case: CaseTables) -> Iterator[_Table]:
    for name, rows in _cells(disk, case):
        yield name, columns_of(name), [(disk, number, *cells) for number, cells in enumerate(rows)]


def _cells(disk: str, case: CaseTables) -> Iterator[tuple[str, Iterable[Sequence[Any]]]]:
    for name in ROW_CLASSES:
        specs = column_specs(name)
        rows = (renumbered(row, lambda number: in_fleet(disk, number)) for row in case.rows(name))
        yield name, ([getattr(row, spec.name) for spec in specs] for row in rows)
    yield "source", (_source(disk, entry) for entry in case.sources)
    yield "finding", (finding_cells(finding, disk) for finding in case.finding_list)
    told = disk_rows(case)
    sentences = {**case.sentences, **sentences_in(told)}
    yield "sentence", ([each] for each in sentences_to_json(sentences.values()))
    summary = (replace(row, machine_id=_number(disk, row.machine_id)) for row in told)
    yield "summary", (row.cells for row in summary)
    ending = (replace(row, machine_id=_number(disk, row.machine_id)) for row in ending_rows(case))
    yield "ending", (row.cells for row in ending)


def _number(disk: str, machine_id: int) -> int:
    return in_fleet(disk, machine_id) if machine_id else 0


def _source(disk: str, entry: SourceEntry) -> list[Any]:
    cells = {column.name: getattr(entry, column.name) for column in SOURCE}
    return list((cells | {"machine_ids": [str(in_fleet(disk, number)) for number in entry.machine_ids]}).values())


def finding_cells(finding: Finding, disk: str | None = None) -> tuple[Any, ...]:
    """Return the cells of :data:`FINDING`.

    Args:
        finding: What was found.
        disk: Key of the disk by whose numbers it names machines; None where those are of the fleet.
    """
    number = finding.machine_id
    return (
        in_fleet(disk, number) if number and disk is not None else number,
        finding.id,
        finding.rule,
        finding.severity,
        finding.confidence,
        finding.verdict,
        finding.title,
        len(finding.subjects),
        json.dumps(as_json(finding)),
    )
