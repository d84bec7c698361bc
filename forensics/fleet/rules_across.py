"""Asks the rules that look at several machines, of all disks together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forensics.fleet.dataset import Dataset
from forensics.fleet.options import FleetOptions
from forensics.tables.finding import Finding
from forensics.tables.record import ProblemRow

if TYPE_CHECKING:
    import duckdb


def ask_across(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, options: FleetOptions
) -> tuple[list[Finding], list[ProblemRow]]:
    """Return what the rules across machines find, and those that were stopped."""
    return [], []
