"""Compiles a rule to one SELECT, and finds the line of whatever SQLite refuses in it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from functools import cached_property

from forensics.engine.conditions import named_sql, tree_sql, truth
from forensics.engine.database import RuleDatabase
from forensics.engine.fence import RuleSqlError
from forensics.engine.rule import Level, Named, Presence, Problem, Rule, named_conditions, needed_conditions
from forensics.engine.sql_text import SqlTextError, check_expression, put_texts, put_values, quoted
from forensics.engine.subjects import CALLED_BY_SUBJECT, called, default_subject, named_keys, rank

_ASKED = {"machine": "kind IS DISTINCT FROM 'profile'"}
"""Of which rows of a table a rule is asked, where that is not all: profiles alone show nothing of any machine."""


class Query:
    """The statements of one rule, each put together when it is asked for, and what their columns are.

    Args:
        rule: The rule. The loader has checked its SQL.
        former: Numbers of former installations, whose rows are looked up and not judged.

    Attributes:
        conditions: Names of the conditions, whose columns follow the fixed ones; corroboration comes last.
        deciding: How many of them decide.
        joins: Tables joined: a rowid and a source_path of each follow.
        groups: How many group keys follow.
        names: Names for the templates, whose columns come last.

    Putting together a statement raises SqlTextError where a piece names a value that is not there.
    """

    # Behind rowid, tree, subject id and label, severity, confidence, machine_id, source_path, rank and named keys.
    first_condition = 10

    def __init__(self, rule: Rule, former: Sequence[int] = ()) -> None:
        self.rule = rule
        self._named = [*named_conditions(rule.when), *rule.corroboration]
        self.conditions = [condition.name for condition in self._named]
        self.deciding = len(self._named) - len(rule.corroboration)
        self.joins = list(rule.joins)
        self.groups = len(rule.group)
        asked = [_ASKED[rule.table]] if rule.table in _ASKED else []
        asked += [f"machine_id NOT IN ({', '.join(map(str, former))})"] if former else []
        judged = f"(SELECT rowid AS rowid, * FROM {rule.table} WHERE {' AND '.join(asked)})" if asked else rule.table
        self._judged = f"{judged} AS this"

    @cached_property
    def values(self) -> dict[str, str]:
        """The values of the rule as SQL, each with those that it uses filled in."""
        values: dict[str, str] = {}
        for name, sql in self.rule.values.items():
            values[name] = put_values(sql.text, values) if "value." in sql.text else sql.text
        return values

    @cached_property
    def _source(self) -> str:
        joins = (f" LEFT JOIN {table} ON ({self.sql(on.text)})" for table, on in self.rule.joins.items())
        return self._judged + "".join(joins)

    @property
    def _named_source(self) -> str:
        """What names the subjects: joined rows do not where these are called as those of their table are."""
        subject = (self.rule.subject_id.text, self.rule.subject_label.text)
        return self._judged if subject == default_subject(self.rule.table) else self._source

    def sql(self, text: str) -> str:
        """Return a piece with its values filled in."""
        return put_values(text, self.values) if "value." in text else text

    @cached_property
    def _said(self) -> dict[str, str]:
        """The values as the texts name them; what is compared and counted stays English."""
        translation = self.rule.spoken
        if translation is None or not translation.phrases:
            return self.values
        said: dict[str, str] = {}
        for name, sql in self.rule.values.items():
            said[name] = put_values(put_texts(sql.text, translation.phrases), said)
        return said

    @cached_property
    def names(self) -> list[str]:
        """Names for the templates, those of paths apart from the same values as they stand in the source."""
        from forensics.engine.templates import BUILT_IN, columns_in  # here: one subject is explained without texts

        texts = [self.rule.because, self.rule.remedy]
        for translation in self.rule.translations.values():
            texts += [translation.because, translation.remedy]
        return sorted(set().union(*map(columns_in, texts)) - BUILT_IN)

    @cached_property
    def tree(self) -> str:
        """The rule's conditions as one expression."""
        return tree_sql(self.rule.when, self.sql)

    @property
    def subject_id(self) -> str:
        """SQL for the identity of a row's subject."""
        return self.sql(self.rule.subject_id.text)

    def any_match(self) -> str:
        """Return the statement for whether anything matches; it is short, and for most rules the answer is no."""
        return f"SELECT 1 FROM {self._source} WHERE {self._wanted()} LIMIT 1"

    def wanted(self) -> str:
        """Return the statement for the rowid, machine and rank of all rows that :meth:`matches` gives."""
        return f"SELECT DISTINCT {self._place} FROM {self._source} WHERE {self._wanted()}"

    def places(self) -> str:
        """Return the same for all rows of its table, in which nothing stands that the author of the rule wrote."""
        return f"SELECT {self._place} FROM {self.rule.table} AS this"

    @property
    def _place(self) -> str:
        return f"this.rowid, this.machine_id, {rank(self.rule.table)}"

    def matches(self) -> str:
        """Return the statement for all rows that match, and the undecided ones where the rule reports them."""
        if self.rule.report_unknown:
            return self._select(self._wanted())
        # What every match needs is known of it: a statement half as long is prepared and run in half the time.
        return self._select(self._wanted(), "1", {id(condition) for condition in needed_conditions(self.rule.when)})

    def verdicts(self) -> str:
        """Return the statement for how many rows are true, false and unknown."""
        return f"SELECT {truth(self.tree)}, count(*) FROM {self._source} GROUP BY 1"

    def all_rows(self) -> str:
        """Return the statement for every row, decided or not."""
        return self._select("1")

    def judged(self) -> str:
        """Return the statement for what every row came out as: rowid, verdict, and each named condition."""
        columns = [truth(self.tree), *(truth(named_sql(condition, self.sql)) for condition in self._named)]
        return f"SELECT this.rowid, {', '.join(columns)} FROM {self._source}"

    def about(self) -> str:
        """Return the statement for the rows of one subject, its only parameter, without what only texts need.

        Their verdicts are not in it: they follow from the conditions.
        """
        return self._statement([*self._fixed("NULL"), *map(self._truth, self._named)], self._is_subject)

    def speaks(self) -> str:
        """Return the statement for whether :meth:`about` has any row: it is short, and for most rules there is none."""
        return f"SELECT 1 FROM {self._named_source} WHERE {self._is_subject} LIMIT 1"

    @property
    def _is_subject(self) -> str:
        return f"({self.subject_id}) = ?"

    @property
    def presences(self) -> list[Presence]:
        """The conditions that look for rows of a table."""
        return [condition for condition in self._named if isinstance(condition, Presence)]

    def found(self, rowids: Sequence[int], most: int) -> str:
        """Return the statement for which rows the conditions found.

        Args:
            rowids: Rows of ``this``.
            most: Rows of one condition that are of interest.

        Returns:
            SQL that gives the rowid, then for each of :attr:`presences` the rowids it found, with commas, or NULL.
        """
        columns = ["this.rowid"]
        for presence in self.presences:
            number = f"{presence.table}.rowid AS number FROM {presence.table} WHERE ({self.sql(presence.where)})"
            columns.append(f"(SELECT group_concat(found.number) FROM (SELECT {number} LIMIT {most}) AS found)")
        numbers = ", ".join(map(str, rowids))
        return f"SELECT {', '.join(columns)} FROM {self._source} WHERE this.rowid IN ({numbers})"

    def subjects(self) -> str:
        """Return the statement for the identity and name of every subject."""
        columns = f"({self.subject_id}), ({self.sql(self.rule.subject_label.text)}), this.machine_id"
        return f"SELECT DISTINCT {columns} FROM {self._named_source}"

    def _wanted(self) -> str:
        if self.rule.report_unknown:
            return f"(NOT ({self.tree})) IS NOT TRUE"
        return tree_sql(self.rule.when, self.sql, only_true=True)

    def _select(self, where: str, verdict: str | None = None, true: Container[int] = ()) -> str:
        rule = self.rule
        columns = [
            *self._fixed(verdict or truth(self.tree)),
            *("1" if id(named) in true else self._truth(named) for named in self._named),
            *(column for table in rule.joins for column in (f"{table}.rowid", f"{table}.source_path")),
            *(f"({self.values.get(key.text) or self.sql(key.text)})" for key in rule.group),
            *(f"({self._name(name)})" for name in self.names),
        ]
        return self._statement(columns, where)

    def _fixed(self, verdict: str) -> list[str]:
        rule = self.rule
        return [
            "this.rowid",
            verdict,
            f"({self.subject_id})",
            f"({self.sql(rule.subject_label.text)})",
            self._level(rule.severity),
            self._level(rule.confidence),
            "this.machine_id",
            "this.source_path",
            rank(rule.table),
            named_keys(rule.table),
        ]

    def _truth(self, named: Named) -> str:
        return truth(named_sql(named, self.sql))

    def _statement(self, columns: Iterable[str], where: str) -> str:
        return f"SELECT {', '.join(columns)} FROM {self._source} WHERE {where} ORDER BY 9, this.rowid"

    def _name(self, column: str) -> str:
        from forensics.engine.templates import path_column

        name = column.partition("|")[0]
        sql = self._value(name)
        return f"windows_path(this.machine_id, {sql})" if column == path_column(name) else sql

    def _value(self, name: str) -> str:
        if name in self._said:
            return self._said[name]
        row, _, column = name.rpartition(".")
        if column == "subject" and (row or self.rule.table) in CALLED_BY_SUBJECT:
            return called(row or "this")
        return name if row else f"this.{name}"

    def _level(self, levels: tuple[Level, ...]) -> str:
        cases = "".join(f" WHEN ({self.sql(level.when)}) THEN {quoted(level.value)}" for level in levels if level.when)
        default = quoted(levels[-1].value)
        return f"CASE{cases} ELSE {default} END" if cases else default


