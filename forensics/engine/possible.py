"""Which rules can match at all, told from the rows before any is in SQLite: on one disk, half of them cannot.

A condition that names the values of a column is compared with those that the rows have, and one that looks for rows of
a table with whether there are any. Of all other conditions nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from forensics.engine.rule import Condition, Either, Every, Leaf, Packs, Presence, Rule
from forensics.tables.row import Row


def possible(packs: Packs, tables: Mapping[str, Sequence[Row]]) -> Packs:
    """Return the rules that may find something; the others match no row, and report none as unknown.

    Args:
        packs: The rules.
        tables: Rows by table name.
    """
    rows = _Rows(tables)
    return Packs(tuple(rule for rule in packs.rules if rows.may_match(rule)))


class _Rows:
    def __init__(self, tables: Mapping[str, Sequence[Row]]) -> None:
        self._tables = tables
        self._columns: dict[tuple[str, str], frozenset[Any]] = {}

    def may_match(self, rule: Rule) -> bool:
        return rule.report_unknown or self._may_be_true(rule.when, rule.table)

    def _may_be_true(self, condition: Condition, table: str) -> bool:
        if isinstance(condition, Every):
            return all(self._may_be_true(child, table) for child in condition.children)
        if isinstance(condition, Either):
            return any(self._may_be_true(child, table) for child in condition.children)
        if isinstance(condition, Presence):
            return not condition.wanted or bool(self._tables.get(condition.table))
        if isinstance(condition, Leaf) and condition.one_of is not None:
            column, values = condition.one_of
            return not self._values(table, column).isdisjoint(values)
        return True

    def _values(self, table: str, column: str) -> frozenset[Any]:
        if (table, column) not in self._columns:
            self._columns[table, column] = frozenset(getattr(row, column) for row in self._tables.get(table, ()))
        return self._columns[table, column]
