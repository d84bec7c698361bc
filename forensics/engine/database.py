"""The database rules run on: the rows of a case in SQLite's memory, behind a fence.

What rules may do is listed, everything else is refused: read the evidence tables, and call a few functions that
SQLite and DuckDB share. A statement that runs too long is stopped. Rule packs are data from strangers.

References:
    https://www.sqlite.org/c3ref/set_authorizer.html
    https://www.sqlite.org/security.html
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any

from forensics.engine.indexes import indexes
from forensics.tables.database import quick_values, row_values, sql_type
from forensics.tables.registry import CONTRACT_TABLES, ROW_CLASSES, ColumnSpec, column_specs
from forensics.tables.row import Row
from forensics.tables.timestamps import format_utc
from forensics.tables.windows_path import WindowsPaths

SECONDS_PER_RULE = 5.0
"""Evidence: seconds that one rule may compute, over however little; one that is stopped is unknown."""
FUNCTIONS = frozenset(
    {"abs", "avg", "coalesce", "count", "group_concat", "ifnull", "instr", "json_extract", "julianday", "length"}
    | {"like", "lower", "ltrim", "max", "min", "nullif", "replace", "round", "rtrim", "substr", "sum", "trim", "upper"}
    | {"->>", "windows_path"}
)
"""What rules may call; DuckDB knows these too, but ``julianday`` and ``windows_path``, a path of the source as the
Windows of a machine writes it: see :mod:`forensics.engine.duckdb_functions`.
"""

_STEPS = 20_000  # virtual machine instructions between two looks at the clock, about a millisecond
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 16 << 20,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 512 << 10,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 500,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 20,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1000,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}


def now() -> float:
    """Return the seconds this thread has computed: what rules find shall not depend on what else the machine does."""
    return time.thread_time()


class RuleSqlError(Exception):
    """SQLite refuses a statement; the message is a sentence about it."""


class RuleStoppedError(Exception):
    """A statement ran too long."""


class RuleDatabase:
    """Evidence in memory, for rules.

    Args:
        tables: Rows by table name; a table that is missing is empty.
        as_of: What "expired" refers to: column ``as_of`` of the one-row table ``examination``.
        seconds: How long one statement may take.
        values: More rows by table, as SQL values by column.

    Attributes:
        former: Numbers of former installations (Windows.old), which rules look things up in and do not judge.
    """

    def __init__(
        self,
        tables: Mapping[str, Sequence[Row]],
        as_of: datetime,
        seconds: float = SECONDS_PER_RULE,
        values: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    ) -> None:
        self.seconds = seconds
        self._deadline = 0.0
        # One statement a rule, each asked for once or twice: no need to look for more in the cache.
        self._connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=16)
        self._sizes = {name: len(rows) for name, rows in tables.items()}
        self._paths = WindowsPaths()
        self._create(as_of)
        for name, rows in tables.items():
            if rows and name in ROW_CLASSES:
                self._fill(name, rows)
        for name, row in ((n, row) for n, rows in (values or {}).items() for row in rows):
            self._insert(name, list(row), iter([list(row.values())]))
        self._learn_drives()
        found = self._connection.execute("SELECT machine_id FROM machine WHERE kind = 'former'")
        self.former = tuple(int(number) for (number,) in found)
        self._fence()

    def _learn_drives(self) -> None:
        for row in self._connection.execute("SELECT machine_id, system_root, drive, profile_folder FROM machine"):
            self._paths.add(*row)
        self._connection.create_function("windows_path", 2, self._paths.of, deterministic=True)

    def _create(self, as_of: datetime) -> None:
        execute = self._connection.execute
        # As in DuckDB, so that a pack says the same on both.
        execute("PRAGMA case_sensitive_like = ON")
        for name in ROW_CLASSES:
            specs = sorted(column_specs(name), key=_is_wide)
            columns = ", ".join(f'"{s.name}" {sql_type(s)}' for s in specs)
            execute(f'CREATE TABLE "{name}" ({columns})')
        execute("CREATE TABLE examination (as_of TEXT)")
        execute("INSERT INTO examination VALUES (?)", [format_utc(as_of)])

    def _fill(self, table: str, rows: Sequence[Row]) -> None:
        # Most columns of most tables are empty, and None is slow to hand over.
        specs = [s for s in column_specs(table) if any(getattr(row, s.name) is not None for row in rows)]
        names = [s.name for s in specs]
        try:
            self._insert(table, names, quick_values(rows, specs))
        except (sqlite3.Error, UnicodeError, OverflowError):
            self._connection.execute("ROLLBACK")
            self._insert(table, names, row_values(rows, specs))
        for statement in indexes(table, len(rows)):
            self._connection.execute(statement)

    def _insert(self, table: str, columns: Sequence[str], rows: Iterator[Sequence[Any]]) -> None:
        names, marks = ", ".join(f'"{c}"' for c in columns), ", ".join("?" for _ in columns)
        self._connection.execute("BEGIN")
        self._connection.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', rows)
        self._connection.execute("COMMIT")

    def _fence(self) -> None:
        for category, limit in _LIMITS.items():
            self._connection.setlimit(category, limit)
        self._connection.set_authorizer(_authorize)
        self._connection.set_progress_handler(self._is_late, _STEPS)

    def _is_late(self) -> bool:
        return now() > self._deadline

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
            RuleStoppedError: It took too long; the rows so far were yielded.
        """
        seconds = self.seconds if seconds is None else seconds
        self._deadline = now() + seconds
        try:
            yield from self._connection.execute(sql, parameters)
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
                raise RuleStoppedError(f"stopped after {seconds:.3g} seconds") from error
            raise RuleSqlError(_sentence(str(error))) from error
        except (sqlite3.Warning, OverflowError, UnicodeError, ValueError) as error:
            raise RuleSqlError(str(error)) from error

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


def _is_wide(spec: ColumnSpec) -> bool:
    """Columns of states come first: SQLite reads a row up to the columns it needs, and conditions ask for states."""
    return spec.kind in ("list", "datetime") or (spec.kind == "text" and not spec.possible_values)


def _authorize(action: int, first: str | None, second: str | None, database: str | None, inner: str | None) -> int:
    if action == sqlite3.SQLITE_SELECT:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_READ and (first in ROW_CLASSES or first == "examination"):
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and second in FUNCTIONS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _sentence(message: str) -> str:
    """Make SQLite's message one that names what to do."""
    kind, _, what = message.partition(": ")
    if kind == "no such table":
        known = ", ".join(t for t in CONTRACT_TABLES if t in ROW_CLASSES)
        return f"there is no table '{what}'; there are {known}, examination"
    if kind == "no such column":
        return f"there is no column '{what}'; see keymortem tables"
    if kind == "not authorized to use function":
        return f"the function {what} is not permitted; rules may call {', '.join(sorted(FUNCTIONS))}"
    if any(word in message for word in ("not authorized", "prohibited", "vtable constructor failed")):
        return "rules may only read the evidence tables, with SELECT and without recursion"
    return f"no valid SQL: {message}"
