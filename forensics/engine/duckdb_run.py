"""Asks rules of tables in DuckDB, such as those of a fleet: what they say is what they say on SQLite.

DuckDB finds which rows match: it looks through tables that have no room in memory. The rows of the machines concerned,
and of what a rule looks at on all machines, are then taken into SQLite, with the columns that the rule names, and the
statement with the texts runs there: DuckDB takes minutes to plan values that build on values.

Of a rule that did not come with keymortem, nothing runs in DuckDB, where no limit of memory holds for the texts that a
statement makes: all machines are taken into SQLite, part by part, and its fence is the one there is.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from time import monotonic
from typing import Any, Protocol

from forensics.engine.compiler import Query
from forensics.engine.database import RuleDatabase
from forensics.engine.duckdb_fence import check_statement, close_fence
from forensics.engine.duckdb_functions import Connection
from forensics.engine.fence import RuleSqlError, RuleStoppedError
from forensics.engine.indexes import indexes
from forensics.engine.other_machines import tables_of_all
from forensics.engine.rule import Packs, Rule
from forensics.engine.run import RunResult, TimeOfRule, ask, builds_of, put_together, reported, seconds_per_rule
from forensics.tables.finding import Finding
from forensics.tables.registry import ROW_CLASSES, column_specs
from forensics.tables.row import NAMES_MACHINE, Row, columns
from forensics.tables.timestamps import format_utc

MOST_ROWS = 2_000_000
"""Work: rows of all machines together that one rule may look at; one that needs more is stopped and told."""
ROWS_AT_ONCE = 200_000
"""Work: rows of machines concerned that are taken at once; a machine that has more is taken by itself."""

_WORD = re.compile(r"[a-z_][a-z0-9_]*")
_OF_MACHINES = ("kind", "build", "computer_name", "system_root", "drive", "profile_folder")


class Interruptible(Connection, Protocol):
    """What is used of a DuckDB connection besides."""

    def interrupt(self) -> None:
        """Stop the statement that runs."""


class DuckTables:
    """The evidence in DuckDB, for rules, behind a fence.

    Args:
        connection: With every table of :func:`forensics.engine.duckdb_functions.add_table`, the functions and the
            examination. It can read no file any more.
        memory: What its statements may take.

    Attributes:
        sizes: Rows by table.
        former: Numbers of former installations, which rules look things up in and do not judge.
    """

    def __init__(self, connection: Interruptible, memory: str = "1GB") -> None:
        self._connection = connection
        close_fence(connection, memory)
        self.sizes = {name: self._all(f"SELECT count(*) FROM {name}")[0][0] for name in ROW_CLASSES}
        self.former = tuple(n for (n,) in self._all("SELECT machine_id FROM machine WHERE kind = 'former'"))
        self.builds = builds_of(self._all("SELECT machine_id, build FROM machine"))

    def query(self, sql: str, seconds: float) -> list[tuple[Any, ...]]:
        """Run a statement of a rule and return its rows.

        Raises:
            RuleSqlError: It is no permitted SQL, or DuckDB refuses it.
            RuleStoppedError: It took longer.
        """
        check_statement(self._connection, sql)
        with _interrupted(self._connection, seconds):
            return self._all(sql)

    def _all(self, sql: str) -> list[tuple[Any, ...]]:
        import duckdb

        try:
            return list(self._connection.execute(sql).fetchall())
        except duckdb.InterruptException as error:
            raise RuleStoppedError("stopped") from error
        except duckdb.Error as error:
            raise RuleSqlError(f"DuckDB refuses it: {str(error).splitlines()[0]}") from error

    def counts(self, tables: Iterable[str], machines: Sequence[int], seconds: float) -> dict[int, int]:
        """Return how many rows each of some machines has in some tables."""
        numbers = ", ".join(map(str, machines))
        found = dict.fromkeys(machines, 0)
        for table in tables:
            sql = f"SELECT machine_id, count(*) FROM {table} WHERE machine_id IN ({numbers}) GROUP BY machine_id"
            for machine, count in self.query(sql, seconds):
                found[machine] += count
        return found

    def rows(
        self, table: str, names: Sequence[str], machines: Iterable[int] | None, seconds: float
    ) -> list[tuple[Any, ...]]:
        """Return rowid and columns of the rows of some machines, or of all, in their order."""
        where = "" if machines is None else f" WHERE machine_id IN ({', '.join(map(str, machines))})"
        return self.query(f"SELECT rowid, {', '.join(names)} FROM {table}{where} ORDER BY rowid", seconds)


def run_on_duckdb(tables: DuckTables, packs: Packs, as_of: datetime, seconds: float | None = None) -> RunResult:
    """Ask every rule of tables in DuckDB.

    Args:
        tables: The evidence.
        packs: The rules.
        as_of: What "expired" refers to.
        seconds: How long one rule may take; if not given, what the number of rows is worth.
    """
    limit = seconds_per_rule(sum(tables.sizes.values())) if seconds is None else seconds
    result = RunResult()
    for rule in packs.rules:
        time = TimeOfRule(limit, clock=monotonic)
        with reported(rule, result.problems):
            try:
                result.findings += _Asked(tables, rule, as_of, time).findings()
            except RuleStoppedError as error:
                raise error if isinstance(error, _TooManyRowsError) else time.over() from error
    result.findings = put_together(result.findings, packs)
    return result


class _TooManyRowsError(RuleStoppedError):
    """A rule looks at more rows than may be taken."""


class _Asked:
    """One rule, asked in DuckDB for its rows and in SQLite for its texts."""

    def __init__(self, tables: DuckTables, rule: Rule, as_of: datetime, time: TimeOfRule) -> None:
        self.tables = tables
        self.rule = rule
        self.as_of = as_of
        self.time = time
        self.query = Query(rule, tables.former)
        words = set(_WORD.findall(f"{self.query.matches()} {self.query.found([], 1)}"))
        self.names = {
            table: [spec.name for spec in column_specs(table) if spec.name in words | {"machine_id", "source_path"}]
            for table in ROW_CLASSES
            if table in words or table == rule.table
        }
        machine = self.names.setdefault("machine", ["machine_id", "source_path"])
        machine += [name for name in _OF_MACHINES if name not in machine]
        self.of_all = {table for table in tables_of_all(rule) if table in self.names}

    def findings(self) -> list[Finding]:
        """Return the findings, numbered in the order of their first rows."""
        sql = self.query.wanted() if self.rule.built_in else self.query.places()
        wanted = self.tables.query(sql, self.time.left)
        if not wanted:
            return []
        # As SQLite orders them: what has no rank is before the rest.
        places = {rowid: (rank is not None, rank or 0, rowid) for rowid, _, rank in wanted}
        machines = list(dict.fromkeys(machine for _, machine, _ in sorted(wanted, key=lambda row: places[row[0]])))
        shared = {table: self._rows(table, None) for table in self._counted_of_all()}
        found: list[Finding] = []
        for some in self._parts(machines):
            found += self._ask(shared, some)
        found.sort(key=lambda finding: places[finding.evidence[0].row])
        return [replace(one, id=f"{self.rule.id}:{number}") for number, one in enumerate(found, 1)]

    def _counted_of_all(self) -> set[str]:
        rows = sum(self.tables.sizes[table] for table in self.of_all)
        if rows > MOST_ROWS:
            raise _TooManyRowsError(f"it looks at {rows} rows of all machines, and at most {MOST_ROWS} are taken")
        return self.of_all

    def _parts(self, machines: Sequence[int]) -> Iterator[list[int]]:
        """Yield machines whose rows are taken together."""
        own = self.names.keys() - self.of_all
        part: list[int] = []
        rows = 0
        for number, count in self.tables.counts(sorted(own), machines, self.time.left).items():
            if part and rows + count > ROWS_AT_ONCE:
                yield part
                part, rows = [], 0
            part.append(number)
            rows += count
        yield part

    def _ask(self, shared: Mapping[str, list[tuple[Any, ...]]], machines: Sequence[int]) -> list[Finding]:
        there = sorted({*machines, *self._of_their_disks(machines)})
        taken: dict[str, _Taken] = {}
        for table, names in self.names.items():
            rows = shared[table] if table in shared else self._rows(table, there)
            taken[table] = _Taken(names, rows, self.tables.sizes[table])
        with _Part(taken, self.as_of, self.time.left) as database:
            found = ask(self.rule, database, format_utc(self.as_of), self.tables.builds, self.time)
        # Of the other Windows of their disks, and of what all machines have, nothing is asked here.
        asked = set(machines)
        return [finding for finding in found if finding.machine_id in asked]

    def _of_their_disks(self, machines: Sequence[int]) -> set[int]:
        """Return other machines that rows of these name."""
        numbers = ", ".join(map(str, machines))
        found: set[int] = set()
        for table, names in self.names.items():
            naming = {f.name for f in columns(ROW_CLASSES[table]) if f.metadata[NAMES_MACHINE]} - {"machine_id"}
            for name in naming.intersection(names):
                sql = f"SELECT DISTINCT {name} FROM {table} WHERE machine_id IN ({numbers}) AND {name} IS NOT NULL"
                found |= {number for (number,) in self.tables.query(sql, self.time.left)}
        return found

    def _rows(self, table: str, machines: Iterable[int] | None) -> list[tuple[Any, ...]]:
        return self.tables.rows(table, self.names[table], machines, self.time.left)


class _Taken(Sequence[Row]):
    """Rows of a table as DuckDB gives them, each with its rowid; its length is that of the whole table."""

    def __init__(self, names: Sequence[str], rows: Sequence[tuple[Any, ...]], size: int) -> None:
        self.names = names
        self.taken = rows
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, number: Any) -> Any:
        return self.taken[number]


class _Part(RuleDatabase):
    """Evidence in SQLite with the rowids that it has in DuckDB, and the indexes that the whole would have."""

    def _fill(self, table: str, rows: Sequence[Row]) -> None:
        assert isinstance(rows, _Taken)
        # DuckDB counts from 0.
        self._insert(table, ["rowid", *rows.names], ((rowid + 1, *values) for rowid, *values in rows.taken))
        for statement in indexes(table, len(rows)):
            self._connection.execute(statement)


@contextmanager
def _interrupted(connection: Interruptible, seconds: float) -> Iterator[None]:
    """Interrupt what runs in it when its time is over."""
    timer = threading.Timer(seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
