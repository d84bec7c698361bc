"""A small fleet made of the cases of test disks and of cases made by hand, without running one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from forensics.case import Case
from forensics.fleet.across_rows import ACROSS
from forensics.fleet.dataset import Dataset
from forensics.fleet.disk_record import DiskRecord, InputIdentity
from forensics.fleet.part import write_part
from forensics.report.exports.arrow import arrow_table

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)


def record(path: str, case: Case | None = None, **values: Any) -> DiskRecord:
    """Return the row of an input."""
    identity = InputIdentity(path=path, size=1, modified=AS_OF, head_sha256="0" * 64)
    machines = len(case.present.rows("machine")) if case else 0
    known: dict[str, Any] = {
        "kind": "vhdx",
        "state": "examined",
        "as_of": AS_OF,
        "written": AS_OF,
        "machines": machines,
    }
    return DiskRecord(identity=identity, **(known | values))


def add(dataset: Dataset, path: str, case: Case | None = None, **values: Any) -> str:
    """Write the part of an input, and return its key."""
    row = record(path, case, **values)
    write_part(dataset, row, case)
    return row.disk


def add_across(dataset: Dataset, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """Write a table that spans machines, as a run does; columns that are not given are null."""
    import pyarrow.parquet as pq

    place = dataset.across(table)
    place.parent.mkdir(exist_ok=True)
    columns = ACROSS[table]
    cells = [[row.get(c.name, [] if c.kind == "list" else None) for c in columns] for row in rows]
    pq.write_table(arrow_table(columns, cells), place)


def made(folder: Path) -> Dataset:
    """Return an empty dataset."""
    return Dataset.create(folder, AS_OF)
