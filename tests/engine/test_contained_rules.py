"""Rules of strangers that crash or hang their process: told by name, and all others asked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

import forensics
from forensics.case import Case
from forensics.contained.child import is_possible
from forensics.engine import examples, lint, loader, run, strangers_answers
from forensics.engine.answers import Judged, answers_about, find_subjects
from forensics.engine.database import RuleDatabase
from forensics.engine.loader import load_packs
from forensics.engine.rule import RulePackError
from forensics.engine.run import FINDING_CLASSES, run_contained
from forensics.report.unanswered import unanswered
from forensics.tables.finding import Finding
from forensics.tables.record import ProblemRow
from tests.contained.classes import classes_within
from tests.contained.stepwise import ending
from tests.engine.rule_files import EXAMPLES, tables, write_rules
from tests.hand_made import rows
from tests.time_bound import within

pytestmark = pytest.mark.skipif(not is_possible(), reason="this system has no fork: rules are asked in this process")

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
CRASH, HANG, FINE = (
    {"id": each, "for": "machine", "when": {"all": [{f"it is {each}": "this.machine_id > 0"}]}, "because": "Because.",
     "subject": {"id": "this.computer_name", "label": "this.computer_name"}}
    for each in ("crash", "hang", "fine")
)  # fmt: skip
ENDS = {0: "fall", 1: "spin"}
SAID = {
    "crash": "it crashed (SIGSEGV)",
    "hang": "it took more than 0.3 seconds of processor time",
}
TIME = 0.3
"""Seconds of processor time; asking a rule takes a hundredth of it."""


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return write_rules(tmp_path, CRASH, HANG, FINE)


def case() -> Case:
    return Case(rows(), as_of=AS_OF)


def hostile(monkeypatch: pytest.MonkeyPatch, module: ModuleType, prepare: str, seconds: str) -> None:
    """Have the first rule crash whatever asks it, and the second one hang."""
    monkeypatch.setattr(module, prepare, partial(ending, ENDS, f"{module.__name__}.{prepare}"))
    monkeypatch.setattr(module, seconds, TIME)


def test_a_rule_that_ends_its_process_is_a_problem_and_the_others_are_asked(
    pack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = case()
    forensics.apply_rules(asked)
    ours = list(asked.finding_list)
    assert ours
    assert not unanswered(asked)
    hostile(monkeypatch, run, "_prepared", "_GRACE")
    monkeypatch.setattr(run, "SECONDS_PER_RULE", 0.0)
    monkeypatch.setattr(run, "seconds_per_rule", lambda rows: 0.9)
    forensics.apply_rules(asked, pack)
    assert [f for f in asked.finding_list if f.rule != "fine"] == ours
    assert [f.rule for f in asked.finding_list if f.rule in ("crash", "hang", "fine")] == ["fine"]
    assert [(row.kind, row.message) for row in unanswered(asked)] == [
        ("rule_failed", f"the rule crash could not be asked: {SAID['crash']}"),
        ("rule_stopped", f"the rule hang could not be asked: {SAID['hang']}"),
    ]
    assert {Path(row.source_path).parent for row in unanswered(asked)} == {pack}
    assert asked.is_incomplete


def test_findings_of_strangers_are_those_that_this_process_makes(tmp_path: Path) -> None:
    packs = load_packs([write_rules(tmp_path, {}, FINE)])
    denied = tables({"key_chain": [{"thumbprint": "AA", "access": "denied"}] * 3})["key_chain"]
    filled = {**case().tables, "key_chain": denied}
    assert run_contained(packs, filled, AS_OF) == run.run(packs, filled, AS_OF)
    assert {"rule", "fine"} <= {str(f.rule) for f in run_contained(packs, filled, AS_OF).findings}


def test_every_class_that_a_finding_may_hold_may_come_back() -> None:
    assert classes_within(Finding) | classes_within(ProblemRow) <= {*FINDING_CLASSES}
    assert classes_within(Judged) == {Judged}


def test_explain_tells_of_a_rule_that_ended_its_process(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = case().rows("machine")[0].computer_name
    packs, whole = load_packs([pack]), case()
    with RuleDatabase(whole.tables, AS_OF) as database:
        subjects = find_subjects(database, packs, host)
        alone = {s.id: answers_about(database, packs, s.id) for s in subjects}
    assert forensics.explain(whole, host, pack).answers == alone
    assert {str(answer.rule.id) for answer in alone[host]} >= {"crash", "hang", "fine"}
    hostile(monkeypatch, strangers_answers, "_answers_prepared", "_SECONDS_IN_CHILD")
    told = forensics.explain(whole, host, pack)
    assert {str(a.rule.id): a.failed for a in told.answers[host] if not a.rule.built_in} == {**SAID, "fine": ""}
    assert [a for a in told.answers[host] if a.rule.built_in] == [a for a in alone[host] if a.rule.built_in]


def test_what_only_a_stranger_calls_so_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = {**FINE, "subject": {"id": "'stranger ' || this.computer_name", "label": "'Anything'"}}
    folder = write_rules(tmp_path, CRASH, HANG, named)
    host = case().rows("machine")[0].computer_name
    hostile(monkeypatch, strangers_answers, "_subjects_prepared", "_SECONDS_IN_CHILD")
    assert set(forensics.explain(case(), f"Stranger {host}", folder).answers) == {f"stranger {host}"}


@pytest.mark.parametrize("question", ["list", "show", "lint", "test", "apply", "explain"])
def test_a_pack_that_cannot_be_checked_is_refused_by_the_file(
    pack: Path, question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile(monkeypatch, loader, "_prepared", "_SECONDS_IN_CHILD")
    ask: dict[str, Callable[[], object]] = {
        "list": lambda: forensics.list_rules(pack),
        "show": lambda: forensics.show_rule("fine", pack),
        "lint": lambda: forensics.lint_rules(pack),
        "test": lambda: forensics.test_rules(pack),
        "apply": lambda: forensics.apply_rules(case(), pack),
        "explain": lambda: forensics.explain(case(), "anything", pack),
    }
    with pytest.raises(RulePackError) as raised:
        ask[question]()
    assert [(p.path.parent, p.line, p.message) for p in raised.value.problems] == [
        (pack, 1, f"checking it was ended: {said}") for said in SAID.values()
    ]


def test_what_lint_cannot_judge_is_told(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile(monkeypatch, lint, "_prepared", "_SECONDS_IN_CHILD")
    problems = forensics.lint_rules(pack).problems
    assert [p.message for p in problems if "was ended" in p.message] == [
        f"judging it was ended: {said}" for said in SAID.values()
    ]
    assert any("[example-missing]" in p.message for p in problems)


def test_an_expression_that_never_ends_is_told_by_its_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the operating system ends a search of Python's ``re``."""
    monkeypatch.setattr(examples, "_SECONDS_IN_CHILD", TIME)
    endless = {**EXAMPLES[0], "because": "(a|aa)+$"}
    rule = {"because": "a" * 60 + "!", "examples": [endless, *EXAMPLES]}
    with within(20):
        result = forensics.test_rules(write_rules(tmp_path, rule))
    assert [(p.path.name, p.line, p.message) for p in result.problems] == [
        ("0-rule.examples.yaml", 1, f"rule, example 1: running it was ended: {SAID['hang']}")
    ]
    assert result.run == {"match": 2, "miss": 1, "unknown": 1}
