"""Rules that do not declare that they look at other machines say of each disk what they say of all together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from forensics.engine.compiler import Query
from forensics.engine.database import RuleDatabase
from forensics.engine.loader import load_packs
from forensics.engine.other_machines import looks_at_others
from forensics.engine.rule import Rule
from tests.engine.example_case import STEP, Values, examples

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
PACKS = load_packs()
PARTS = 6
"""Into which the examples are put, so that neighbours are apart."""
ACROSS = {
    "clone-without-generalize",
    "duplicate-machine-sid-enforced",
    "device-not-in-eklist",
    "certificate-only-guardian-backup",
    "guest-moved-hosts",
    "old-guardian-still-needed",
    "tpm-changed-since-key",
    "efs-recovery-agent-ended",
    "private-key-on-several-machines",
}


@pytest.fixture(scope="module")
def whole() -> Iterator[RuleDatabase]:
    with RuleDatabase({}, AS_OF, values=examples().together, seconds=300) as database:
        yield database


def test_both_halves() -> None:
    assert {str(rule.id) for rule in PACKS.across_machines.rules} == ACROSS
    assert {str(rule.id) for rule in PACKS.of_one_machine.rules} == {str(rule.id) for rule in PACKS.rules} - ACROSS


def test_what_is_declared_is_what_the_sql_does() -> None:
    assert {str(rule.id) for rule in PACKS.rules if any(looks_at_others(rule))} == ACROSS


def test_rules_of_one_machine_say_the_same_of_each_disk_alone(whole: RuleDatabase) -> None:
    rules = examples().packs.of_one_machine.rules
    together = {rule.id: judged(rule, whole) for rule in rules}
    apart: dict[str, dict[int, list[tuple[object, ...]]]] = {rule.id: {} for rule in rules}
    for first in range(PARTS):
        values: Values = defaultdict(list)
        for number in range(first, len(examples().apart), PARTS):
            for table, rows in examples().apart[number].items():
                values[table] += rows
        with RuleDatabase({}, AS_OF, values=values) as part:
            for rule in rules:
                apart[rule.id] |= judged(rule, part)
    assert apart == together


def judged(rule: Rule, database: RuleDatabase) -> dict[int, list[tuple[object, ...]]]:
    """Return what the rows of each example came out as."""
    told: dict[int, list[tuple[object, ...]]] = defaultdict(list)
    query = Query(rule, database.former)
    machine_of = dict(database.query(f"SELECT rowid, machine_id FROM {rule.table}"))
    for rowid, *words in database.query(query.judged()):
        told[machine_of[rowid] // STEP].append(tuple(words))
    return dict(told)
