"""A finding: what one rule says of one or more rows, with its texts in blocks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field
from itertools import takewhile
from typing import Literal, get_args

from forensics.late_methods import dataclass

Severity = Literal["critical", "high", "medium", "low", "info"]
Confidence = Literal["proved", "likely", "possible"]
Verdict = Literal["match", "unknown"]
ConditionWord = Literal["yes", "no", "unknown"]
BlockKind = Literal["paragraph", "item", "command"]
Shell = Literal["administrator", "user", "analyst", "unchecked"]
"""PowerShell as administrator; PowerShell as the user whose store it is, not elevated; the computer on which keymortem
runs; a line of a rule pack that names no command of keymortem."""

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""Worst first."""
CONFIDENCES: tuple[Confidence, ...] = get_args(Confidence)
"""Strongest first."""
SHELLS: tuple[Shell, ...] = get_args(Shell)
CONDITION_WORDS: tuple[ConditionWord, ...] = get_args(ConditionWord)
_MARKS: dict[BlockKind, str] = {"paragraph": "", "item": "- ", "command": "    "}


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a text.

    Attributes:
        kind: An item belongs to the list that the blocks around it make; a command is a line to type, or a remark on one.
        text: Without the mark of its kind.
        is_apart: An empty line stands before it.
        shell: Where a command is typed.
    """

    kind: BlockKind
    text: str
    is_apart: bool = False
    shell: Shell | None = None


def as_text(blocks: Iterable[Block]) -> str:
    """Write blocks as one text: ``- `` before an item, four blanks before a command."""
    return "\n".join(("\n" if b.is_apart else "") + _MARKS[b.kind] + b.text for b in blocks)


def first_part(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Return the first block, and the items right under it with what stands over the parts of their list."""
    first = [*blocks[:1], *takewhile(lambda b: b.kind != "command" and not b.is_apart, blocks[1:])]
    while len(first) > 1 and first[-1].kind != "item":
        first.pop()
    return tuple(first)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a finding is about.

    Attributes:
        id: Thumbprint of a certificate, path of a key or master key file, name of a computer or VM, binding, SID, folder.
        label: What it is called.
    """

    id: str
    label: str


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """A row that a finding rests on.

    Attributes:
        table: Its table.
        row: Its place in the table, from 0.
        source_path: Where it was read.
    """

    table: str
    row: int
    source_path: str


@dataclass(frozen=True, slots=True)
class ConditionValue:
    """What a named condition of the rule came out as.

    Attributes:
        name: What it asks, in words.
        value: "yes" if it holds for any row, else "unknown" if it is undecided for any.
        decides: The rule depends on it; a corroborating condition is only told.
        counts: How many rows each word holds for, where they differ.
    """

    name: str
    value: ConditionWord
    decides: bool = True
    counts: tuple[tuple[ConditionWord, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says of rows of one machine that are of one cause.

    Attributes:
        id: Rule and number.
        rule: Id of the rule.
        severity: The worst of its rows.
        title: A short sentence.
        verdict: ``unknown`` where the evidence does not decide it, and the rule reports that.
        machine_id: Which Windows installation; 0 for none in particular.
        subject_table: Table of the subjects.
        subjects: What it is about.
        because: Why, with this disk's values.
        remedy: What can be done.
        confidence: The weakest of its rows.
        evidence: Rows it rests on.
        conditions: What each condition of the rule came out as.
        consequences: Ids of findings that it explains.
        covers: Sections of the text report that it stands for.
        references: Sources of the rule.
        names: Thumbprints that its rows name though it is about something else, such as a virtual machine: only for
            what follows from what, and in no document.
    """

    id: str
    rule: str
    severity: Severity
    title: str
    verdict: Verdict
    machine_id: int
    subject_table: str
    subjects: tuple[Subject, ...]
    because: tuple[Block, ...]
    remedy: tuple[Block, ...]
    confidence: Confidence
    evidence: tuple[EvidenceRow, ...] = ()
    conditions: tuple[ConditionValue, ...] = ()
    consequences: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    names: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
