"""Reads a case file, which may come from a stranger: its tables as this version writes them, and nothing else.

Nothing in it is run and it is never written. A view, a trigger, a generated column or a virtual table would have SQLite
compute what the stranger wrote, so a file with any is refused. What a journal beside it holds is not applied: SQLite
would write the file for that, and a journal of a stranger may hold anything.

A contained child looks through it first: the schema, the pages, every cell. What would crash SQLite, or have it compute
for ever where it looks at no clock, ends that child. It asks of the greatest cell of each column, for which SQLite takes
every row apart as it does when this process reads it afterwards, but makes no object of any cell. Rows are then read here
and not sent, which would take as long.

References:
    https://www.sqlite.org/security.html, https://www.sqlite.org/fileformat2.html, https://www.sqlite.org/lockingv3.html
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from forensics.contained.bounds import Bounds
from forensics.contained.child import Child, is_possible, records_of
from forensics.contained.failure import ContainedFailure
from forensics.contained.frames import Sender
from forensics.contained.task import Task
from forensics.language import Sentence, sentence
from forensics.tables.case_cells import integer, items, rows_of, text
from forensics.tables.database import (
    FORMAT,
    HEADER_SIZE,
    SOURCE_COLUMNS,
    CaseContent,
    CaseFileError,
    is_case_header,
    sql_type,
)
from forensics.tables.finding_json import from_json
from forensics.tables.registry import ROW_CLASSES, by_table, column_specs
from forensics.tables.row import Row
from forensics.tables.sanitise import sanitise
from forensics.tables.sentences import sentences_from_json
from forensics.tables.source import SourceEntry
from forensics.tables.timestamps import parse_utc

MAX_CASE_SIZE = 4 << 30
"""Format: bytes of a case file."""
MAX_CELL = 64 << 20
"""Format: bytes of one value of a case file, and of one row."""
SECONDS_TO_READ = 300.0
"""Format: seconds that SQLite may compute to read one case file."""

_BOUNDS = Bounds(memory=1 << 30, processor=int(SECONDS_TO_READ) + 10, seconds=3600, answer=1 << 16)
"""What the child that looks through a case file may take."""
_STEPS = 100_000
_ROWS_AT_ONCE = 1000
_MOST_OBJECTS = 1000
"""Format: tables and other objects of a case file; it has some fifty."""
_LONGEST = 200
"""Display: characters of what SQLite says of a damaged case file."""
_DEFENSIVE = getattr(sqlite3, "SQLITE_DBCONFIG_DEFENSIVE", None)  # since Python 3.12
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: MAX_CELL,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 1 << 20,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 20,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 50_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 500,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
Schema = dict[str, list[tuple[str, str]]]
"""Name and type of the columns of every table."""
_SOURCES = f"SELECT {', '.join(SOURCE_COLUMNS)} FROM source ORDER BY rowid"
_FINDINGS = "SELECT json FROM finding ORDER BY rowid"
_SENTENCES = "SELECT json FROM sentence ORDER BY rowid"
_AGAIN = "examine the source again"


def _begins_as_one(path: Path) -> bool:
    if not path.is_file():  # opening a FIFO would wait for ever
        return False
    try:
        with path.open("rb") as stream:
            return is_case_header(stream.read(HEADER_SIZE))
    except OSError:
        return False


def read_case_file(path: Path) -> CaseContent:
    """Read a case file.

    Raises:
        CaseFileError: Not a case file, one of another format, one that holds what keymortem never writes, or damaged.
    """
    try:
        if not path.exists():
            raise CaseFileError(
                sentence("{path} does not exist; write one with keymortem examine SOURCE --case {path}", path=str(path))
            )
        if not _begins_as_one(path):
            raise CaseFileError(
                sentence("{path} is no keymortem case file; examine it as a source instead", path=str(path))
            )
        if (size := path.stat().st_size) > MAX_CASE_SIZE:
            raise CaseFileError(
                sentence(
                    "{path} has {size} bytes; case files of up to {most} GiB are read",
                    path=str(path),
                    size=size,
                    most=MAX_CASE_SIZE >> 30,
                )
            )
        _refuse_journals(path)
        is_checked = is_possible()
        if is_checked:
            _look_through(path)
        return _Reader(path).content(is_checked)
    except OSError as error:
        raise CaseFileError(
            sentence("{path} cannot be read: {error}", path=str(path), error=str(error.strerror or error))
        ) from error


def _look_through(path: Path) -> None:
    """Have a contained child look through a file, and refuse what that refuses, or what ends it."""
    try:
        # What they need is computed before the child is there, so that it is not computed twice.
        task = Task(look_through, (path, _expected()), _BOUNDS)
        said = [record.decode("utf-8", "replace") for record in records_of(Child(task))]
    except ContainedFailure as failure:
        why = f"the process that looked through it first was ended: {failure.message}"
        raise _Reader(path).refusal(why) from None
    if said:
        raise CaseFileError(said[0])


def look_through(sender: Sender, path: Path, expected: Schema) -> None:
    """Have SQLite look at every page and cell of a file, in a contained child; what is wrong with it is told."""
    try:
        _Reader(path).look_through(expected)
    except CaseFileError as error:
        sender.record(str(error).encode("utf-8", "replace"))


def _refuse_journals(path: Path) -> None:
    """Refuse a file that another program was changing: what it holds is half, and the other half is not to be trusted."""
    for suffix in ("-journal", "-wal"):
        beside = path.with_name(path.name + suffix)
        # One that was finished is empty, or begins with zeros.
        if beside.is_file() and beside.stat().st_size and _begins(beside):
            raise CaseFileError(
                sentence(
                    "{path} has {beside} beside it: a program changed the file and has not finished, so it may be half "
                    "written; examine the source again, or open and close it once with the program that changed it",
                    path=str(path),
                    beside=beside.name,
                )
            )


def _begins(path: Path) -> bool:
    with path.open("rb") as stream:
        return bool(stream.read(8).strip(b"\0"))


class _Reader:
    """Reads one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._deadline = time.thread_time() + SECONDS_TO_READ

    def content(self, is_checked: bool) -> CaseContent:
        """Return what it holds.

        Args:
            is_checked: It was looked through before.
        """
        with self._opened() as database:
            if not is_checked:
                self._check(database, _expected())
            return self._read(database)

    def look_through(self, expected: Schema) -> None:
        """Check it, and have SQLite take every row apart."""
        with self._opened() as database:
            self._check(database, expected)
            for table, columns in expected.items():
                greatest = ", ".join(f'max("{name}") IS NULL' for name, _ in columns)
                database.execute(f'SELECT {greatest} FROM "{table}"').fetchone()

    def _check(self, database: sqlite3.Connection, expected: Schema) -> None:
        self._check_format(database)
        self._check_schema(database, expected)
        self._check_pages(database)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        uri = f"{self._path.resolve().as_uri()}?mode=ro&immutable=1"
        try:
            with closing(sqlite3.connect(uri, uri=True)) as database:
                self._fence(database)
                yield database
        except (sqlite3.Error, sqlite3.Warning, MemoryError) as error:
            if time.thread_time() > self._deadline:
                raise self.refusal(f"reading it took more than {SECONDS_TO_READ:g} seconds") from error
            raise self._damaged(error) from error
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
            raise self._damaged(error) from error

    def refusal(self, why: str) -> CaseFileError:
        """Return the error that says why the file is not read."""
        return CaseFileError(f"{self._path} is not read: {why}; {_AGAIN}")

    def _damaged(self, error: BaseException) -> CaseFileError:
        # What SQLite says may hold what it read, line ends and control characters included.
        said = sanitise(" ".join(str(error).split()))[:_LONGEST] or type(error).__name__
        told = "it needs too much memory" if isinstance(error, MemoryError) else said
        return CaseFileError(f"{self._path} is damaged: {told}; {_AGAIN}")

    def _fence(self, database: sqlite3.Connection) -> None:
        for category, limit in _LIMITS.items():
            database.setlimit(category, limit)
        if _DEFENSIVE is not None:
            database.setconfig(_DEFENSIVE, True)  # type: ignore[attr-defined,unused-ignore]
        for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0", "query_only = ON"):
            database.execute(f"PRAGMA {pragma}")
        database.set_progress_handler(lambda: time.thread_time() > self._deadline, _STEPS)

    def _check_format(self, database: sqlite3.Connection) -> None:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version == FORMAT:
            return
        if 0 < version < FORMAT:
            why = f"has format {version}, of an older version; this one reads {FORMAT}. Examine the source again"
        elif version > FORMAT:
            why = f"has format {version}, of a newer version; this one reads {FORMAT}. Update keymortem"
        else:
            why = f"has format {version}, which no version writes. Examine the source again"
        raise CaseFileError(f"{self._path} {why}, or use the version that wrote it")

    def _check_schema(self, database: sqlite3.Connection, expected: Schema) -> None:
        """Refuse what is no table that this version writes, and what of one SQLite would compute or convert."""
        found = database.execute(f"SELECT type, name, sql FROM sqlite_master LIMIT {_MOST_OBJECTS}").fetchall()
        if (encoding := database.execute("PRAGMA encoding").fetchone()[0]) != "UTF-8":
            raise self.refusal(f"its texts are in {encoding}, which keymortem never writes")
        for kind, name, sql in found:
            if kind == "index" and name == "sqlite_autoindex_meta_1" and sql is None:
                continue
            if kind != "table" or name not in expected or not str(sql).upper().startswith("CREATE TABLE"):
                raise self.refusal(f"it holds {_named(kind, name, sql)}, which keymortem never writes")
        kinds = {name: (kind, rowless) for _, name, kind, _, rowless, *_ in database.execute("PRAGMA main.table_list")}
        for name, columns in expected.items():
            if kinds.get(name) != ("table", 0):
                raise self.refusal(f"its table {name} is missing, or is not as keymortem writes it")
            there = [
                (column, kind) if not hidden else None
                for _, column, kind, *_, hidden in database.execute(f'PRAGMA main.table_xinfo("{name}")')
            ]
            if there != columns:
                raise self.refusal(f"its table {name} has other columns than keymortem writes")

    def _check_pages(self, database: sqlite3.Connection) -> None:
        [(said,)] = database.execute("PRAGMA main.quick_check(1)").fetchmany(1)
        if said != "ok":
            raise ValueError(str(said).replace("*** in database main ***", ""))

    def _read(self, database: sqlite3.Connection) -> CaseContent:
        meta = dict(database.execute("SELECT name, value FROM meta LIMIT 100"))
        told = sentences_from_json(text(cell) for (cell,) in database.execute(_SENTENCES))
        sources = [_source(row) for row in database.execute(_SOURCES)]
        rows = [row for row_class in ROW_CLASSES.values() for row in _rows(database, row_class, told)]
        findings = [from_json(json.loads(text(cell))) for (cell,) in database.execute(_FINDINGS)]
        version, as_of = text(meta["version"]), parse_utc(text(meta["as_of"]))
        return CaseContent(version, as_of, sources, by_table(rows), findings, told)


