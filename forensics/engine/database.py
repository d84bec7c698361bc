"""The database rules run on: the rows of a case in SQLite's memory, behind a fence.

What rules may do is listed, everything else is refused: read the evidence tables, and call a few functions that
SQLite and DuckDB share. A statement that runs too long is stopped. Rule packs are data from strangers.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from types import TracebackType
from typing import Any

from forensics.engine.clocked_functions import add_clocked
from forensics.engine.fence import Fence
from forensics.engine.indexes import indexes
from forensics.late_methods import dataclass
from forensics.tables.database import ROWS_AT_ONCE, insertion, quick_columns, row_values, sql_type
from forensics.tables.registry import ROW_CLASSES, ColumnSpec, column_specs
from forensics.tables.row import Row
from forensics.tables.timestamps import format_utc
from forensics.tables.windows_path import WindowsPaths

SECONDS_PER_RULE = 5.0
"""Evidence: seconds that one rule may compute, over however little; one that is stopped is unknown."""
LONGEST_VALUE = 16 << 10
"""Evidence: bytes of one value of the evidence as rules see it; of a longer one they see the beginning."""

_MARK = "…"
_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Shortened:
    """A column of which rules see some values in part.

    Attributes:
        table: Its table.
        column: Its name.
        count: How many values.
        machine_id: Where the first of them was found.
        source_path: Where that was read.
    """

    table: str
    column: str
    count: int
    machine_id: int
    source_path: str


class RuleDatabase:
    """Evidence in memory, for rules.

    Args:
        tables: Rows by table name; a table that is missing is empty.
        as_of: What "expired" refers to: column ``as_of`` of the one-row table ``examination``.
        seconds: How long one statement may take.
        values: More rows by table, as SQL values by column.

    Attributes:
        former: Numbers of former installations (Windows.old), which rules look things up in and do not judge.
        shortened: Columns of which rules see some values in part.
        fence: What holds its statements.
    """

    def __init__(
        self,
        tables: Mapping[str, Sequence[Row]],
        as_of: datetime,
        seconds: float = SECONDS_PER_RULE,
        values: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    ) -> None:
        self.seconds = seconds
        # One statement a rule, each asked for once or twice: no need to look for more in the cache.
        self._connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=16)
        self.shortened: list[Shortened] = []
        self._sizes = {name: len(rows) for name, rows in tables.items()}
        self._paths = WindowsPaths()
        self._create(as_of)
        for name, rows in tables.items():
            if rows and name in ROW_CLASSES:
                self._fill(name, rows)
        for name, row in ((n, row) for n, rows in (values or {}).items() for row in rows):
            self._insert(name, list(row), iter([list(row.values())]))
        for name in values or {}:
            self._shorten(name, column_specs(name))
        self._learn_drives()
        found = self._connection.execute("SELECT machine_id FROM machine WHERE kind = 'former'")
        self.former = tuple(int(number) for (number,) in found)
        add_clocked(self._connection, lambda: self.fence.look())
        self.fence = Fence(self._connection)

    def _learn_drives(self) -> None:
        for row in self._connection.execute("SELECT machine_id, system_root, drive, profile_folder FROM machine"):
            self._paths.add(*row)
        self._connection.create_function("windows_path", 2, self._paths.of, deterministic=True)

    def _create(self, as_of: datetime) -> None:
        execute = self._connection.execute
        # What a statement of a stranger sorts or joins is bounded in memory; on the disk nothing would bound it.
        execute("PRAGMA temp_store = MEMORY")
        _without_rows().backup(self._connection)
        execute("INSERT INTO examination VALUES (?)", [format_utc(as_of)])

    def _fill(self, table: str, rows: Sequence[Row]) -> None:
        specs, are_plain = column_specs(table), True
        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[start : start + ROWS_AT_ONCE]
            columns = quick_columns(some, specs)
            try:
                with self._short():
                    self._insert(table, columns.keys(), zip(*columns.values(), strict=True))
            except (sqlite3.Error, UnicodeError, OverflowError):
                self._connection.execute("ROLLBACK")
                self._insert(table, [s.name for s in specs], row_values(some, specs))
                are_plain = False
        if not are_plain:
            self._shorten(table, specs)
        for statement in indexes(table, len(rows)):
            self._connection.execute(statement)

    @contextmanager
    def _short(self) -> Iterator[None]:
        """Have SQLite refuse a row that is longer than rules see one value: it looks at the lengths anyway."""
        before = self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
        try:
            yield
        finally:
            self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, before)

    def _shorten(self, table: str, specs: Sequence[ColumnSpec]) -> None:
        """Cut values that are longer than any rule needs: a few of a hostile disk would else make every rule fail."""
        wide = [spec for spec in specs if _is_wide(spec)]
        if not wide:
            return
        longest = ", ".join(f'max(length(CAST("{spec.name}" AS BLOB)))' for spec in wide)
        (sizes,) = self._connection.execute(f'SELECT {longest} FROM "{table}"')
        for spec in (spec for spec, size in zip(wide, sizes, strict=True) if (size or 0) > LONGEST_VALUE):
            column = f'"{spec.name}"'
            sql = f'SELECT rowid, {column}, machine_id, source_path FROM "{table}"'
            found = self._connection.execute(
                f"{sql} WHERE length(CAST({column} AS BLOB)) > ?", [LONGEST_VALUE]
            ).fetchall()
            cut = [(_beginning(text, spec), rowid) for rowid, text, _, _ in found]
            self._connection.executemany(f'UPDATE "{table}" SET {column} = ? WHERE rowid = ?', cut)
            self.shortened.append(Shortened(table, spec.name, len(found), *found[0][2:]))

    def _insert(self, table: str, columns: Collection[str], rows: Iterable[Sequence[Any]]) -> None:
        self._connection.execute("BEGIN")
        self._connection.executemany(insertion(table, columns), rows)
        self._connection.execute("COMMIT")

    def query(
        self, sql: str, parameters: Sequence[Any] = (), seconds: float | None = None
    ) -> Iterator[tuple[Any, ...]]:
        """Run a statement and yield its rows.

        Args:
            sql: The statement.
            parameters: Its parameters.
            seconds: How long it may take, if not as long as any.

        Raises:
            RuleSqlError: It is no permitted SQL, or names a table or column that does not exist.
            RuleStoppedError: It took too long; some of its rows may have been yielded.
        """
        self.fence.begin(self.seconds if seconds is None else seconds)
        with self.fence.held():
            cursor = self._connection.execute(sql, parameters)
            rows = cursor.fetchmany(_AT_ONCE)
        yield from rows
        while len(rows) == _AT_ONCE:
            with self.fence.held():
                rows = cursor.fetchmany(_AT_ONCE)
            yield from rows

    def size(self, table: str) -> int:
        """Return how many rows of a case a table holds."""
        return self._sizes.get(table, 0)

    def close(self) -> None:
        """Give the memory back."""
        self._connection.close()

    def __enter__(self) -> RuleDatabase:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@cache
def _without_rows() -> sqlite3.Connection:
    """Return a database of all tables, which others are copies of: to make one takes five times as long."""
    made = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    for name in ROW_CLASSES:
        specs = sorted(column_specs(name), key=_is_wide)
        columns = ", ".join(f'"{s.name}" {sql_type(s)}' for s in specs)
        made.execute(f'CREATE TABLE "{name}" ({columns})')
    made.execute("CREATE TABLE examination (as_of TEXT)")
    return made


def _is_wide(spec: ColumnSpec) -> bool:
    """Columns of states come first: SQLite reads a row up to the columns it needs, and conditions ask for states."""
    return spec.kind in ("list", "datetime") or (spec.kind == "text" and not spec.possible_values)


def _beginning(text: str, spec: ColumnSpec) -> str:
    """Return as much of a value as rules see; of a list its first items."""
    if spec.kind != "list":
        return text.encode()[: LONGEST_VALUE - len(_MARK.encode())].decode(errors="ignore") + _MARK
    kept: list[str] = []
    room = LONGEST_VALUE - 2
    for item in json.loads(text):
        room -= len(json.dumps(item)) + 2
        if room < 0:
            break
        kept.append(item)
    return json.dumps(kept)
