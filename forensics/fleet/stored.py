"""What a fleet's dataset holds, for DuckDB: of each input the row that was written last, and what belongs to that.

A disk whose row in table disk is not there yet does not count, nor does an input's earlier state. A file of many disks
takes the place of those that it was folded from, also where they are still there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.fleet.dataset import PER_DISK, Dataset
from forensics.fleet.disk_record import DISK
from forensics.fleet.part import FINDING, OF_DISK
from forensics.report.exports.flat import SOURCE
from forensics.tables.registry import ColumnSpec, column_specs

if TYPE_CHECKING:
    import duckdb

FOLDED = "folded-"
"""How the names of files begin that hold the rows of many disks."""
KEYS = b"disks"
"""Where in the metadata of such a file the keys of these disks stand, as a list in JSON."""
_TYPES = {"text": "VARCHAR", "integer": "BIGINT", "boolean": "BOOLEAN", "datetime": "TIMESTAMPTZ", "list": "VARCHAR[]"}
_OTHERS = {"disk": DISK, "source": (OF_DISK, *SOURCE), "finding": (OF_DISK, *FINDING)}


def columns_of(table: str) -> tuple[ColumnSpec, ...]:
    """Return the columns of a table of a dataset; none for a table that is not in it."""
    return _OTHERS.get(table) or ((OF_DISK, *column_specs(table)) if table in PER_DISK else ())


def connect(dataset: Dataset, memory: str = "256MB") -> duckdb.DuckDBPyConnection:
    """Open a database in memory that has every table of a dataset as a view, of what counts alone.

    Args:
        dataset: What is read; the views are of the files that are there now.
        memory: How much DuckDB may take before it goes on in a temporary file.
    """
    import duckdb

    connection = duckdb.connect(config={"memory_limit": memory})
    connection.execute("SET TimeZone = 'UTC'")
    last = "QUALIFY row_number() OVER (PARTITION BY path ORDER BY written DESC, disk) = 1"
    # A table, for it is joined with each of the others.
    connection.execute(f"CREATE TABLE disk AS {_select(effective_files(dataset, 'disk'), DISK)} {last}")
    for table in PER_DISK:
        rows = _select(effective_files(dataset, table), columns_of(table))
        connection.execute(f'CREATE VIEW "{table}" AS {rows} WHERE disk IN (SELECT disk FROM main.disk)')
    return connection


def effective_files(dataset: Dataset, table: str) -> list[Path]:
    """Return the files of a table that hold each row once."""
    files = list(dataset.files(table))
    folded = {path: keys_of(path) for path in files if path.name.startswith(FOLDED)}
    covered: set[str] = set()
    kept: list[Path] = []
    # Who was folded into another one, and is still there, has fewer.
    for path in sorted(folded, key=lambda each: len(folded[each]), reverse=True):
        if not folded[path] <= covered:
            kept.append(path)
            covered |= folded[path]
    return kept + [path for path in files if path not in folded and path.stem not in covered]


def keys_of(folded: Path) -> set[str]:
    """Return the keys of the disks of which a file of many disks has the rows."""
    import pyarrow.parquet as pq

    return set(json.loads((pq.read_metadata(folded).metadata or {})[KEYS]))


def _select(files: Sequence[Path], columns: Sequence[ColumnSpec]) -> str:
    # The rows of earlier versions lack columns, which the other side has.
    typed = ", ".join(f'CAST(NULL AS {_TYPES[c.kind]}) AS "{c.name}"' for c in columns)
    empty = f"SELECT {typed} WHERE false"
    if not files:
        return f"SELECT * FROM ({empty})"
    names = ", ".join(f'"{c.name}"' for c in columns)
    return f"SELECT {names} FROM ({empty} UNION ALL BY NAME SELECT * FROM {read_parquet(files)})"


def read_parquet(files: Iterable[Path]) -> str:
    """Return the SQL of the rows of files."""
    listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)
    return f"read_parquet([{listed}], union_by_name = true)"
