"""Judges rules that are valid but could mislead: small checks, each with what to do instead."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from forensics.contained.failure import ContainedFailure
from forensics.contained.steps import Do, Steps, outcomes
from forensics.engine.beside import EXAMPLES, file_beside
from forensics.engine.conditions import NOT_KNOWN
from forensics.engine.dialect_differences import differences
from forensics.engine.examples import EXPECTATIONS, expectations, written_wrongly
from forensics.engine.impossible_values import impossible_values
from forensics.engine.other_machines import looks_at_others
from forensics.engine.rule import Packs, Presence, Problem, Rule, named_conditions
from forensics.engine.skeleton import unfilled
from forensics.engine.sql_text import quoted_texts, used_values, without_strings
from forensics.engine.templates import commands_in, names_in
from forensics.engine.written import written_leaves, written_sql
from forensics.tables.registry import ROW_CLASSES, column_specs

_SECONDS_IN_CHILD = 30
"""Work: seconds of processor time after which the process that judges one rule is ended."""
LONGEST_TITLE = 90
"""Display: characters of a rule's title."""


_BRACKETS = re.compile(r"[a-z]+\(e?s\)")


class Lint(ABC):
    """One thing that may be wrong with a rule.

    Attributes:
        name: Short name.
        recommendation: What to do about it.
    """

    name: ClassVar[str]
    recommendation: ClassVar[str]

    @abstractmethod
    def check(self, rule: Rule, packs: Packs) -> Iterator[Problem]:
        """Yield everything found, in a sentence each."""


class ExampleMissing(Lint):
    """A rule without its three kinds of example."""

    name = "example-missing"
    recommendation = "give every rule one example each that it matches, misses, and cannot decide"

    def check(self, rule: Rule, packs: Packs) -> Iterator[Problem]:
        """Yield the kinds that are missing."""
        path = file_beside(rule.path, EXAMPLES)
        for wanted in EXPECTATIONS:
            if wanted not in expectations(rule):
                yield Problem(path, 1, f"no example expects '{wanted}'")


class UnknownReadAsNo(Lint):
    """SQL that compares a column which says ``not_examined`` in a word."""

    name = "unknown-read-as-no"
    recommendation = "use the shorthand {column: value}, or nullif(this.column, 'not_examined')"

    def check(self, rule: Rule, packs: Packs) -> Iterator[Problem]:
        """Yield comparisons that take "not examined" for "no"."""
        columns = "|".join(s.name for s in column_specs(rule.table) if not NOT_KNOWN.isdisjoint(s.possible_values))
        if not columns:
            return
        compared = re.compile(rf"(?<!nullif\()\bthis\.({columns})\s*(?:=|<>|!=|\bIN\b|\bNOT\s+IN\b|\bLIKE\b)", re.I)
        for leaf in written_leaves(rule):
            for found in compared.finditer(without_strings(leaf.sql)):
                yield Problem(
                    rule.path, leaf.line, f"'{leaf.name}' is false, not unknown, where {found[1]} was not examined"
                )


class AbsenceWithoutCoverage(Lint):
    """``NOT EXISTS`` over evidence."""

    name = "absence-without-coverage"
    recommendation = "write none-of, which asks whether the place was examined"

    _ABSENCE = re.compile(r"\bNOT\s+EXISTS\b|\bNOT\s+IN\s*\(\s*SELECT\b", re.I)

    def check(self, rule: Rule, packs: Packs) -> Iterator[Problem]:
        """Yield conditions that take what was not found for what is not there."""
        for leaf in written_leaves(rule):
            if self._ABSENCE.search(without_strings(leaf.sql)):
                yield Problem(
                    rule.path, leaf.line, f"'{leaf.name}' takes a row that was not found for one that is not there"
                )


class MachinesMixed(Lint):
    """A rule that looks at other machines and does not say so, or says so and does not."""

    name = "machines-mixed"
    recommendation = (
        "compare machine_id in every subquery and join, since a case may hold many machines; "
        "a rule that is meant to look at others declares 'across: machines'"
    )

    def check(self, rule: Rule, packs: Packs) -> Iterator[Problem]:
        """Yield SQL that could take a row of another machine, or a declaration for which there is none."""
        if not rule.spans_machines:
            yield from looks_at_others(rule)
        elif not any(looks_at_others(rule)):
            yield Problem(rule.path, rule.line("across"), "the rule looks at no other machine")


class FileNameDiffers(Lint):
    """A file with another name than its rule."""

    name = "file-name-differs"
    recommendation = "name the file <id>.yaml, so that a finding leads to its rule"

    def check(self, rule: Rule, packs: Packs) -> Iterator[Problem]:
        """Yield the id."""
        if rule.path.stem != rule.id:
            yield Problem(rule.path, rule.line("id"), f"the rule {rule.id} is in {rule.path.name}")


