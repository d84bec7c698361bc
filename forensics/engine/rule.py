"""What a rule is once it has been read: plain data, no SQL yet.

The pieces are named tuples, which are made several times faster than frozen data classes: every start makes hundreds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field, replace
from pathlib import Path
from typing import NamedTuple

from forensics.engine.rule_source import Mapping, Text
from forensics.late_methods import dataclass

FORMAT = 1
LANGUAGES = ("ja",)
"""Other languages than English that a rule's texts may be in."""
SECTIONS = ("broken", "too_open", "expired", "expiring", "undecided", "orphan", "savable")
"""Sections of the text report that a finding can stand for."""


class Problem(NamedTuple):
    """Something wrong with a rule file.

    Attributes:
        path: The file.
        line: Line, from 1.
        message: One sentence.
    """

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        """Return ``file:line: message``, as compilers print it."""
        return f"{self.path}:{self.line}: {self.message}"

    def printable(self) -> str:
        """Return that as one line that cannot steer the terminal: a pack may come from a stranger."""
        return "".join(c if c.isprintable() else " " for c in str(self))


class RulePackError(Exception):
    """Rule packs are invalid.

    Attributes:
        problems: All of them, in the order of files and lines.
    """

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems

    def printable(self) -> str:
        """Return the problems, one a line, none of which can steer the terminal."""
        return "".join(f"{problem.printable()}\n" for problem in self.problems)


class Leaf(NamedTuple):
    """A named condition.

    Attributes:
        name: What it asks, in words.
        sql: Boolean SQL over the row: true, false, or NULL for unknown.
        line: Line in the file.
        true_sql: Simpler SQL that is true for the same rows, though it may be false where ``sql`` is NULL.
        shorthand: Written as ``column: value``, the SQL is ours.
        one_of: Column of the row, and the values one of which it has where this is true; None where that is not plain.
    """

    name: str
    sql: str
    line: int
    true_sql: str | None = None
    shorthand: bool = False
    one_of: tuple[str, tuple[str | int, ...]] | None = None


class Covered(NamedTuple):
    """What must have been there to examine before the absence of a row says anything.

    Attributes:
        columns: Column of table ``coverage`` to the values it may have (``%`` stands for any text in ``name``).
        line: Line in the file.
    """

    columns: dict[str, list[str]]
    line: int


class Presence(NamedTuple):
    """Whether a table holds a row: unknown when it holds none and the place was not examined.

    Attributes:
        name: What it asks, in words.
        table: Table that is searched.
        where: Boolean SQL that finds the row.
        covered: All must have been examined; empty for a table that is always complete.
        wanted: True for ``some-of``, False for ``none-of``.
        line: Line in the file.
        where_line: Line of ``where``.
    """

    name: str
    table: str
    where: str
    covered: tuple[Covered, ...]
    wanted: bool
    line: int
    where_line: int


class Every(NamedTuple):
    """``all``: true when all are."""

    children: tuple[Condition, ...]


class Either(NamedTuple):
    """``any``: true when one is."""

    children: tuple[Condition, ...]


class Negated(NamedTuple):
    """``not``."""

    child: Condition


Named = Leaf | Presence
Condition = Leaf | Presence | Every | Either | Negated


def named_conditions(condition: Condition) -> Iterator[Named]:
    """Yield the named conditions of a tree in the order they are written."""
    if isinstance(condition, Every | Either):
        for child in condition.children:
            yield from named_conditions(child)
    elif isinstance(condition, Negated):
        yield from named_conditions(condition.child)
    else:
        yield condition


def needed_conditions(condition: Condition) -> Iterator[Named]:
    """Yield the named conditions that are true wherever the tree is."""
    if isinstance(condition, Every):
        for child in condition.children:
            yield from needed_conditions(child)
    elif isinstance(condition, Leaf | Presence):
        yield condition


class Level(NamedTuple):
    """A severity or confidence, and when it applies.

    Attributes:
        when: Boolean SQL over the row; None for the default, which comes last.
        value: The word.
        line: Line in the file.
    """

    when: str | None
    value: str
    line: int


