"""The case file: one SQLite table per row class, readable by any SQLite tool.

Lists are JSON, times UTC text (``YYYY-MM-DDTHH:MM:SS[.ffffff]Z``), booleans 0 and 1. Table ``columns`` documents
every column, ``source`` what was examined, ``meta`` the tool and the date the verdicts are for, ``finding`` one JSON
object a row, as in the JSON document, ``sentence`` of what texts in rows were made, so that they can be told in another
language. ``PRAGMA user_version`` is the format.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO

from forensics.language import Sentence
from forensics.late_methods import dataclass
from forensics.tables.finding import Finding
from forensics.tables.finding_json import as_json
from forensics.tables.registry import ROW_CLASSES, ColumnSpec, Kind, column_specs
from forensics.tables.row import Row
from forensics.tables.sentences import sentences_to_json
from forensics.tables.source import SourceEntry
from forensics.tables.timestamps import format_utc

FORMAT = 9
APPLICATION_ID = 0x4B45594D  # "KEYM", so that a case file is told from any other SQLite file
_MAGIC = b"SQLite format 3\0"
HEADER_SIZE = 72
_AT_ONCE = 1 << 20
ROWS_AT_ONCE = 1000
"""Work: rows that are made values of SQLite together."""
_SQL_TYPES: dict[Kind, str] = {
    "text": "TEXT",
    "integer": "INTEGER",
    "boolean": "INTEGER",
    "datetime": "TEXT",
    "list": "TEXT",
}
SOURCE_COLUMNS = {
    "path": "path TEXT",
    "kind": "kind TEXT",
    "machine_ids": "machine_ids TEXT",
    "error": "error TEXT",
    "size": "size INTEGER",
    "sha256": "sha256 TEXT",
    "found_in": "found_in TEXT",
    "older_state_of": "older_state_of TEXT",
    "same_as": "same_as TEXT",
    "mixed": "mixed TEXT",
    "reader": "reader TEXT",
    "bundle": "bundle TEXT",
    "backup_of": "backup_of TEXT",
    "examined_with": "examined_with TEXT",
    "examined_for": "examined_for TEXT",
}


class CaseFileError(Exception):
    """The case file cannot be read or written; the message is for the user."""


@dataclass(slots=True)
class CaseContent:
    """What a case file holds.

    Attributes:
        tool_version: Version that wrote it.
        as_of: The date its verdicts are for, UTC.
        sources: What was examined.
        tables: Rows by table name.
        findings: What the rules found.
        sentences: Of what texts in the rows were made.
    """

    tool_version: str
    as_of: datetime
    sources: list[SourceEntry]
    tables: dict[str, list[Row]]
    findings: list[Finding]
    sentences: Mapping[str, Sentence]


def is_case_header(data: bytes) -> bool:
    """Tell whether a file that begins with these :data:`HEADER_SIZE` bytes is a case file: SQLite's, with our number."""
    return data.startswith(_MAGIC) and data[68:HEADER_SIZE] == APPLICATION_ID.to_bytes(4, "big")


def write_case_file(path: Path, content: CaseContent) -> None:
    """Write a case file into a file of any name, or of none: SQLite itself takes names only, and makes others of them.

    It is made in the temporary folder, where its name is gone as soon as it is open, and its bytes are then taken over.
    In memory (``Connection.serialize``) no case of two gigabytes could be made, and none of half of it cheaply.

    Args:
        path: The file, as :func:`forensics.outputs.new_file` gives it.
        content: What it holds.

    Raises:
        OSError: It cannot be written.
        sqlite3.Error: It cannot be made.
    """
    import shutil

    with _nameless_database() as (database, made):
        try:
            _write(database, content)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                raise
            from tempfile import gettempdir

            full = f"no space left in the temporary folder {gettempdir()}"
            raise sqlite3.OperationalError(full) from error
        with path.open("wb") as file:
            shutil.copyfileobj(made, file, _AT_ONCE)


@contextmanager
def _nameless_database() -> Iterator[tuple[sqlite3.Connection, BinaryIO]]:
    """Give an empty database, and the file that it is in once it is committed; both vanish."""
    from tempfile import TemporaryDirectory

    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="keymortem-"))
        path = Path(folder) / "case.sqlite"
        database = stack.enter_context(closing(sqlite3.connect(path)))
        # Nobody reads it before it is whole: no journal, of which there would be files, and nothing to wait for.
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.execute(f"PRAGMA user_version = {FORMAT}")
        made = stack.enter_context(path.open("rb"))
        if os.name == "posix":  # elsewhere what is open keeps its name
            path.unlink()
            Path(folder).rmdir()
        yield database, made


