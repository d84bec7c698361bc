"""The catalogue: each cause can be examined, each rule it names is there, each claim has its source."""

from __future__ import annotations

from typing import get_args

import pytest

import forensics
from forensics.report.symptoms.causes import CAUSES, CauseName
from forensics.report.symptoms.codes import CODES
from forensics.report.symptoms.events import EVENTS
from forensics.report.symptoms.key_checks import KEY_CHECKS
from forensics.report.symptoms.other_checks import OTHER_CHECKS
from forensics.report.symptoms.recognise import SYMPTOMS, read_symptom
from forensics.report.symptoms.symptom import Symptom
from tests.paths import PROJECT


def test_each_cause_is_examined_in_one_way() -> None:
    assert set(CAUSES) == set(get_args(CauseName))
    for name, cause in CAUSES.items():
        ways = [name in KEY_CHECKS, name in OTHER_CHECKS, bool(cause.why_open)]
        assert ways.count(True) == 1, name


def test_each_cause_is_one_of_a_symptom() -> None:
    assert {known.name for symptom in SYMPTOMS for known in symptom.causes} == set(CAUSES)


def test_rules_are_there() -> None:
    rules = {str(rule.id) for rule in forensics.list_rules().rules}
    assert {rule for cause in CAUSES.values() for rule in cause.rules} - rules == set()


@pytest.mark.parametrize("symptom", SYMPTOMS, ids=lambda symptom: symptom.name)
def test_a_symptom_is_told_once_and_sourced(symptom: Symptom) -> None:
    assert [other.name for other in SYMPTOMS].count(symptom.name) == 1
    assert not symptom.meaning.endswith(".")
    assert symptom.source.startswith("https://")
    names = [known.name for known in symptom.causes]
    assert len(names) == len(set(names))
    assert all(known.source.startswith("https://") for known in symptom.causes)


def test_codes_and_events_are_unique() -> None:
    codes = [symptom.code for symptom in CODES if symptom.code is not None]
    events = [symptom.event_id for symptom in EVENTS]
    assert (len(codes), len(events)) == (len(set(codes)), len(set(events)))
    assert all(symptom.event_id is None for symptom in CODES)
    assert all(symptom.code is None and symptom.providers for symptom in EVENTS)


@pytest.mark.parametrize("symptom", SYMPTOMS, ids=lambda symptom: symptom.name)
def test_every_text_is_recognised(symptom: Symptom) -> None:
    for text in (symptom.meaning, *symptom.texts):
        asked = read_symptom(text)
        assert asked is not None
        assert asked.symptom is symptom


def test_the_manual_lists_every_symptom_and_no_other() -> None:
    manual = (PROJECT / "docs" / "error-codes.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:4] for line in manual.splitlines() if line.startswith("| `")]
    told = {tuple(cell.strip() for cell in row) for row in rows}
    known = {
        (f"`0x{s.code:08X}` {s.name}" if s.code is not None else f"`{s.name}`", s.meaning, _causes(s)) for s in SYMPTOMS
    }
    assert told == known


def _causes(symptom: Symptom) -> str:
    likely = {known.name for known in symptom.causes if known.certainty == "likely"}
    return ", ".join(f"{known.name}{' (likely)' if known.name in likely else ''}" for known in symptom.causes)


def test_the_manual_says_what_each_cause_is() -> None:
    manual = (PROJECT / "docs" / "error-codes.md").read_text(encoding="utf-8")
    assert {f"- **{cause.name}**: {cause.title}." for cause in CAUSES.values()} <= set(manual.splitlines())
