"""Tables that are made over all machines: for the rules they stand in place of what each disk says by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forensics.fleet.dataset import Dataset
from forensics.fleet.stored import select
from forensics.tables.registry import ROW_CLASSES, column_specs

if TYPE_CHECKING:
    import duckdb

SPANNING = tuple(name for name, row_class in ROW_CLASSES.items() if row_class.spans_machines)
"""Their names."""


def add_view(connection: duckdb.DuckDBPyConnection, dataset: Dataset, table: str) -> None:
    """Make the view of one of them, with what is written of it now."""
    files = [place for place in (dataset.across(table),) if place.exists()]
    connection.execute(f'CREATE OR REPLACE VIEW "{table}" AS {select(files, column_specs(table))}')


def add_views(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    """Make the views of all."""
    for table in SPANNING:
        add_view(connection, dataset, table)