def _write(database: sqlite3.Connection, content: CaseContent) -> None:
    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    database.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT)")
    database.execute(f"CREATE TABLE source ({', '.join(SOURCE_COLUMNS.values())})")
    database.execute("CREATE TABLE finding (json TEXT)")
    database.execute("CREATE TABLE sentence (json TEXT)")
    database.execute('CREATE TABLE "columns" ("table" TEXT, "column" TEXT, type TEXT, doc TEXT)')
    meta = {"tool": "keymortem", "version": content.tool_version, "as_of": format_utc(content.as_of, fraction=True)}
    database.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
    marks = ", ".join("?" for _ in SOURCE_COLUMNS)
    database.executemany(f"INSERT INTO source VALUES ({marks})", map(_source_cells, content.sources))
    database.executemany("INSERT INTO finding VALUES (?)", [(json.dumps(as_json(f)),) for f in content.findings])
    told = ((each,) for each in sentences_to_json(content.sentences.values()))
    database.executemany("INSERT INTO sentence VALUES (?)", told)
    for name, row_class in ROW_CLASSES.items():
        _write_table(database, row_class, content.tables.get(name, []))
    database.commit()


def _write_table(database: sqlite3.Connection, row_class: type[Row], rows: Sequence[Row]) -> None:
    specs = column_specs(row_class.table)
    lines = [f'  "{s.name}" {sql_type(s)}{"," if s is not specs[-1] else ""} -- {s.meaning}' for s in specs]
    database.execute(f'CREATE TABLE "{row_class.table}" ( -- {row_class.description}\n' + "\n".join(lines) + "\n)")
    database.executemany(
        'INSERT INTO "columns" VALUES (?, ?, ?, ?)', [(row_class.table, s.name, s.kind, s.meaning) for s in specs]
    )
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[start : start + ROWS_AT_ONCE]
        columns = quick_columns(some, specs)
        try:
            database.executemany(insertion(row_class.table, columns), zip(*columns.values(), strict=True))
        except (UnicodeError, OverflowError):
            database.execute(f'DELETE FROM "{row_class.table}" WHERE rowid > ?', [start])
            database.executemany(insertion(row_class.table, [s.name for s in specs]), row_values(some, specs))


def insertion(table: str, columns: Collection[str]) -> str:
    """Return the statement that inserts a row, of which some columns are given."""
    names, marks = ", ".join(f'"{c}"' for c in columns), ", ".join("?" for _ in columns)
    return f'INSERT INTO "{table}" ({names}) VALUES ({marks})'


def sql_type(spec: ColumnSpec) -> str:
    """Return the type a column is declared with."""
    return _SQL_TYPES[spec.kind]


def row_values(rows: Iterable[Row], specs: Sequence[ColumnSpec]) -> Iterator[list[str | int | None]]:
    """Yield the values of rows as SQLite stores them."""
    return ([_cell(getattr(row, s.name), s) for s in specs] for row in rows)


def quick_columns(rows: Sequence[Row], specs: Sequence[ColumnSpec]) -> dict[str, Iterable[Any]]:
    """Return the columns of rows in which anything stands, by name, with what :func:`row_values` gives of each cell.

    It is several times faster, for rows that need no more than times and lists made text: text with lone surrogates
    and integers of 64 bits pass as they are, and SQLite then refuses them.
    """
    found: dict[str, Iterable[Any]] = {}
    for spec, cells in zip(specs, zip(*map(attrgetter(*(s.name for s in specs)), rows), strict=True), strict=True):
        # Most columns of most tables are empty, and None is slow to hand over.
        if cells[0] is not None or cells.count(None) < len(cells):
            found[spec.name] = _AS_TEXT[spec.kind](cells) if spec.kind in _AS_TEXT else cells
    return found


def _lists(cells: Iterable[Any]) -> Iterator[str | None]:
    return (cell if cell is None else json.dumps(cell) if cell else "[]" for cell in cells)


def _times(cells: Iterable[Any]) -> Iterator[str | None]:
    before, text = None, None
    for cell in cells:
        # All rows of one file bear the time of that file.
        if cell is not before:
            before, text = cell, None if cell is None else _utc(cell)
        yield text


_AS_TEXT: dict[Kind, Callable[[Iterable[Any]], Iterator[str | None]]] = {"list": _lists, "datetime": _times}


def _utc(value: datetime) -> str:
    # What format_utc gives, for nearly all times.
    return value.isoformat()[:-6] + "Z" if value.tzinfo is UTC else format_utc(value, fraction=True)


def _storable(text: str) -> str:
    # SQLite takes UTF-8 only; NTFS names may hold lone surrogates, which then read as \udXXX.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _cell(value: Any, spec: ColumnSpec) -> str | int | None:
    if value is None:
        return None
    if spec.kind == "list":
        return json.dumps(value)
    if spec.kind == "datetime":
        return format_utc(value, fraction=True)
    if spec.kind == "text":
        return _storable(str(value))
    number = int(value)
    # SQLite integers have 63 bits; a hostile REG_QWORD may have 64, and as decimal text would become a float.
    return number if -(1 << 63) <= number < 1 << 63 else hex(number)


def _source_cells(entry: SourceEntry) -> list[str | int | None]:
    cells = [getattr(entry, name) for name in SOURCE_COLUMNS]
    return [
        json.dumps(cell) if isinstance(cell, list) else _storable(cell) if isinstance(cell, str) else cell
        for cell in cells
    ]
