"""What rules mean, pinned by the YAML files in fixtures/."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from forensics.engine.answers import answers_about
from forensics.engine.compiler import Query
from forensics.engine.database import RuleDatabase
from forensics.engine.lint import LINTS, lint
from forensics.engine.loader import load_packs
from forensics.engine.rule import RulePackError
from forensics.engine.run import run
from forensics.tables.finding_json import as_json
from tests.engine.rule_files import EXAMPLES, fixture, tables, write_rule, write_rules

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)


def names(cases: list[dict[str, Any]], key: str) -> list[str]:
    """Return ids that can be given to pytest again: it does not find those with backslashes."""
    return [ascii(case.get(key, case)).replace("\\", "")[:70] for case in cases]


def verdict(folder: Path, change: dict[str, Any], rows: dict[str, list[dict[str, Any]]]) -> str:
    """Return what a rule says of the first row, as the run, the examples and explain each see it."""
    packs = load_packs([write_rules(folder, {**change, "report-unknown": "true"})], built_in=False)
    [rule] = packs.rules
    whole = tables(rows)
    found: list[str] = [f.verdict for f in run(packs, whole, AS_OF).findings]
    with RuleDatabase(whole, AS_OF) as database:
        counted = list(database.query(Query(rule).verdicts()))
        [explained] = answers_about(database, packs, "AA")
    words = {1: "match", 0: "miss", None: "unknown"}
    assert [words[truth] for truth, _ in counted] == [words[explained.value]] == (found or ["miss"])
    return words[explained.value]


LOGIC = fixture("logic")


@pytest.mark.parametrize("case", LOGIC, ids=names(LOGIC, "when"))
def test_three_valued_logic(case: dict[str, Any], tmp_path: Path) -> None:
    row = {"thumbprint": "AA", **case.get("row", {})}
    assert verdict(tmp_path, {"when": case["when"]}, {"key_chain": [row]}) == case["verdict"]


def test_unknown_rows_are_no_findings_unless_the_rule_says_so(tmp_path: Path) -> None:
    packs = load_packs([write_rules(tmp_path, {})], built_in=False)
    assert run(packs, tables({"key_chain": [{"thumbprint": "AA"}]}), AS_OF).findings == []


COVERAGE = fixture("coverage")


@pytest.mark.parametrize("word", ["none-of", "some-of"])
@pytest.mark.parametrize("case", COVERAGE, ids=names(COVERAGE, "coverage"))
def test_absence_needs_coverage(case: dict[str, Any], word: str, tmp_path: Path) -> None:
    asked = {
        "name": "told",
        "from": "setup_event",
        "where": "setup_event.machine_id = this.machine_id AND setup_event.phase = 'generalize'",
        "covered": case.get("covered", {"area": "log", "name": "setupact.log"}),
    }
    columns = ("area", "name", "outcome", "machine_id")
    rows: dict[str, list[dict[str, Any]]] = {
        "key_chain": [{"thumbprint": "AA"}],
        "setup_event": [{"phase": "generalize", "machine_id": 1 if case["found"] else 2}],
        "coverage": [dict(zip(columns, row, strict=True)) for row in case["coverage"]],
    }
    assert verdict(tmp_path, {"when": {word: asked}}, rows) == case[word]


FINDINGS = fixture("findings")


@pytest.mark.parametrize("case", FINDINGS, ids=names(FINDINGS, "name"))
def test_findings(case: dict[str, Any], tmp_path: Path) -> None:
    packs = load_packs([write_rules(tmp_path, *case["rules"])], built_in=False)
    result = run(packs, tables(case["rows"]), AS_OF)
    assert result.problems == []
    found = map(dict, map(as_json, result.findings))
    shown = [{key: whole[key] for key in wanted} for wanted, whole in zip(case["findings"], found, strict=True)]
    assert shown == case["findings"]


REFUSED = fixture("refused")


@pytest.mark.parametrize("case", REFUSED, ids=names(REFUSED, "sql"))
def test_sql_that_rules_may_not_use(case: dict[str, Any], tmp_path: Path) -> None:
    path = write_rules(tmp_path, {"when": {"asked": case["sql"]}}) / "0-rule.yaml"
    with pytest.raises(RulePackError) as refused:
        load_packs([tmp_path], built_in=False)
    [problem] = refused.value.problems
    assert str(problem).startswith(f"{path}:7: ")
    assert case["says"] in problem.message


INVALID = fixture("invalid")


@pytest.mark.parametrize("case", INVALID, ids=names(INVALID, "problems"))
def test_invalid_files_are_told_with_file_and_line(case: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "rule.yaml"
    if "text" in case:
        path.write_text(case["text"], encoding="utf-8")
    else:
        write_rule(path, case["change"])
    with pytest.raises(RulePackError) as refused:
        load_packs([path], built_in=False)
    problems = refused.value.problems
    for line, message in case["problems"].items():
        assert [p for p in problems if p.path == path and p.line == line and message in p.message], problems
    if "change" in case:
        assert len(problems) == 1


LINT = fixture("lint")
LINTED_BESIDE = {
    "example-missing": ".examples.yaml",
    "wrong-example": ".examples.yaml",
    "translation-differs": ".ja.yaml",
}
"""Checks that judge a file beside the rule."""


@pytest.mark.parametrize("case", LINT, ids=names(LINT, "change"))
def test_lint(case: dict[str, Any], tmp_path: Path) -> None:
    path = write_rule(tmp_path / "rule.yaml", {"examples": EXAMPLES, **case["change"]})
    problems = lint(load_packs([path], built_in=False, examples=True))
    recommendations = {check.name: check.recommendation for check in LINTS}
    for problem, name in zip(problems, case["lints"], strict=True):
        assert f" [{name}]; {recommendations[name]}" in problem.message
        assert problem.path == path.with_suffix(LINTED_BESIDE.get(name, ".yaml"))


def test_every_lint_is_tested() -> None:
    assert {name for case in LINT for name in case["lints"]} == {check.name for check in LINTS}
