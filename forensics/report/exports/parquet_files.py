"""One Parquet file a table, typed, for DuckDB, pandas or a fleet's collection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from forensics.case_tables import CaseTables
from forensics.report.exports.flat import FlatTable, flat_tables

if TYPE_CHECKING:
    import pyarrow as pa


def write_parquet(case: CaseTables, folder: Path) -> list[Path]:
    """Write ``TABLE.parquet`` for every table; lists are lists of strings, times are microseconds in UTC.

    Args:
        case: The case.
        folder: Where the files go; made when it is not there.

    Returns:
        The files.

    Raises:
        ModuleNotFoundError: pyarrow is not installed (``pip install 'keymortem[fleet]'``).
        OSError: A file cannot be written.
    """
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for table in flat_tables(case):
        path = folder / f"{table.name}.parquet"
        pq.write_table(_arrow(table), path, compression="zstd")
        written.append(path)
    return written


def _arrow(table: FlatTable) -> pa.Table:
    import pyarrow as pa

    types = {
        "text": pa.string(),
        "integer": pa.int64(),
        "boolean": pa.bool_(),
        "datetime": pa.timestamp("us", tz="UTC"),
        "list": pa.list_(pa.string()),
    }
    schema = pa.schema([pa.field(c.name, types[c.kind], metadata={"doc": c.meaning}) for c in table.columns])
    columns = list(zip(*table.rows, strict=True)) if table.rows else [()] * len(table.columns)
    clean = [
        [_utf8(value) for value in column] if spec.kind in ("text", "list") else column
        for spec, column in zip(table.columns, columns, strict=True)
    ]
    return pa.Table.from_arrays(
        [pa.array(column, type=field.type) for column, field in zip(clean, schema, strict=True)], schema=schema
    )


def _utf8(value: object) -> object:
    """Names on a disk may be broken UTF-16, which no UTF-8 column can hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return [_utf8(item) for item in value] if isinstance(value, list) else value
