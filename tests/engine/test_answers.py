"""explain: each rule about a subject, condition by condition, and finding subjects by name."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from forensics.engine.answers import MOST_ROWS, Judged, RuleAnswer, answers_about, find_subjects
from forensics.engine.database import RuleDatabase
from forensics.engine.loader import load_packs
from tests.engine.rule_files import tables, write_rules

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
ROWS = {
    "machine": [{"computer_name": "WEB01"}],
    "key_chain": [
        {"thumbprint": "AA", "subject": "CN=web01.contoso.test", "access": "denied", "store": "MY"},
        {"thumbprint": "BB", "subject": "CN=api", "access": "ok", "store": "MY"},
        {"thumbprint": "AA", "subject": "CN=web01.contoso.test", "store": "Remote Desktop"},
    ],
}


def explained(folder: Path, subject: str, *rules: dict[str, object]) -> list[RuleAnswer]:
    packs = load_packs([write_rules(folder, *rules)], built_in=False)
    with RuleDatabase(tables(ROWS), AS_OF) as database:
        return answers_about(database, packs, subject)


def test_tree_with_every_condition(tmp_path: Path) -> None:
    when = {"all": [{"in MY": "this.store = 'MY'"}, {"any": [{"access": "denied"}, {"not": {"no": "NULL"}}]}]}
    [first, second] = explained(tmp_path, "AA", {"when": when, "corroboration": [{"extra": "0"}]})
    assert first.tree == Judged(
        "all",
        True,
        children=(
            Judged("condition", True, "in MY"),
            Judged(
                "any",
                True,
                children=(
                    Judged("condition", True, "access is denied"),
                    Judged("not", None, children=(Judged("condition", None, "no"),)),
                ),
            ),
        ),
    )
    assert (first.value, first.severity, first.source_path) == (True, "high", "key_chain/0")
    assert first.corroboration == (Judged("condition", False, "extra"),)
    assert (second.value, second.source_path) == (False, "key_chain/2")


def test_matches_come_first_then_unknown_then_near_misses(tmp_path: Path) -> None:
    rules: list[dict[str, Any]] = [
        {"id": "far", "when": {"all": [{"a": "0"}, {"b": "0"}, {"c": "1"}]}},
        {"id": "near", "when": {"all": [{"a": "0"}, {"b": "1"}, {"c": "1"}]}},
        {"id": "unknown", "when": {"a": "NULL"}},
        {"id": "match", "when": {"a": "1"}},
        {"id": "machine", "for": "machine", "when": {"a": "1"}, "because": "x"},
        {"id": "single", "when": {"a": "0"}},
    ]
    told = explained(tmp_path, "BB", *rules)
    assert [(e.rule.id, e.value, e.is_near_miss) for e in told] == [
        ("match", True, False),
        ("unknown", None, False),
        ("near", False, True),
        ("far", False, False),
        ("single", False, False),
    ]


def test_rows_of_one_subject_are_bounded(tmp_path: Path) -> None:
    packs = load_packs([write_rules(tmp_path, {})], built_in=False)
    with RuleDatabase(tables({"key_chain": [{"thumbprint": "AA"}] * 50}), AS_OF) as database:
        assert len(answers_about(database, packs, "AA")) == MOST_ROWS


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("api", ["BB"]),
        ("CN=", ["AA", "BB"]),
        ("web01", ["WEB01"]),
        ("WEB01.", ["AA"]),
        ("aa", ["AA"]),
        ("nothing", []),
        ("", []),
        (" ", []),
        ("%", []),
    ],
)
def test_subjects_by_a_part_of_their_name(wanted: str, found: list[str], tmp_path: Path) -> None:
    rules = write_rules(tmp_path, {}, {"id": "machine", "for": "machine", "when": {"a": "1"}, "because": "x"})
    packs = load_packs([rules], built_in=False)
    with RuleDatabase(tables(ROWS), AS_OF) as database:
        assert [s.id for s in find_subjects(database, packs, wanted)] == found


def test_a_user_and_his_certificate_have_one_name(tmp_path: Path) -> None:
    rules = write_rules(tmp_path, {}, {"id": "user", "for": "user", "when": {"a": "1"}, "because": "x"})
    packs = load_packs([rules], built_in=False)
    sid = "S-1-5-21-1-2-3-1001"
    certificates = [{"thumbprint": "AA", "subject": "CN=Alice"}, {"thumbprint": "BB", "subject": "CN=alice-old"}]
    with RuleDatabase(tables({"key_chain": certificates, "user": [{"sid": sid, "name": "alice"}]}), AS_OF) as database:
        assert {s.id for s in find_subjects(database, packs, "alice")} == {"AA", sid}