class Translation(NamedTuple):
    """The texts of a rule in another language.

    Attributes:
        path: Its file, beside the rule's.
        title: As the rule's.
        because: Template with the same names.
        remedy: Likewise.
        phrases: Texts that stand quoted in the rule's values, and what to say instead of each.
    """

    path: Path
    title: Text
    because: Text
    remedy: Text
    phrases: dict[Text, str]


class Sql(NamedTuple):
    """A piece of SQL and the line it stands on."""

    text: str
    line: int


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        path: Its file.
        pack: Name of the folder it lies in.
        table: Table whose rows it judges; the row is ``this`` in SQL.
        joins: Table name to the condition that finds its row for ``this``; the row may be missing.
        when: The conditions.
        corroboration: Named conditions that are told but do not decide.
        group: Rows that agree in these are one finding.
        values: Extra values for the texts.
        subject_id: SQL for the subject's identity.
        subject_label: SQL for what to call it.
        because: Template.
        remedy: Template.
        explains: Rules whose findings are consequences of this one's.
        covers: Sections of the text report it stands for.
        report_unknown: Undecided rows become findings too.
        in_parts: What is in use, has ended or was replaced stays one finding, with its lists in parts.
        spans_machines: It looks at other machines than its row's (``across: machines``).
        built_in: It came with keymortem.
        translations: Texts by language, those that were read.
        language: In which one its findings are.
        examples: Raw examples, read only for tests.
        lines: Line of each key.
    """

    path: Path
    pack: str
    id: Text
    title: str
    table: str
    severity: tuple[Level, ...]
    confidence: tuple[Level, ...]
    when: Condition
    because: Text
    remedy: Text
    subject_id: Sql
    subject_label: Sql
    joins: dict[str, Sql] = field(default_factory=dict)
    corroboration: tuple[Named, ...] = ()
    group: tuple[Sql, ...] = ()
    values: dict[str, Sql] = field(default_factory=dict)
    explains: tuple[Text, ...] = ()
    covers: tuple[str, ...] = ()
    references: tuple[Text, ...] = ()
    report_unknown: bool = False
    in_parts: bool = False
    spans_machines: bool = False
    built_in: bool = False
    examples: tuple[Mapping, ...] = ()
    translations: dict[str, Translation] = field(default_factory=dict)
    language: str = "en"

    @property
    def spoken(self) -> Translation | None:
        """The texts its findings have instead of its own; None for English, and where it was not translated."""
        return self.translations.get(self.language)

    lines: dict[str, int] = field(default_factory=dict)

    def line(self, key: str) -> int:
        """Return the line of a key, or the first where it is not written."""
        return self.lines.get(key, 1)


class Packs(NamedTuple):
    """All rules of all packs, in the order of their files."""

    rules: tuple[Rule, ...] = ()

    @property
    def of_one_machine(self) -> Packs:
        """The rules that look at one machine alone, and at others of its disk: each disk can be asked by itself."""
        return Packs(tuple(rule for rule in self.rules if not rule.spans_machines))

    @property
    def across_machines(self) -> Packs:
        """The rules that look at several machines, which are asked of all disks together."""
        return Packs(tuple(rule for rule in self.rules if rule.spans_machines))

    @property
    def built_in(self) -> Packs:
        """The rules that came with keymortem."""
        return Packs(tuple(rule for rule in self.rules if rule.built_in))

    @property
    def of_strangers(self) -> Packs:
        """The other rules."""
        return Packs(tuple(rule for rule in self.rules if not rule.built_in))

    def spoken(self, language: str) -> Packs:
        """Return the rules with their findings in a language, which the packs must have been read with."""
        return Packs(tuple(replace(rule, language=language) for rule in self.rules))

    def rule(self, rule_id: str) -> Rule | None:
        """Return a rule by its id."""
        return next((r for r in self.rules if r.id == rule_id), None)