def check_rule(rule: Rule, database: RuleDatabase) -> list[Problem]:
    """Prepare a rule's statement on an empty database; where it is refused, say which piece it is.

    Args:
        rule: The rule.
        database: One without rows.

    Raises:
        RuleStoppedError: It takes too long even so.
    """
    problems = [p for line, text, _ in _pieces(rule) if (p := _text_problem(rule, line, text))]
    if problems:
        return problems
    try:
        list(database.query(Query(rule).matches()))
    except RuleSqlError as error:
        return [*_refused(rule, database)] or [Problem(rule.path, rule.line("when"), str(error))]
    return []


def _text_problem(rule: Rule, line: int, text: str) -> Problem | None:
    try:
        check_expression(text)
        Query(rule).sql(text)
    except SqlTextError as error:
        return Problem(rule.path, line, str(error))
    return None


def _refused(rule: Rule, database: RuleDatabase) -> Iterator[Problem]:
    query = Query(rule)
    source = f"{rule.table} AS this"
    for table, on in rule.joins.items():
        source += f" LEFT JOIN {table} ON ({query.sql(on.text)})"
        if (message := _refusal(database, f"SELECT 1 FROM {source}")) is not None:
            yield Problem(rule.path, on.line, message)
            return
    for line, text, searched in _pieces(rule):
        sql = query.sql(text)
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
        yield key.line, f"value.{key.text}" if key.text in rule.values else key.text, None
    for subject in (rule.subject_id, rule.subject_label):
        yield subject.line, subject.text, None
