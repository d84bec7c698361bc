"""The JSON object of a finding, there and back; what a stranger wrote into a case file is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from forensics.tables.finding import Block, ConditionValue, EvidenceRow, Finding, Subject
from forensics.tables.finding_json import as_json, from_json

FINDING = Finding(
    id="rule:2",
    rule="rule",
    severity="high",
    title="It is broken",
    verdict="match",
    machine_id=1,
    subject_table="key_chain",
    subjects=(Subject("AA", "CN=ä\x1b"), Subject("BB", "BB")),
    because=(Block("paragraph", "Look:"), Block("item", "one"), Block("paragraph", "So.", is_apart=True)),
    remedy=(Block("command", "del x"),),
    confidence="likely",
    evidence=(EvidenceRow("key_chain", 0, "SOFTWARE/x"),),
    conditions=(ConditionValue("a", "yes"), ConditionValue("b", "unknown", False, (("no", 2), ("unknown", 1)))),
    consequences=("other:1",),
    covers=("broken",),
    references=("https://example.test/",),
)
JSON: dict[str, Any] = {
    "id": "rule:2",
    "rule": "rule",
    "severity": "high",
    "title": "It is broken",
    "verdict": "match",
    "machine_id": 1,
    "subject_table": "key_chain",
    "subjects": [{"id": "AA", "label": "CN=ä\x1b"}, {"id": "BB", "label": "BB"}],
    "because": "Look:\n- one\n\nSo.",
    "remedy": "    del x",
    "confidence": "likely",
    "evidence": [{"table": "key_chain", "row": 0, "source_path": "SOFTWARE/x"}],
    "conditions": [
        {"name": "a", "value": "yes"},
        {"name": "b", "value": "unknown", "decides": False, "counts": {"no": 2, "unknown": 1}},
    ],
    "consequences": ["other:1"],
    "covers": ["broken"],
    "references": ["https://example.test/"],
    "because_blocks": [
        {"kind": "paragraph", "text": "Look:"},
        {"kind": "item", "text": "one"},
        {"kind": "paragraph", "text": "So.", "apart": True},
    ],
    "remedy_blocks": [{"kind": "command", "text": "del x"}],
}


def test_there_and_back() -> None:
    assert as_json(FINDING) == JSON
    assert list(as_json(FINDING)) == list(JSON)
    assert from_json(json.loads(json.dumps(JSON))) == FINDING


def test_the_texts_are_not_read_back() -> None:
    assert from_json(JSON | {"because": "Something else.", "remedy": ""}) == FINDING


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"severity": "awful"}, "'severity' of a finding is none of critical, high, medium, low, info"),
        ({"verdict": None}, "'verdict' of a finding is no text"),
        ({"machine_id": "1"}, "'machine_id' of a finding is no number"),
        ({"subjects": {"id": "AA"}}, "'subjects' of a finding is no list"),
        ({"subjects": ["AA"]}, "a finding is no object"),
        (
            {"because_blocks": [{"kind": "script", "text": ""}]},
            "'kind' of a finding is none of paragraph, item, command",
        ),
        ({"conditions": [{"name": "a", "value": "yes", "counts": {"yes": "1"}}]}, "'yes' of a finding is no number"),
        ({"evidence": [{"table": "a", "row": 1.5, "source_path": ""}]}, "'row' of a finding is no number"),
    ],
)
def test_what_is_no_finding(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_json(JSON | change)
    with pytest.raises(ValueError, match="a finding is no object"):
        from_json([])
