"""A rule that cannot be asked becomes a problem that names it, and the others are asked all the same."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from forensics.engine.answers import answers_about
from forensics.engine.database import RuleDatabase
from forensics.engine.loader import load_packs
from forensics.engine.rule import Problem, RulePackError
from forensics.engine.run import run
from tests.engine.rule_files import tables, write_rules

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
ROWS = {"key_chain": [{"thumbprint": "AA", "access": "denied"}]}


def test_a_rule_that_fails_on_the_evidence(tmp_path: Path) -> None:
    broken = {"id": "broken", "when": {"asked": "json_extract(this.access, '$.a') = 1"}}
    packs = load_packs([write_rules(tmp_path, broken, {"id": "sound"})], built_in=False)
    result = run(packs, tables(ROWS), AS_OF)
    assert [finding.rule for finding in result.findings] == ["sound"]
    [problem] = result.problems
    assert (problem.machine_id, problem.kind, problem.offset) == (0, "rule_failed", None)
    assert problem.source_path == str(tmp_path / "0-broken.yaml")
    assert problem.message == "the rule broken could not be asked: no valid SQL: malformed JSON"


def test_no_time_at_all(tmp_path: Path) -> None:
    packs = load_packs([write_rules(tmp_path, {"id": "a"}, {"id": "b"})], built_in=False)
    result = run(packs, tables(ROWS), AS_OF, seconds=0)
    assert result.findings == []
    assert [(problem.kind, problem.message) for problem in result.problems] == [
        ("rule_stopped", "the rule a could not be asked: stopped after 0 seconds"),
        ("rule_stopped", "the rule b could not be asked: stopped after 0 seconds"),
    ]


def test_no_rules() -> None:
    result = run(load_packs(tables=()), tables(ROWS), AS_OF)
    assert (result.findings, result.problems) == ([], [])


def test_all_that_is_wrong_with_packs_is_in_the_error() -> None:
    problems = [Problem(Path("a.yaml"), 3, "one"), Problem(Path("b.yaml"), 4, "two")]
    error = RulePackError(problems)
    assert (str(error), error.problems) == ("a.yaml:3: one\nb.yaml:4: two", problems)


def test_explain_says_why_a_rule_could_not_be_asked(tmp_path: Path) -> None:
    broken = {"id": "broken", "when": {"asked": "json_extract(this.access, '$.a') = 1"}}
    packs = load_packs([write_rules(tmp_path, broken, {"id": "sound"})], built_in=False)
    with RuleDatabase(tables(ROWS), AS_OF) as database:
        told = {str(e.rule.id): (e.value, e.failed) for e in answers_about(database, packs, "AA")}
    assert told == {"broken": (None, "no valid SQL: malformed JSON"), "sound": (1, "")}
