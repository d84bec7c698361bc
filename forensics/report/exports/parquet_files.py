"""One Parquet file a table, typed, for DuckDB, pandas or a fleet's collection."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from forensics.case_tables import CaseTables
from forensics.report.exports.arrow import arrow_table
from forensics.report.exports.flat import flat_tables


def write_parquet(case: CaseTables, file_of: Callable[[str], Path]) -> None:
    """Write ``TABLE.parquet`` for every table; lists are lists of strings, times are microseconds in UTC.

    Args:
        case: The case.
        file_of: Gives the path for the file of a name, as :func:`forensics.outputs.new_files` does.

    Raises:
        ModuleNotFoundError: pyarrow is not installed (``pip install 'keymortem[fleet]'``).
        OSError: A file cannot be written.
    """
    import pyarrow.parquet as pq

    for table in flat_tables(case):
        path = file_of(f"{table.name}.parquet")
        pq.write_table(arrow_table(table.columns, table.rows), path, compression="zstd")
