"""What a fleet's dataset holds, for DuckDB: of each input the row that was written last, and what belongs to that.

Table disk has a column ``same_as`` besides: the path of the input of which it is a copy in all that was read, in
whatever container. A copy has no rows in the other tables but in table source: a machine counts once.

A disk whose row in table disk is not there yet does not count, nor does an input's earlier state. A file of many disks
takes the place of those that it was folded from, also where they are still there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.fleet.dataset import FOLDED, KEYS, PER_DISK, REPLACES, Dataset, DatasetChangedError, DatasetError
from forensics.fleet.disk_record import DISK, STATES
from forensics.fleet.part import columns_of
from forensics.language import sentence
from forensics.tables.registry import ColumnSpec

if TYPE_CHECKING:
    import duckdb

_WORD = re.compile(r"[\w-]+(\.parquet)?", re.ASCII)

_STRANGE = (
    "FROM main.disk WHERE NOT coalesce(regexp_full_match(disk, '[0-9a-f]{32}'), false) OR path IS NULL "
    f"OR NOT coalesce(list_contains({list(STATES)}, state), false) OR as_of IS NULL LIMIT 1"
)
_TYPES = {"text": "VARCHAR", "integer": "BIGINT", "boolean": "BOOLEAN", "datetime": "TIMESTAMPTZ", "list": "VARCHAR[]"}


def connect(
    dataset: Dataset, memory: str = "256MB", tables: Iterable[str] = PER_DISK, place: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """Open a database in memory that has every table of a dataset as a view, of what counts alone.

    Args:
        dataset: What is read; the views are of the files that are there now.
        memory: How much DuckDB may take before it goes on in a temporary file.
        tables: The tables that are wanted besides table disk: to look at the files of all takes its time.
        place: A file that is not there yet, to hold what is put into the database; in memory, if not given.

    Raises:
        DatasetError: It holds what keymortem does not write, or was written meanwhile.
    """
    import duckdb

    connection = duckdb.connect(place or ":memory:", config={"memory_limit": memory})
    connection.execute("SET TimeZone = 'UTC'")
    try:
        with reading(dataset):
            _add_tables(connection, dataset, tables)
    except BaseException:
        connection.close()
        raise
    return connection


_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)


@contextmanager
def reading(dataset: Dataset) -> Iterator[None]:
    """Let what a dataset should not hold end its reading with a sentence: others may have written it.

    Raises:
        DatasetError: A file is damaged or not as keymortem writes it, or is gone that was there before.
    """
    import duckdb
    import pyarrow as pa

    try:
        yield
    except (duckdb.OutOfMemoryException, UnicodeEncodeError, UnknownDiskError):
        raise
    except (duckdb.IOException, FileNotFoundError) as error:
        raise DatasetChangedError(
            sentence(
                "{dataset} was written while it was read; open it again when no run is going on",
                dataset=str(dataset.path),
            )
        ) from error
    except (duckdb.Error, pa.ArrowException, *_UNREADABLE) as error:
        raise DatasetError(
            sentence(
                "{dataset} is damaged, or not as keymortem fleet run writes it ({error})",
                dataset=str(dataset.path),
                error=type(error).__name__,
            )
        ) from error


class UnknownDiskError(KeyError):
    """A fleet has no such disk, or several; the message is for the user."""

    def __str__(self) -> str:
        return str(self.args[0])


def _add_tables(connection: duckdb.DuckDBPyConnection, dataset: Dataset, tables: Iterable[str]) -> None:
    last = "QUALIFY row_number() OVER (PARTITION BY path ORDER BY attempt DESC, written DESC, disk) = 1"
    rows = f"{select(effective_files(dataset, 'disk'), DISK)} {last}"
    first = "first_value(path) OVER (PARTITION BY content ORDER BY path)"
    # A table, for it is joined with each of the others.
    connection.execute(
        f"CREATE TABLE disk AS SELECT *, CASE WHEN content IS NOT NULL AND {first} != path THEN {first} END AS same_as "
        f"FROM ({rows})"
    )
    # Files are found, and pages named, by these keys.
    if connection.execute(_STRANGE).fetchone() is not None:
        raise DatasetError(
            sentence(
                "{dataset} is not as keymortem fleet run writes it: a row of table disk has no key, path, date or "
                "known state",
                dataset=str(dataset.path),
            )
        )
    for table in tables:
        rows = select(effective_files(dataset, table), columns_of(table))
        counting = "" if table == "source" else " WHERE same_as IS NULL"
        connection.execute(f'CREATE VIEW "{table}" AS {rows} WHERE disk IN (SELECT disk FROM main.disk{counting})')


def effective_files(dataset: Dataset, table: str) -> list[Path]:
    """Return the files of a table that hold each row that counts once."""
    files = list(dataset.files(table))
    folded = {path: _told(path) for path in files if path.name.startswith(FOLDED)}
    replaced = {path.with_name(name) for path, (_, names) in folded.items() for name in names}
    covered = {key for path, (keys, _) in folded.items() if path not in replaced for key in keys}
    return [path for path in files if path not in replaced and (path in folded or path.stem not in covered)]


def keys_of(folded: Path) -> set[str]:
    """Return the keys of the disks of which a file of many disks has the rows."""
    return _told(folded)[0]


def _told(folded: Path) -> tuple[set[str], set[str]]:
    """Return what a file of many disks says of itself: their keys, and the names of files in whose place it comes."""
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(folded).metadata or {}
    keys, replaced = (json.loads(metadata.get(name, b"[]")) for name in (KEYS, REPLACES))
    return {_word(key) for key in keys}, {_word(name) for name in replaced}


def _word(told: object) -> str:
    if not isinstance(told, str) or _WORD.fullmatch(told) is None:
        raise ValueError("no key, and no name of a file")
    return told


def select(files: Sequence[Path], columns: Sequence[ColumnSpec]) -> str:
    """Return the SQL of the rows of files, with columns of these names and types and no others.

    Args:
        files: Parquet files; a column that one lacks is null in it.
        columns: The columns.
    """
    # The rows of earlier versions lack columns, which the other side has.
    typed = ", ".join(f'CAST(NULL AS {_TYPES[c.kind]}) AS "{c.name}"' for c in columns)
    empty = f"SELECT {typed} WHERE false"
    if not files:
        return f"SELECT * FROM ({empty})"
    names = ", ".join(f'CAST("{c.name}" AS {_TYPES[c.kind]}) AS "{c.name}"' for c in columns)
    return f"SELECT {names} FROM ({empty} UNION ALL BY NAME SELECT * FROM {read_parquet(files)})"


def read_parquet(files: Iterable[Path]) -> str:
    """Return the SQL of the rows of files."""
    listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)
    return f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"
