"""The JSON object of a finding, both ways: it stands in the document, and in the case file.

References:
    The finding of the JSON document (``keymortem examine --format json``, format 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict, TypeVar, get_args

from forensics.tables.finding import (
    CONDITION_WORDS,
    CONFIDENCES,
    SEVERITIES,
    SHELLS,
    Block,
    BlockKind,
    ConditionValue,
    ConditionWord,
    Confidence,
    EvidenceRow,
    Finding,
    Severity,
    Shell,
    Subject,
    Verdict,
    as_text,
)

_VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
_BLOCK_KINDS: tuple[BlockKind, ...] = get_args(BlockKind)

_Word = TypeVar("_Word", bound=str)


class SubjectJson(TypedDict):
    """A subject in JSON."""

    id: str
    label: str


class EvidenceJson(TypedDict):
    """A row of evidence in JSON."""

    table: str
    row: int
    source_path: str


class ConditionJson(TypedDict):
    """A condition in JSON."""

    name: str
    value: ConditionWord
    decides: NotRequired[bool]
    counts: NotRequired[dict[ConditionWord, int]]


class BlockJson(TypedDict):
    """A block in JSON."""

    kind: BlockKind
    text: str
    apart: NotRequired[bool]
    shell: NotRequired[Shell]


class FindingJson(TypedDict):
    """A finding in JSON: ``because`` and ``remedy`` are the blocks as one text."""

    id: str
    rule: str
    severity: Severity
    title: str
    verdict: Verdict
    machine_id: int
    subject_table: str
    subjects: list[SubjectJson]
    because: str
    remedy: str
    confidence: Confidence
    evidence: list[EvidenceJson]
    conditions: list[ConditionJson]
    consequences: list[str]
    covers: list[str]
    references: list[str]
    because_blocks: list[BlockJson]
    remedy_blocks: list[BlockJson]


def as_json(finding: Finding) -> FindingJson:
    """Return the JSON object of a finding."""
    return {
        "id": finding.id,
        "rule": finding.rule,
        "severity": finding.severity,
        "title": finding.title,
        "verdict": finding.verdict,
        "machine_id": finding.machine_id,
        "subject_table": finding.subject_table,
        "subjects": [{"id": s.id, "label": s.label} for s in finding.subjects],
        "because": as_text(finding.because),
        "remedy": as_text(finding.remedy),
        "confidence": finding.confidence,
        "evidence": [{"table": e.table, "row": e.row, "source_path": e.source_path} for e in finding.evidence],
        "conditions": [_condition_json(c) for c in finding.conditions],
        "consequences": list(finding.consequences),
        "covers": list(finding.covers),
        "references": list(finding.references),
        "because_blocks": [_block_json(b) for b in finding.because],
        "remedy_blocks": [_block_json(b) for b in finding.remedy],
    }


def _condition_json(condition: ConditionValue) -> ConditionJson:
    record: ConditionJson = {"name": condition.name, "value": condition.value}
    if not condition.decides:
        record["decides"] = False
    if condition.counts:
        record["counts"] = dict(condition.counts)
    return record


def _block_json(block: Block) -> BlockJson:
    record: BlockJson = {"kind": block.kind, "text": block.text}
    if block.is_apart:
        record["apart"] = True
    if block.shell is not None:
        record["shell"] = block.shell
    return record


def from_json(value: object) -> Finding:
    """Read what :func:`as_json` returned; the blocks are read, not the texts that they make.

    Raises:
        ValueError: It is no such object.
    """
    record = _Record(value)
    return Finding(
        id=record.text("id"),
        rule=record.text("rule"),
        severity=record.word("severity", SEVERITIES),
        title=record.text("title"),
        verdict=record.word("verdict", _VERDICTS),
        machine_id=record.number("machine_id"),
        subject_table=record.text("subject_table"),
        subjects=tuple(Subject(s.text("id"), s.text("label")) for s in record.records("subjects")),
        because=tuple(map(_block, record.records("because_blocks"))),
        remedy=tuple(map(_block, record.records("remedy_blocks"))),
        confidence=record.word("confidence", CONFIDENCES),
        evidence=tuple(
            EvidenceRow(e.text("table"), e.number("row"), e.text("source_path")) for e in record.records("evidence")
        ),
        conditions=tuple(map(_condition, record.records("conditions"))),
        consequences=record.texts("consequences"),
        covers=record.texts("covers"),
        references=record.texts("references"),
    )


def _block(record: _Record) -> Block:
    shell = None if record.get("shell") is None else record.word("shell", SHELLS)
    return Block(record.word("kind", _BLOCK_KINDS), record.text("text"), record.flag("apart", False), shell)


def _condition(record: _Record) -> ConditionValue:
    counts = _Record(record.get("counts", {}))
    return ConditionValue(
        record.text("name"),
        record.word("value", CONDITION_WORDS),
        record.flag("decides", True),
        tuple((word, counts.number(word)) for word in CONDITION_WORDS if counts.get(word) is not None),
    )


class _Record:
    """A JSON object of a file that may come from a stranger.

    Args:
        value: What stands where an object should.
    """

    def __init__(self, value: object) -> None:
        if not isinstance(value, dict):
            raise ValueError("a finding is no object")
        self._values: dict[str, object] = value

    def get(self, key: str, default: object = None) -> object:
        """Return a value as it is."""
        return self._values.get(key, default)

    def text(self, key: str) -> str:
        """Return a text."""
        value = self.get(key)
        if not isinstance(value, str):
            raise ValueError(f"{key!r} of a finding is no text")
        return value

    def word(self, key: str, words: Sequence[_Word]) -> _Word:
        """Return one of a few words."""
        text = self.text(key)
        found = next((word for word in words if word == text), None)
        if found is None:
            raise ValueError(f"{key!r} of a finding is none of {', '.join(words)}")
        return found

    def number(self, key: str) -> int:
        """Return a number."""
        value = self.get(key)
        if not isinstance(value, int):
            raise ValueError(f"{key!r} of a finding is no number")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """Return yes or no."""
        return self.get(key, default) is True

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        return tuple(str(item) for item in self._list(key))

    def records(self, key: str) -> list[_Record]:
        """Return a list of objects."""
        return [_Record(item) for item in self._list(key)]

    def _list(self, key: str) -> list[object]:
        value = self.get(key)
        if not isinstance(value, list):
            raise ValueError(f"{key!r} of a finding is no list")
        return value