def _named(kind: object, name: object, sql: object) -> str:
    """Name an object of a stranger's schema, in few characters that a terminal shows."""
    word = "virtual table" if kind == "table" and str(sql).upper().startswith("CREATE VIRTUAL") else str(kind)
    return f"the {word[:20]} {str(name)[:60]!a}"


_JSON_TABLES = {name: [("json", "TEXT")] for name in ("finding", "sentence")}


def _expected() -> Schema:
    tables = {name: [(s.name, sql_type(s)) for s in column_specs(name)] for name in ROW_CLASSES}
    of_source = [(name, line.rpartition(" ")[2]) for name, line in SOURCE_COLUMNS.items()]
    columns = [("table", "TEXT"), ("column", "TEXT"), ("type", "TEXT"), ("doc", "TEXT")]
    meta = [("name", "TEXT"), ("value", "TEXT")]
    return {**tables, "meta": meta, "source": of_source, **_JSON_TABLES, "columns": columns}


def _source(cells: Sequence[Any]) -> SourceEntry:
    values: dict[str, Any] = {}
    for (name, line), cell in zip(SOURCE_COLUMNS.items(), cells, strict=True):
        if name == "machine_ids":
            values[name] = items(cell, int)
        elif cell is None and name not in ("path", "kind"):
            values[name] = None
        else:
            values[name] = integer(cell) if line.endswith("INTEGER") else text(cell)
    return SourceEntry(**values)


def _rows(database: sqlite3.Connection, row_class: type[Row], told: Mapping[str, Sentence]) -> Iterator[Row]:
    cursor = database.execute(_rows_of(row_class.table))
    while cells := cursor.fetchmany(_ROWS_AT_ONCE):
        yield from rows_of(row_class, cells, told)


def _rows_of(table: str) -> str:
    names = ", ".join(f'"{spec.name}"' for spec in column_specs(table))
    return f'SELECT {names} FROM "{table}" ORDER BY rowid'
