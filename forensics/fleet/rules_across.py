"""Asks the rules that look at several machines, of all disks together, in a database of DuckDB on disk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

from forensics.engine.compiler import Query
from forensics.engine.duckdb_functions import add_examination, add_functions, add_table
from forensics.engine.duckdb_run import DuckTables, Interruptible, run_on_duckdb
from forensics.engine.loader import load_packs
from forensics.engine.rule import Packs
from forensics.engine.run import RunResult
from forensics.fleet.across_views import SPANNING, add_views
from forensics.fleet.dataset import Dataset
from forensics.fleet.part import OF_DISK, own_columns
from forensics.fleet.stored import connect
from forensics.tables.registry import ROW_CLASSES

if TYPE_CHECKING:
    import duckdb

_MEMORY = "256MB"
_WORD = re.compile(r"[a-z_][a-z0-9_]*")
_NEEDED = frozenset({"machine"})


def ask_across(dataset: Dataset, folders: tuple[str, ...]) -> RunResult:
    """Return what the rules across machines find in all disks that count, and which could not be asked.

    Args:
        dataset: Where the disks are; what spans machines is there already.
        folders: Of rule packs beside the built-in ones.

    Raises:
        OSError: There is no room for the database.
    """
    packs = load_packs([Path(folder) for folder in folders]).across_machines
    if not packs.rules:
        return RunResult()
    with _evidence(dataset, packs) as connection:
        return run_on_duckdb(DuckTables(cast(Interruptible, connection), memory=_MEMORY), packs, dataset.as_of)


@lru_cache(maxsize=4)
def rules_across(folders: tuple[str, ...]) -> frozenset[str]:
    """Return the ids of the rules that are asked of all disks together, and not of each."""
    packs = load_packs([Path(folder) for folder in folders]).across_machines
    return frozenset(rule.id for rule in packs.rules)


@contextmanager
def _evidence(dataset: Dataset, packs: Packs) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a database with the rows of the tables that rules name, in an order that is always the same."""
    words = {word for rule in packs.rules for word in _WORD.findall(Query(rule).matches())}
    wanted = [table for table in ROW_CLASSES if table in words | _NEEDED]
    dataset.work.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=dataset.work) as folder:
        place = Path(folder) / "evidence.duckdb"
        with connect(dataset, tables=wanted, memory=_MEMORY, place=place) as connection:
            add_views(connection, dataset)
            connection.execute("CREATE SCHEMA evidence")
            connection.execute("SET schema = 'evidence'")
            add_functions(connection)
            for table in ROW_CLASSES:
                add_table(connection, table, _source(table) if table in wanted else None)
            add_examination(connection, dataset.as_of)
            yield connection


def _source(table: str) -> str:
    own = f"{table}_{OF_DISK.name}"
    is_renamed = table not in SPANNING and any(spec.name == own for spec in own_columns(table))
    columns = f"* REPLACE ({own} AS {OF_DISK.name})" if is_renamed else "*"
    return f'(SELECT {columns} FROM main."{table}" ORDER BY ALL)'
