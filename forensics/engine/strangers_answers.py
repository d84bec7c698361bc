"""What rules say of one subject, those of strangers asked in a contained child: see :mod:`forensics.engine.run`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from forensics.contained.failure import ContainedFailure
from forensics.contained.steps import Do, Steps, outcomes
from forensics.engine.answers import (
    Judged,
    NamedSubject,
    RuleAnswer,
    answers_about,
    chosen,
    find_subjects,
    in_order,
    subjects_named,
)
from forensics.engine.database import RuleDatabase
from forensics.engine.rule import Packs
from forensics.tables.row import Row

_SECONDS_IN_CHILD = 60
"""Work: seconds of processor time after which the process that one rule is asked in is ended."""


class AskedRules:
    """The rules of packs over the rows of a case.

    Args:
        tables: Rows by table name.
        as_of: What "expired" refers to.
        packs: The rules.
        database: The same rows; strangers' rules do not come near it.
    """

    def __init__(
        self, tables: Mapping[str, Sequence[Row]], as_of: datetime, packs: Packs, database: RuleDatabase
    ) -> None:
        self._tables = tables
        self._as_of = as_of
        self._built_in, self._strangers = packs.built_in, packs.of_strangers
        self._database = database

    def subjects(self, wanted: str) -> list[NamedSubject]:
        """Return what :func:`forensics.engine.answers.find_subjects` returns; a rule that fails names nothing."""
        if not self._strangers.rules:
            return find_subjects(self._database, self._built_in, wanted)
        text = wanted.casefold()
        found = subjects_named(self._database, self._built_in, text)
        for _, outcome in self._outcomes(_subjects_prepared, text):
            if not isinstance(outcome, ContainedFailure):
                for ours, theirs in zip(found, outcome, strict=True):
                    for subject in theirs:
                        ours.setdefault((subject.id, subject.machine_id), subject)
        return chosen(found, text)

    def answers(self, identities: Sequence[str], machines: frozenset[int] | None = None) -> dict[str, list[RuleAnswer]]:
        """Return what :func:`forensics.engine.answers.answers_about` returns, for each of several subjects."""
        said = {identity: answers_about(self._database, self._built_in, identity, machines) for identity in identities}
        for number, outcome in self._outcomes(_answers_prepared, (tuple(identities), machines)):
            rule = self._strangers.rules[number]
            if isinstance(outcome, ContainedFailure):
                for answers in said.values():
                    answers.append(RuleAnswer(rule, None, None, failed=outcome.message))
                continue
            for identity, parts in zip(identities, outcome, strict=True):
                said[identity] += [RuleAnswer(rule, *part) for part in parts]
        return {identity: in_order(answers) for identity, answers in said.items()}

    def _outcomes(self, prepare: Any, wanted: object) -> Iterator[tuple[int, Any | ContainedFailure]]:
        arguments = (self._tables, self._as_of, self._strangers, wanted)
        count = len(self._strangers.rules)
        return outcomes(Steps(prepare, arguments, count, _SECONDS_IN_CHILD, (Judged, NamedSubject)))


def _subjects_prepared(tables: Mapping[str, Sequence[Row]], as_of: datetime, packs: Packs, text: str) -> Do:
    database = RuleDatabase(tables, as_of)

    def do(number: int) -> list[list[NamedSubject]]:
        found = subjects_named(database, Packs((packs.rules[number],)), text)
        return [list(each.values()) for each in found]

    return do


def _answers_prepared(
    tables: Mapping[str, Sequence[Row]],
    as_of: datetime,
    packs: Packs,
    wanted: tuple[Sequence[str], frozenset[int] | None],
) -> Do:
    database = RuleDatabase(tables, as_of)
    identities, machines = wanted

    def do(number: int) -> list[list[tuple[Any, ...]]]:
        rule = Packs((packs.rules[number],))
        return [
            [_parts(answer) for answer in answers_about(database, rule, identity, machines)] for identity in identities
        ]

    return do


def _parts(answer: RuleAnswer) -> tuple[Any, ...]:
    """Return the fields of an answer but for the rule, which whoever asked has."""
    return (
        answer.value,
        answer.tree,
        answer.corroboration,
        answer.source_path,
        answer.severity,
        answer.machine_id,
        answer.failed,
    )
