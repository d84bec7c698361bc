"""One Parquet file a table, typed, for DuckDB, pandas or a fleet's collection."""

from __future__ import annotations

from pathlib import Path

from forensics.case_tables import CaseTables
from forensics.report.exports.arrow import arrow_table
from forensics.report.exports.flat import flat_tables


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
        pq.write_table(arrow_table(table.columns, table.rows), path, compression="zstd")
        written.append(path)
    return written
