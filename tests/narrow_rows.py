"""Rows with a few of their columns only, as a fleet has them from a projection of its tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from forensics.tables.narrow import narrow_rows
from forensics.tables.row import Row


def narrow(rows: Iterable[Row], reads: Mapping[str, Sequence[str]]) -> list[Row]:
    """Return the rows of the tables that are read, with no more than the columns that are."""
    found: list[Row] = []
    for row in rows:
        if row.table in reads:
            columns = ("machine_id", *reads[row.table])
            found += narrow_rows(row.table, columns, [[getattr(row, column) for column in columns]])
    return found
