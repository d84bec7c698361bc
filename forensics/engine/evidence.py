"""The rows that ``some-of`` found, and those that speak against a ``none-of``: evidence of a finding like its own row.

They are asked for when a finding is made, and only of its first rows, so that ten thousand cost no more than twenty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from forensics.engine.compiler import Query
from forensics.engine.database import RuleDatabase

MOST = 20
"""Display: rows listed for one condition of one finding, and rows of the finding that are asked what they found."""

Place = tuple[str, int, str]
"""What an :class:`~forensics.tables.finding.EvidenceRow` is made of: rows that are there twice are one."""

_AT_ONCE = 500
_Row = tuple[str, int]


class TimeLeft(Protocol):
    """Tells how long a rule may still compute."""

    @property
    def left(self) -> float:
        """Seconds; raises RuleStoppedError where none are left."""


class FoundRows:
    """What the conditions of one rule found.

    Args:
        query: The rule's statement.
        database: The evidence.
        time: What is left of the rule's time.
    """

    def __init__(self, query: Query, database: RuleDatabase, time: TimeLeft) -> None:
        self.query = query
        self.database = database
        self.time = time

    def of(self, groups: Sequence[Sequence[int]]) -> list[list[Place]]:
        """Return the evidence that the rows of each finding found.

        Args:
            groups: The rowids of each finding.

        Raises:
            RuleStoppedError: It took too long.
        """
        if not self.query.presences:
            return [[] for _ in groups]
        found = self._found([rowid for group in groups for rowid in group[:MOST]])
        wanted = [list(self._first([found.get(rowid, []) for rowid in group[:MOST]])) for group in groups]
        paths = self._source_paths({place for places in wanted for place in places})
        return [[(table, rowid - 1, paths[table, rowid]) for table, rowid in places] for places in wanted]

    def _found(self, rowids: Sequence[int]) -> dict[int, list[list[int]]]:
        """Return, for each row and each condition, the rowids it found."""
        found: dict[int, list[list[int]]] = {}
        for part in _parts(rowids):
            for rowid, *columns in self.database.query(self.query.found(part, MOST), seconds=self.time.left):
                lists = found.setdefault(rowid, [[] for _ in columns])
                for numbers, text in zip(lists, columns, strict=True):
                    numbers += map(int, str(text).split(",")) if text is not None else ()
        return found

    def _first(self, rows: Sequence[Sequence[Sequence[int]]]) -> Iterator[_Row]:
        for number, presence in enumerate(self.query.presences):
            together = dict.fromkeys(rowid for row in rows if row for rowid in row[number])
            for rowid in sorted(together)[:MOST]:
                yield presence.table, rowid

    def _source_paths(self, places: Iterable[_Row]) -> dict[_Row, str]:
        by_table: dict[str, list[int]] = {}
        for table, rowid in places:
            by_table.setdefault(table, []).append(rowid)
        paths: dict[_Row, str] = {}
        for table, rowids in by_table.items():
            for part in _parts(rowids):
                numbers = ", ".join(map(str, part))
                sql = f"SELECT {table}.rowid, {table}.source_path FROM {table} WHERE {table}.rowid IN ({numbers})"
                for rowid, path in self.database.query(sql, seconds=self.time.left):
                    paths[table, rowid] = path
        return paths


def _parts(rowids: Sequence[int]) -> Iterator[Sequence[int]]:
    for first in range(0, len(rowids), _AT_ONCE):
        yield rowids[first : first + _AT_ONCE]
