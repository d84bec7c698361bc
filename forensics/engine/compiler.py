"""Compiles a rule to one SELECT, and finds the line of whatever SQLite refuses in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from forensics.engine.conditions import named_sql, tree_sql, truth
from forensics.engine.database import RuleDatabase, RuleSqlError
from forensics.engine.rule import Level, Presence, Problem, Rule, named_conditions
from forensics.engine.sql_text import SqlTextError, check_expression, put_values, quoted
from forensics.engine.templates import BUILT_IN, names_in

_FIXED = ("_row", "_tree", "_id", "_label", "_severity", "_confidence", "_machine_id", "_source_path")


@dataclass(frozen=True, slots=True)
class Query:
    """A rule's SELECT without its WHERE, and what its columns are.

    Attributes:
        rule: The rule.
        select: ``SELECT ... FROM ...``.
        tree: The rule's conditions as one expression.
        true_tree: The same where only "is it true" is asked.
        subject_id: SQL for the subject's identity.
        conditions: Names of the conditions, whose columns follow the fixed ones; corroboration comes last.
        deciding: How many of them decide.
        joins: Tables joined: a rowid and a source_path of each follow.
        groups: How many group keys follow.
        names: Names for the templates, whose columns come last.
    """

    rule: Rule
    select: str
    tree: str
    true_tree: str
    subject_id: str
    conditions: tuple[str, ...]
    deciding: int
    joins: tuple[str, ...]
    groups: int
    names: tuple[str, ...]

    first_condition: ClassVar[int] = len(_FIXED)

    def matches(self) -> str:
        """Return the statement for all rows that match, and the undecided ones where the rule reports them."""
        where = f"({self.tree}) IS NOT 0" if self.rule.report_unknown else self.true_tree
        return f"{self.select} WHERE {where} ORDER BY this.rowid"

    def verdicts(self) -> str:
        """Return the statement for how many rows are true, false and unknown."""
        return f"SELECT {truth(self.tree)}, count(*) {self.select[self.select.index(_FROM) :]} GROUP BY 1"

    def all_rows(self) -> str:
        """Return the statement for every row, decided or not."""
        return f"{self.select} ORDER BY this.rowid"

    def about(self) -> str:
        """Return the statement for the rows of one subject, its only parameter."""
        return f"{self.select} WHERE ({self.subject_id}) = ? ORDER BY this.rowid"

    def subjects(self) -> str:
        """Return the statement for the identity and name of every subject."""
        table = self.rule.table
        label = _sql(self.rule, self.rule.subject_label.text)
        return f"SELECT DISTINCT ({self.subject_id}), ({label}), this.machine_id FROM {table} AS this"


_FROM = "\nFROM "


def compile_rule(rule: Rule) -> Query:
    """Put a rule's SQL together.

    Raises:
        SqlTextError: A piece names a value that is not there. The loader has looked for that before.
    """

    def put(text: str, line: int) -> str:
        return _sql(rule, text)

    named = [*named_conditions(rule.when), *rule.corroboration]
    tree = tree_sql(rule.when, put)
    subject_id = _sql(rule, rule.subject_id.text)
    names = _template_names(rule)
    columns = [
        "this.rowid",
        truth(tree),
        f"({subject_id})",
        f"({_sql(rule, rule.subject_label.text)})",
        _levels(rule, rule.severity),
        _levels(rule, rule.confidence),
        "this.machine_id",
        "this.source_path",
        *(truth(named_sql(condition, put)) for condition in named),
        *(column for table in rule.joins for column in (f"{table}.rowid", f"{table}.source_path")),
        *(f"({_sql(rule, _group(rule, key.text))})" for key in rule.group),
        *(f"({_name(rule, name)})" for name in names),
    ]
    joins = "".join(f"\nLEFT JOIN {table} ON ({_sql(rule, on.text)})" for table, on in rule.joins.items())
    return Query(
        rule=rule,
        select=f"SELECT {', '.join(columns)}{_FROM}{rule.table} AS this{joins}",
        tree=tree,
        true_tree=tree_sql(rule.when, put, only_true=True),
        subject_id=subject_id,
        conditions=tuple(condition.name for condition in named),
        deciding=len(named) - len(rule.corroboration),
        joins=tuple(rule.joins),
        groups=len(rule.group),
        names=names,
    )


def _values(rule: Rule) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, sql in rule.values.items():
        values[name] = put_values(sql.text, values)
    return values


def _sql(rule: Rule, text: str) -> str:
    return put_values(text, _values(rule)) if "value." in text else text


def _group(rule: Rule, key: str) -> str:
    return f"value.{key}" if key in rule.values else key


def _name(rule: Rule, name: str) -> str:
    if name in rule.values:
        return _sql(rule, f"value.{name}")
    return name if "." in name else f"this.{name}"


def _template_names(rule: Rule) -> tuple[str, ...]:
    return tuple(sorted((names_in(rule.because) | names_in(rule.remedy)) - BUILT_IN))


def _levels(rule: Rule, levels: tuple[Level, ...]) -> str:
    cases = "".join(f" WHEN ({_sql(rule, level.when)}) THEN {quoted(level.value)}" for level in levels if level.when)
    default = quoted(levels[-1].value)
    return f"CASE{cases} ELSE {default} END" if cases else default


def check_rule(rule: Rule, database: RuleDatabase) -> list[Problem]:
    """Prepare a rule's statement on an empty database; where it is refused, say which piece it is.

    Args:
        rule: The rule.
        database: One without rows.
    """
    problems = [p for line, text, _ in _pieces(rule) if (p := _text_problem(rule, line, text))]
    if problems:
        return problems
    try:
        list(database.query(compile_rule(rule).matches()))
    except RuleSqlError as error:
        return [*_refused(rule, database)] or [Problem(rule.path, rule.line("when"), str(error))]
    return []


def _text_problem(rule: Rule, line: int, text: str) -> Problem | None:
    try:
        check_expression(text)
        _sql(rule, text)
    except SqlTextError as error:
        return Problem(rule.path, line, str(error))
    return None


def _refused(rule: Rule, database: RuleDatabase) -> Iterator[Problem]:
    source = f"{rule.table} AS this"
    for table, on in rule.joins.items():
        joined = f"{source} LEFT JOIN {table} ON ({_sql(rule, on.text)})"
        if (message := _refusal(database, f"SELECT 1 FROM {joined}")) is not None:
            yield Problem(rule.path, on.line, message)
            return
        source = joined
    for line, text, searched in _pieces(rule):
        sql = _sql(rule, text)
        inner = f"EXISTS (SELECT 1 FROM {searched} WHERE ({sql}))" if searched else f"({sql})"
        if (message := _refusal(database, f"SELECT {inner} FROM {source}")) is not None:
            yield Problem(rule.path, line, message)


def _refusal(database: RuleDatabase, sql: str) -> str | None:
    try:
        list(database.query(sql))
    except RuleSqlError as error:
        return str(error)
    return None


def _pieces(rule: Rule) -> Iterator[tuple[int, str, str | None]]:
    """Yield every piece of SQL the author wrote: line, text, and the table it searches if that is not ``this``."""
    for sql in (*rule.values.values(), *rule.joins.values()):
        yield sql.line, sql.text, None
    for condition in (*named_conditions(rule.when), *rule.corroboration):
        if isinstance(condition, Presence):
            yield condition.where_line, condition.where, condition.table
        elif not condition.shorthand:
            yield condition.line, condition.sql, None
    for level in (*rule.severity, *rule.confidence):
        if level.when is not None:
            yield level.line, level.when, None
    for key in rule.group:
        yield key.line, _group(rule, key.text), None
    for subject in (rule.subject_id, rule.subject_label):
        yield subject.line, subject.text, None
