"""The statement for what matches asks nothing twice: what a match needs is known of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from forensics.engine.compiler import Query
from forensics.engine.loader import load_packs
from forensics.engine.run import run
from forensics.tables.finding import ConditionValue, Finding
from tests.engine.rule_files import tables, write_rules

NEEDED = "this.public_key = 'match'"
ONE_OF_TWO = "this.verdict = 'unusable'"
NOT_SO = "this.verdict = 'usable'"
LOOKED_UP = "certificate_use.thumbprint = 'BB'"
WHEN = {
    "all": [
        {"access": "denied"},
        {"the public half fits": NEEDED},
        {"any": [{"it fails": ONE_OF_TWO}, {"it would do": NOT_SO}]},
        {"not": {"it is sealed": "this.private_key = 'sealed_tpm'"}},
        {"none-of": {"name": "nothing uses it", "from": "certificate_use", "where": LOOKED_UP, "covered": "always"}},
    ]
}
ROW = {"thumbprint": "AA", "access": "denied", "public_key": "match", "verdict": "unusable", "private_key": "proved"}
AS_OF = datetime(2026, 11, 22, tzinfo=UTC)


def query(tmp_path: Path, **change: Any) -> Query:
    packs = load_packs([write_rules(tmp_path, {"when": WHEN, **change})], built_in=False)
    return Query(packs.rules[0])


def finding(tmp_path: Path, row: dict[str, str]) -> Finding:
    packs = load_packs([write_rules(tmp_path, {"when": WHEN})], built_in=False)
    [found] = run(packs, tables({"key_chain": [row]}), AS_OF).findings
    return found


def test_what_every_match_needs_is_asked_once(tmp_path: Path) -> None:
    sql = query(tmp_path).matches()
    assert {text: sql.count(text) for text in (NEEDED, ONE_OF_TWO, NOT_SO, LOOKED_UP)} == {
        NEEDED: 1,
        ONE_OF_TWO: 2,
        NOT_SO: 2,
        LOOKED_UP: 1,
    }


def test_where_the_undecided_are_told_everything_is_asked(tmp_path: Path) -> None:
    sql = query(tmp_path, **{"report-unknown": True}).matches()
    assert [sql.count(text) for text in (NEEDED, ONE_OF_TWO)] == [3, 3]


def test_the_conditions_are_told_all_the_same(tmp_path: Path) -> None:
    found = finding(tmp_path, ROW)
    assert found.verdict == "match"
    assert found.conditions == (
        ConditionValue("access is denied", "yes"),
        ConditionValue("the public half fits", "yes"),
        ConditionValue("it fails", "yes"),
        ConditionValue("it would do", "no"),
        ConditionValue("it is sealed", "no"),
        ConditionValue("nothing uses it", "yes"),
    )
