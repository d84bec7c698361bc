"""Why each rule does or does not speak of one subject: its tree, with yes, no or unknown at every condition."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Literal

from forensics.engine.compiler import Query
from forensics.engine.database import RuleDatabase
from forensics.engine.fence import RuleSqlError, RuleStoppedError
from forensics.engine.rule import Condition, Either, Every, Negated, Packs, Rule
from forensics.late_methods import dataclass

Truth = bool | None
"""Yes, no, or None for unknown."""

MOST_ROWS = 10
"""Display: rows of one subject that are explained for each rule."""

_COMMON_NAME = re.compile(r"CN=([^,+]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Judged:
    """A node of a rule's tree with what it came out as.

    Attributes:
        kind: ``all``, ``any``, ``not`` or ``condition``.
        name: Of a condition, what it asks.
        value: What it came out as.
        children: Empty for a condition.
    """

    kind: Literal["all", "any", "not", "condition"]
    value: Truth
    name: str = ""
    children: tuple[Judged, ...] = ()

    def conditions(self) -> Iterator[Judged]:
        """Yield the named conditions in it."""
        if self.kind == "condition":
            yield self
        for child in self.children:
            yield from child.conditions()


@dataclass(frozen=True, slots=True)
class RuleAnswer:
    """What one rule says of one row.

    Attributes:
        rule: The rule.
        value: Whether it matches.
        tree: Its conditions.
        corroboration: Conditions that do not decide.
        source_path: Where the row was read.
        severity: Its severity, if it matched.
        machine_id: Whose row it is; 0 where the rule could not be asked.
        failed: Why the rule could not be asked, if so.
    """

    rule: Rule
    value: Truth
    tree: Judged | None
    corroboration: tuple[Judged, ...] = ()
    source_path: str = ""
    severity: str = "info"
    machine_id: int = 0
    failed: str = ""

    @property
    def is_near_miss(self) -> bool:
        """One condition alone says no, and at least two say yes."""
        if self.value is not False or self.tree is None or self.tree.kind != "all":
            return False
        values = [part.value for part in self.tree.children]
        return values.count(False) == 1 and values.count(True) >= 2


@dataclass(frozen=True, slots=True)
class NamedSubject:
    """Something that rules can speak of."""

    table: str
    id: str
    label: str
    machine_id: int


NamedSubjects = dict[tuple[str, int], NamedSubject]
"""By identity and machine."""


def answers_about(
    database: RuleDatabase, packs: Packs, subject_id: str, machines: frozenset[int] | None = None
) -> list[RuleAnswer]:
    """Judge every rule that has rows about a subject.

    Args:
        database: The evidence.
        packs: The rules.
        subject_id: Thumbprint, path, name or SID, exactly as in findings.
        machines: Whose rows are told; None for those of all.

    Returns:
        Matches first, then what is unknown, then near misses, then the others.
    """
    speaks = _Speaking(database, subject_id)
    queries = (Query(rule, database.former) for rule in packs.rules)
    told = (_of_rule(database, query, subject_id, machines) for query in queries if speaks(query))
    return in_order(answer for answers in told for answer in answers)


def in_order(answers: Iterable[RuleAnswer]) -> list[RuleAnswer]:
    """Return matches first, then what is unknown, then near misses, then the others."""
    return sorted(answers, key=lambda a: (a.value is not True, a.value is not None, not a.is_near_miss))


class _Speaking:
    """Tells which rules may have rows about a subject: most have none, and theirs are the long statements.

    Args:
        database: The evidence.
        subject_id: The subject.
    """

    def __init__(self, database: RuleDatabase, subject_id: str) -> None:
        self._database = database
        self._subject_id = subject_id
        self._asked: dict[str, bool] = {}

    def __call__(self, query: Query) -> bool:
        statement = query.speaks()
        if statement not in self._asked:
            self._asked[statement] = self._has_rows(statement)
        return self._asked[statement]

    def _has_rows(self, statement: str) -> bool:
        try:
            return any(self._database.query(statement, [self._subject_id]))
        except (RuleSqlError, RuleStoppedError):
            return True  # the rule itself tells why


def _of_rule(
    database: RuleDatabase, query: Query, subject_id: str, machines: frozenset[int] | None
) -> Iterator[RuleAnswer]:
    rule = query.rule
    try:
        rows = database.query(query.about(), [subject_id])
        for row in islice((row for row in rows if machines is None or row[6] in machines), MOST_ROWS):
            first = query.first_condition
            values = [None if v is None else bool(v) for v in row[first : first + len(query.conditions)]]
            by_name = iter(values[: query.deciding])
            extra = zip(query.conditions[query.deciding :], values[query.deciding :], strict=True)
            tree = _judged(rule.when, by_name)
            corroboration = tuple(Judged("condition", value, name) for name, value in extra)
            yield RuleAnswer(rule, tree.value, tree, corroboration, str(row[7]), str(row[4]), row[6])
    except (RuleSqlError, RuleStoppedError) as error:
        yield RuleAnswer(rule, None, None, failed=str(error))


def _judged(condition: Condition, values: Iterator[Truth]) -> Judged:
    """Put the values of the named conditions, in the order they are written, back into their tree."""
    if isinstance(condition, Every | Either):
        children = tuple(_judged(child, values) for child in condition.children)
        every = isinstance(condition, Every)
        return Judged("all" if every else "any", _combined(children, every), children=children)
    if isinstance(condition, Negated):
        child = _judged(condition.child, values)
        return Judged("not", None if child.value is None else not child.value, children=(child,))
    return Judged("condition", next(values), condition.name)


def _combined(children: Sequence[Judged], every: bool) -> Truth:
    values = [child.value for child in children]
    if (not every) in values:
        return not every
    return None if None in values else every


def find_subjects(database: RuleDatabase, packs: Packs, wanted: str) -> list[NamedSubject]:
    """Return the subjects whose identity, name or common name is, or whose names else hold, what is wanted.

    Case does not matter. Of former installations they are only where no other has such a subject.

    Args:
        database: The evidence.
        packs: Their tables and subjects are searched.
        wanted: An identity, a name, or a part of one.
    """
    text = wanted.casefold()
    return chosen(subjects_named(database, packs, text), text)


def subjects_named(database: RuleDatabase, packs: Packs, text: str) -> list[NamedSubjects]:
    """Return the subjects with a text in their identity or name: without former installations, and then with them."""
    if not text.strip():
        return []
    ways = [database.former, ()] if database.former else [()]
    return [_named(database, packs, text, former) for former in ways]


def chosen(found: Iterable[NamedSubjects], text: str) -> list[NamedSubject]:
    """Return those subjects of the first way that found any which are called just so; all of them where none is."""
    subjects = next(filter(None, found), {})
    exact = [s for s in subjects.values() if text in _whole_names(s)]
    return exact or list(subjects.values())


def _named(database: RuleDatabase, packs: Packs, text: str, former: Sequence[int]) -> NamedSubjects:
    found: NamedSubjects = {}
    statements: dict[str, str] = {}
    for rule in packs.rules:
        statements.setdefault(Query(rule, former).subjects(), rule.table)
    for statement, table in statements.items():
        with suppress(RuleSqlError, RuleStoppedError):
            for identity, label, machine_id in database.query(statement):
                if identity is None:
                    continue
                name = str(identity)
                called = str(label or name)
                if text in name.casefold() or text in called.casefold():
                    found.setdefault((name, machine_id), NamedSubject(table, name, called, machine_id))
    return found


def _whole_names(subject: NamedSubject) -> Iterator[str]:
    """Yield what a subject may be called, the common name of a certificate's subject among it, in one case."""
    yield subject.id.casefold()
    yield subject.label.casefold()
    if common := _COMMON_NAME.match(subject.label):
        yield common[1].casefold()
