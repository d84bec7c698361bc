"""Puts the case of one disk together again, of what its task wrote to the dataset: rows, sources and findings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forensics.case import Case
from forensics.disk.evidence_files import EvidenceFiles
from forensics.fleet.dataset import FOLDED, Dataset
from forensics.fleet.machine_number import on_disk
from forensics.fleet.part import columns_of
from forensics.fleet.stored import keys_of, read_parquet
from forensics.language import Sentence
from forensics.report.exports.flat import SOURCE
from forensics.tables.finding import Finding
from forensics.tables.finding_json import from_json
from forensics.tables.machine_numbers import renumbered
from forensics.tables.registry import ROW_CLASSES, ColumnSpec, column_specs
from forensics.tables.row import Row
from forensics.tables.sentences import sentences_from_json
from forensics.tables.source import SourceEntry

if TYPE_CHECKING:
    import duckdb


def rebuilt_case(connection: duckdb.DuckDBPyConnection, dataset: Dataset, disk: str) -> Case:
    """Return the case of a disk; machines have the numbers that they have on the disk alone.

    Args:
        connection: Of the dataset.
        dataset: Where it is.
        disk: Its key in table ``disk``.

    Raises:
        KeyError: No disk that counts has that key.
    """
    known = connection.execute(
        "SELECT path, tool_version, CAST(epoch_us(as_of) AS BIGINT) FROM main.disk WHERE disk = ?", [disk]
    ).fetchall()
    if not known:
        raise KeyError(disk)
    sentences = sentences_from_json(cells["json"] for cells in _rows(connection, dataset, "sentence", disk))
    rows: list[Row] = []
    for name, row_class in ROW_CLASSES.items():
        specs = column_specs(name)
        lists = [column.name for column in specs if column.kind == "list" and not column.nullable]
        for cells in _rows(connection, dataset, name, disk):
            # A row of an earlier version lacks columns that have come since.
            empty: dict[str, list[str]] = {column: [] for column in lists if cells.get(column) is None}
            rows.append(renumbered(row_class(**_told(_checked(cells | empty, specs), sentences)), on_disk))
    sources = [_source(cells) for cells in _rows(connection, dataset, "source", disk)]
    findings = [from_json(json.loads(cells["json"])) for cells in _rows(connection, dataset, "finding", disk)]
    findings += _across(connection, disk)
    [(path, version, moment)] = known
    evidence = EvidenceFiles([path, dataset.path])
    as_of = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)
    return Case(rows, sources, as_of, findings, version, evidence)


def _told(cells: dict[str, Any], sentences: Mapping[str, Sentence]) -> dict[str, Any]:
    """Return cells with texts that can be told in another language in place of what they are in English."""
    return {name: sentences.get(cell, cell) if type(cell) is str else cell for name, cell in cells.items()}


def _across(connection: duckdb.DuckDBPyConnection, disk: str) -> list[Finding]:
    """Return what rules across machines found of the machines of a disk; what it rests on is of others too."""
    query = (
        "SELECT json FROM across.finding WHERE machine_id IN (SELECT machine_id FROM main.machine WHERE disk = ?) "
        "ORDER BY finding"
    )
    found = [from_json(json.loads(told)) for (told,) in connection.execute(query, [disk]).fetchall()]
    return [replace(finding, machine_id=on_disk(finding.machine_id), evidence=()) for finding in found]


def _rows(connection: duckdb.DuckDBPyConnection, dataset: Dataset, table: str, disk: str) -> list[dict[str, Any]]:
    """Return the rows of a disk in their order, read from its own part or from the file of many that has it."""
    files = _files(dataset, table, disk)
    if not files:
        return []
    stored = [column.name for column in columns_of(table)[2:]]
    # Where a table has a column of its own that is called disk, the key of the disk took its name.
    own = [column.name for column in column_specs(table)] if table in ROW_CLASSES else stored
    query = f"SELECT * FROM {read_parquet(files)} WHERE disk = ? ORDER BY row_number"
    found = connection.sql(query, params=[disk]).to_arrow_table().to_pylist()
    return [{name: row[column] for name, column in zip(own, stored, strict=True) if column in row} for row in found]


def _files(dataset: Dataset, table: str, disk: str) -> list[Path]:
    part = dataset.part(table, disk)
    folded = sorted(part.parent.glob(f"{FOLDED}*.parquet"))
    holding = [path for path in folded if disk in keys_of(path)]
    # It was folded into each of these; the rows are the same.
    return holding[:1] or ([part] if part.exists() else [])


def _source(cells: dict[str, Any]) -> SourceEntry:
    numbers = cells.get("machine_ids") or ()
    told = _checked(cells | {"machine_ids": list(numbers)}, SOURCE)
    return SourceEntry(**(told | {"machine_ids": [on_disk(int(number)) for number in numbers]}))


_KINDS: Mapping[str, type] = {"text": str, "integer": int, "boolean": bool, "datetime": datetime, "list": list}


def _checked(cells: dict[str, Any], specs: Sequence[ColumnSpec]) -> dict[str, Any]:
    """Return a row of which every cell is what its column holds, as one that keymortem wrote is.

    Raises:
        ValueError: One is not, in a dataset that somebody else wrote.
    """
    for spec in specs:
        cell = cells.get(spec.name)
        if cell is None:
            if spec.name in cells and not spec.nullable:
                raise ValueError(f"column {spec.name}: a value is missing")
            continue
        items = cell if type(cell) is list else [cell]
        is_text = spec.kind == "list" and all(type(item) is str for item in items)
        if type(cell) is not _KINDS[spec.kind] or not (is_text or spec.kind != "list"):
            raise ValueError(f"column {spec.name}: a value of another kind")
        if spec.possible_values and any(item not in spec.possible_values for item in items):
            raise ValueError(f"column {spec.name}: none of its words")
        if isinstance(cell, datetime) and cell.tzinfo is None:
            raise ValueError(f"column {spec.name}: a time of no zone")
    return cells
