"""A tree of conditions as SQL; its three truth values are SQL's own: true, false, and NULL for unknown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from forensics.engine.rule import Condition, Covered, Either, Every, Leaf, Named, Negated
from forensics.engine.sql_text import looks_only_at, quoted

NOT_KNOWN = frozenset({"not_examined", "not_tried", "partial", "unknown"})
"""Values of columns that say that nothing is known: in the shorthand they are NULL, unless they are asked for."""

# Every Windows has these four hives: one that is missing is lost, and says nothing of what it held.
_ALWAYS_THERE = "coverage.area = 'hive' AND lower(coverage.name) IN ('system', 'software', 'security', 'sam')"
_EXAMINED = f"(coverage.outcome = 'present' OR coverage.outcome = 'absent' AND NOT ({_ALWAYS_THERE}))"

PutValues = Callable[[str], str]
"""Gives SQL with its ``value.NAME`` filled in."""


def tree_sql(condition: Condition, put: PutValues, only_true: bool = False) -> str:
    """Return one boolean expression for a tree.

    Args:
        condition: The tree.
        put: Fills in the values that the SQL names.
        only_true: It is only asked whether the expression is true, so false may stand for unknown: SQLite can then use
            its indexes. Holds for everything outside ``not``.
    """
    if isinstance(condition, Every | Either):
        word = " AND " if isinstance(condition, Every) else " OR "
        return "(" + word.join(tree_sql(child, put, only_true) for child in condition.children) + ")"
    if isinstance(condition, Negated):
        return f"(NOT {tree_sql(condition.child, put)})"
    return f"({named_sql(condition, put, only_true)})"


def named_sql(condition: Named, put: PutValues, only_true: bool = False) -> str:
    """Return the boolean expression of one named condition."""
    if isinstance(condition, Leaf):
        if only_true and condition.true_sql is not None:
            return condition.true_sql
        return condition.sql if condition.shorthand else put(condition.sql)
    found = _found(condition.table, put(condition.where))
    if only_true and condition.wanted:
        return found
    covered = " AND ".join(map(_covered, condition.covered)) or "1"
    return f"CASE WHEN {found} THEN {int(condition.wanted)} WHEN {covered} THEN {int(not condition.wanted)} END"


def _found(table: str, where: str) -> str:
    same_machine = f"{table}.machine_id = this.machine_id AND "
    rest = where.removeprefix(same_machine)
    if rest != where and looks_only_at(table, rest):
        # Asked once, not once a row; what is found differs by machine only.
        return f"this.machine_id IN (SELECT {table}.machine_id FROM {table} WHERE {rest})"
    return f"EXISTS (SELECT 1 FROM {table} WHERE ({where}))"


def _covered(covered: Covered) -> str:
    """All that matches was examined, and something does: no row at all says that nobody looked.

    The subquery does not look at ``this``, so it runs once, not once a row.
    """
    matches = [
        "(" + " OR ".join(_matches(column, value) for value in values) + ")"
        for column, values in covered.columns.items()
    ]
    return (
        f"this.machine_id IN (SELECT coverage.machine_id FROM coverage WHERE {' AND '.join(matches)}"
        f" GROUP BY coverage.machine_id HAVING min({_EXAMINED}))"
    )


def _matches(column: str, value: str) -> str:
    operator = "LIKE" if "%" in value else "="
    cell = "coverage.area" if column == "area" else f"lower(coverage.{column})"
    return f"{cell} {operator} {quoted(value.lower())}"


def truth(sql: str) -> str:
    """Return SQL that is exactly 1, 0 or NULL for an expression that SQLite takes as true, false or unknown."""
    return f"NOT (NOT ({sql}))"


def seen(name: str, covered: Sequence[Covered], line: int) -> Leaf:
    """Make the leaf that is true where places were seen whole, and unknown where they were not.

    Args:
        name: What it asks, in words.
        covered: The places.
        line: Line in the file.
    """
    return Leaf(name, f"CASE WHEN {' AND '.join(map(_covered, covered))} THEN 1 END", line, shorthand=True)


def shorthand(column: str, values: list[str], literals: list[str], line: int) -> Leaf:
    """Make the leaf of ``column: value`` or ``column: [value, ...]``.

    Args:
        column: Column of the row.
        values: As written.
        literals: The same in SQL.
        line: Line in the file.
    """
    wanted = f"= {literals[0]}" if len(literals) == 1 else f"IN ({', '.join(literals)})"
    unknown = sorted(NOT_KNOWN - set(values))
    is_text = literals[0].startswith("'")
    value = f"this.{column}"
    if is_text:
        words = ", ".join(map(quoted, unknown))
        value = f"CASE WHEN this.{column} NOT IN ({words}) THEN this.{column} END" if unknown else value
    name = f"{column} is {' or '.join(values)}"
    one_of = (column, tuple(values) if is_text else tuple(map(int, literals)))
    return Leaf(name, f"{value} {wanted}", line, f"this.{column} {wanted}", shorthand=True, one_of=one_of)
