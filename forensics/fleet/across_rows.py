"""What spans machines, which each run of a fleet writes anew: tables in schema ``across`` of the database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from forensics.fleet.dataset import Dataset
from forensics.fleet.part import FINDING
from forensics.fleet.stored import select
from forensics.tables.registry import ColumnSpec, column_specs

if TYPE_CHECKING:
    import duckdb

ACROSS: dict[str, tuple[ColumnSpec, ...]] = {
    "shared_identity": column_specs("shared_identity"),
    "shared_key": column_specs("shared_key"),
    "efs_agent": column_specs("efs_agent"),
    "finding": FINDING,
    "problem": column_specs("problem"),
}
"""Their columns."""


def add_across(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    """Add the tables that span machines as views; one that was not written yet is empty.

    Args:
        connection: Of the dataset.
        dataset: Where it is.
    """
    connection.execute("CREATE SCHEMA across")
    for name, columns in ACROSS.items():
        rows = select([dataset.across(name)] if was_asked(dataset, name) else [], columns)
        connection.execute(f'CREATE VIEW across."{name}" AS {rows}')


def was_asked(dataset: Dataset, name: str) -> bool:
    """Tell whether a run wrote a table that spans machines; it does even where it has no rows."""
    place: Path = dataset.across(name)
    return place.is_file()