class TitleForm(Lint):
    """A title that is no short sentence."""

    name = "title-form"
    recommendation = f"write one sentence of at most {LONGEST_TITLE} characters, without full stop and without values"

    def check(self, rule: Rule, packs: Packs) -> Iterator[Problem]:
        """Yield titles that are too long, end in a full stop or have braces."""
        if len(rule.title) > LONGEST_TITLE or rule.title.endswith(".") or "{{" in rule.title:
            yield Problem(rule.path, rule.line("title"), f"the title is {rule.title!r}")


class PluralInBrackets(Lint):
    """A noun that is counted and left in singular and plural, such as ``key(s)``."""

    name = "plural-in-brackets"
    recommendation = "write {{ count: # key is, # keys are }} in a text, and CASE in SQL"

    def check(self, rule: Rule, packs: Packs) -> Iterator[Problem]:
        """Yield texts and values with such a noun."""
        for key, text, line in (
            *((key, text, rule.line(key)) for key, text in (("because", rule.because), ("remedy", rule.remedy))),
            *((name, sql.text, sql.line) for name, sql in rule.values.items()),
        ):
            for found in _BRACKETS.findall(text):
                yield Problem(rule.path, line, f"'{key}' says {found!r}")


class NothingToDo(Lint):
    """A finding that leaves the reader alone."""

    name = "nothing-to-do"
    recommendation = "say in 'remedy' what can be done, or give the rule severity info"

    def check(self, rule: Rule, packs: Packs) -> Iterator[Problem]:
        """Yield rules that are more than information and have no remedy."""
        if not rule.remedy and any(level.value != "info" for level in rule.severity):
            yield Problem(
                rule.path, rule.line("severity"), "the rule says that something is wrong and not what can be done"
            )


class ReferenceMissing(Lint):
    """A rule whose facts cannot be looked up."""

    name = "reference-missing"
    recommendation = "name where its facts can be read, as https:// links"

    def check(self, rule: Rule, packs: Packs) -> Iterator[Problem]:
        """Yield rules without references, and references that are no links."""
        if not rule.references:
            yield Problem(rule.path, rule.line("references"), "the rule names no reference")
        for reference in rule.references:
            if not reference.startswith("https://"):
                yield Problem(rule.path, reference.line, f"'{reference}' is no https:// link")


class ExplainsNothing(Lint):
    """``explains`` that leads nowhere."""

    name = "explains-nothing"
    recommendation = "name rules that exist, and let no rule explain its own cause"

    def check(self, rule: Rule, packs: Packs) -> Iterator[Problem]:
        """Yield rules that do not exist, and circles."""
        for explained in rule.explains:
            if packs.rule(explained) is None:
                yield Problem(rule.path, explained.line, f"there is no rule '{explained}'")
            elif rule.id in _consequences(explained, packs):
                yield Problem(rule.path, explained.line, f"'{explained}' explains {rule.id} in turn")


class ValueUnused(Lint):
    """A value that nothing uses."""

    name = "value-unused"
    recommendation = "use it in a text, in group or in SQL, or leave it out"

    def check(self, rule: Rule, packs: Packs) -> Iterator[Problem]:
        """Yield values without use."""
        used = names_in(rule.because) | names_in(rule.remedy) | {key.text for key in rule.group}
        pieces = [s.text for s in (*rule.values.values(), *rule.joins.values(), *rule.group)]
        pieces += [rule.subject_id.text, rule.subject_label.text]
        pieces += [level.when for level in (*rule.severity, *rule.confidence) if level.when]
        for condition in (*named_conditions(rule.when), *rule.corroboration):
            pieces.append(condition.where if isinstance(condition, Presence) else condition.sql)
        for piece in pieces:
            used |= used_values(piece)
        for name, sql in rule.values.items():
            if name not in used:
                yield Problem(rule.path, sql.line, f"nothing uses the value '{name}'")


class NamedTwice(Lint):
    """Two conditions that ask different things under one name."""

    name = "named-twice"
    recommendation = "give every condition a name of its own: explain prints nothing else"

    def check(self, rule: Rule, packs: Packs) -> Iterator[Problem]:
        """Yield names that stand for different conditions."""
        seen: dict[str, str] = {}
        for condition in (*named_conditions(rule.when), *rule.corroboration):
            asks = condition.where if isinstance(condition, Presence) else condition.sql
            if seen.setdefault(condition.name, asks) != asks:
                yield Problem(rule.path, condition.line, f"two conditions are called '{condition.name}'")


