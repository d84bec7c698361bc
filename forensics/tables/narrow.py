"""Rows of which only some columns are known: what a fleet takes from its tables for one question about all machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import MISSING, fields
from typing import Any

from forensics.tables.registry import ROW_CLASSES
from forensics.tables.row import Row


def narrow_rows(table: str, columns: Sequence[str], values: Iterable[Sequence[Any]]) -> Iterator[Row]:
    """Make rows whose other columns have their defaults; one without default is None.

    Args:
        table: Name of the table.
        columns: Names of the columns that are known.
        values: Their values of each row, as the row's class types them: times with their zone, lists as lists.

    Raises:
        KeyError: There is no such table.
        TypeError: It has no such column.
    """
    row_class = ROW_CLASSES[table]
    needed = [f.name for f in fields(row_class) if f.default is MISSING and f.default_factory is MISSING]
    unknown: dict[str, Any] = dict.fromkeys(name for name in needed if name not in columns)
    for row in values:
        yield row_class(**unknown, **dict(zip(columns, row, strict=True)))