class TranslationDiffers(Lint):
    """A translation that tells other values, or gives other commands, than the English text."""

    name = "translation-differs"
    recommendation = "name the same values in every language, give the same commands, and translate phrases that exist"

    def check(self, rule: Rule, packs: Packs) -> Iterator[Problem]:
        """Yield values and commands that only one of the languages has, and phrases that no value says."""
        said = set().union(*(quoted_texts(sql.text) for sql in rule.values.values()))
        for language, other in rule.translations.items():
            for key, english, text in (
                ("because", rule.because, other.because),
                ("remedy", rule.remedy, other.remedy),
            ):
                for name in sorted(names_in(english) ^ names_in(text)):
                    yield Problem(
                        other.path,
                        text.line,
                        f"'{key}' names '{name}' in one language and not in '{language}' or in English",
                    )
                if english and not text:
                    yield Problem(other.path, 1, f"'{key}' is missing in '{language}'")
                elif commands_in(english) != commands_in(text):
                    yield Problem(
                        other.path, text.line, f"'{key}' gives other commands in '{language}' than in English"
                    )
            for phrase in other.phrases:
                if phrase not in said:
                    yield Problem(other.path, phrase.line, f"'{phrase}' of '{language}' is no quoted text of any value")


class NotShared(Lint):
    """SQL that means something else in DuckDB, in which packs run over a fleet."""

    name = "not-shared"
    recommendation = (
        "keep to the SQL that SQLite and DuckDB read alike, so that the rule runs over a fleet's Parquet files"
    )

    def check(self, rule: Rule, packs: Packs) -> Iterator[Problem]:
        """Yield the differences in every piece of SQL."""
        kinds = {(name, spec.name): spec.kind for name in ROW_CLASSES for spec in column_specs(name)}
        kinds |= {("this", spec.name): spec.kind for spec in column_specs(rule.table)}
        for line, text in written_sql(rule):
            for message in differences(text, kinds):
                yield Problem(rule.path, line, message)


class ImpossibleValue(Lint):
    """SQL that compares a column with a word that it never holds."""

    name = "impossible-value"
    recommendation = "write one of the column's own words, or the shorthand {column: value}, which is always checked"

    def check(self, rule: Rule, packs: Packs) -> Iterator[Problem]:
        """Yield the comparisons that no row can satisfy."""
        for line, text in written_sql(rule):
            for column, word, words in impossible_values(text, rule.table, list(rule.joins)):
                yield Problem(rule.path, line, f"'{column}' is never '{word}'; it is one of {', '.join(words)}")


class WrongExample(Lint):
    """An example that cannot be run."""

    name = "wrong-example"
    recommendation = "write what the tables can hold"

    def check(self, rule: Rule, packs: Packs) -> Iterator[Problem]:
        """Yield tables, columns and values that are not there."""
        yield from written_wrongly(rule)


class NotFilledIn(Lint):
    """A rule that was begun and not finished."""

    name = "not-filled-in"
    recommendation = "write it, or take it out"

    def check(self, rule: Rule, packs: Packs) -> Iterator[Problem]:
        """Yield what the skeleton left to the author."""
        yield from unfilled(rule)


LINTS: tuple[type[Lint], ...] = (
    ExampleMissing,
    UnknownReadAsNo,
    AbsenceWithoutCoverage,
    MachinesMixed,
    FileNameDiffers,
    TitleForm,
    PluralInBrackets,
    NothingToDo,
    ReferenceMissing,
    ExplainsNothing,
    ValueUnused,
    NamedTwice,
    TranslationDiffers,
    NotShared,
    ImpossibleValue,
    WrongExample,
    NotFilledIn,
)


def lint(packs: Packs, only: Sequence[Rule] | None = None) -> list[Problem]:
    """Return what could be better about rules, with the recommendation in each message.

    Args:
        packs: All rules, loaded with their examples.
        only: The rules to judge; all if not given.
    """
    return [
        found._replace(message=f"{found.message} [{check.name}]; {check.recommendation}")
        for rule in (packs.rules if only is None else only)
        for check in LINTS
        for found in check().check(rule, packs)
    ]


def lint_contained(packs: Packs, only: Sequence[Rule]) -> list[Problem]:
    """Judge rules as :func:`lint` does, those of strangers in a contained child."""
    found = {id(rule): lint(packs, [rule]) for rule in only if rule.built_in}
    strangers = tuple(rule for rule in only if not rule.built_in)
    for number, outcome in outcomes(Steps(_prepared, (packs, strangers), len(strangers), _SECONDS_IN_CHILD)):
        rule = strangers[number]
        if isinstance(outcome, ContainedFailure):
            found[id(rule)] = [Problem(rule.path, 1, f"judging it was ended: {outcome.message}")]
        else:
            found[id(rule)] = [Problem(Path(path), line, message) for path, line, message in outcome]
    return [problem for rule in only for problem in found[id(rule)]]


def _prepared(packs: Packs, rules: Sequence[Rule]) -> Do:
    """Return what judges a rule in a contained child."""
    return lambda number: [(str(path), line, message) for path, line, message in lint(packs, [rules[number]])]


def _consequences(rule_id: str, packs: Packs) -> set[str]:
    """Return every rule that a rule explains, directly or through others."""
    found: set[str] = set()
    waiting = [rule_id]
    while waiting:
        rule = packs.rule(waiting.pop())
        for explained in rule.explains if rule else ():
            if explained not in found:
                found.add(str(explained))
                waiting.append(str(explained))
    return found
