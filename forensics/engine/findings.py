"""Findings as other programs read them: rows of one cause together, and what follows from what.

References:
    The finding of the JSON document (``keymortem examine --format json``, format 1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import starmap
from typing import Any

from forensics.engine.absent_tools import about_absent_tools
from forensics.engine.compiler import Query
from forensics.engine.evidence import FoundRows, Place
from forensics.engine.forms import WORDINGS
from forensics.engine.rule import Packs, Rule
from forensics.engine.subjects import COMPARED, KEY_TABLES
from forensics.engine.templates import fill
from forensics.tables.finding import (
    CONFIDENCES,
    SEVERITIES,
    ConditionValue,
    ConditionWord,
    EvidenceRow,
    Finding,
    Subject,
)

_THUMBPRINT = re.compile(r"\w+")
_WORDS: dict[int | None, ConditionWord] = {1: "yes", 0: "no", None: "unknown"}


def make_findings(
    query: Query,
    rows: Iterable[tuple[Any, ...]],
    as_of: str,
    found: FoundRows | None = None,
    builds: Mapping[int, int] | None = None,
) -> list[Finding]:
    """Make the findings of one rule.

    Args:
        query: The rule's statement.
        rows: What it gave.
        as_of: For the texts.
        found: Tells what the conditions found; without it the evidence is the rows themselves and those joined to them.
        builds: Build of Windows by machine, for what the texts say of its tools.

    Raises:
        RuleStoppedError: Asking what the conditions found took too long.
    """
    groups: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    first_key = query.first_condition + len(query.conditions) + 2 * len(query.joins)
    last_key = first_key + query.groups
    seen: dict[Any, Any] = {}
    for row in rows:
        # A join may give a row more than once; a match counts more than "unknown", and the first more than the next.
        if seen.get(row[0], 2) in (row[1], 1):
            continue
        seen[row[0]] = row[1]
        groups.setdefault((row[6], row[1], _apart(query.rule, row), *row[first_key:last_key]), []).append(row)
    found_rows: Sequence[Sequence[Place]] = [()] * len(groups)
    if found is not None and groups:
        found_rows = found.of([[row[0] for row in group] for group in groups.values()])
    return [
        _finding(query, group, more, as_of, number, (builds or {}).get(group[0][6]))
        for number, (group, more) in enumerate(zip(groups.values(), found_rows, strict=True), 1)
    ]


def _apart(rule: Rule, row: tuple[Any, ...]) -> object:
    """Return what tells rows apart that are findings of their own: in use or not, live or ended.

    Information, and what a rule wants together, is one finding all the same, whose lists are in parts.
    """
    return "together" if rule.in_parts else "info" if row[8] is not None and row[4] == "info" else row[8]


def _finding(
    query: Query,
    rows: Sequence[tuple[Any, ...]],
    found: Sequence[Place],
    as_of: str,
    number: int,
    build: int | None,
) -> Finding:
    rule = query.rule
    subjects = _subjects(rows)
    first_name = len(rows[0]) - len(query.names)
    values = [dict(zip(query.names, row[first_name:], strict=True)) for row in rows]
    texts = rule.spoken or rule
    language = rule.language if rule.spoken else "en"
    wording = WORDINGS[language]
    common = {"count": len(subjects), "subjects": [s.label for s in subjects], "as_of": as_of}
    remedy = fill(texts.remedy, values, common, wording)
    return Finding(
        id=f"{rule.id}:{number}",
        rule=str(rule.id),
        severity=min((row[4] for row in rows), key=SEVERITIES.index),
        title=str(texts.title),
        verdict="match" if rows[0][1] == 1 else "unknown",
        machine_id=rows[0][6],
        subject_table=str(rule.table),
        subjects=subjects,
        because=fill(texts.because, values, common, wording, [row[8] for row in rows]),
        remedy=(*remedy, *about_absent_tools(remedy, build, language)),
        confidence=max((row[5] for row in rows), key=CONFIDENCES.index),
        evidence=tuple(starmap(EvidenceRow, dict.fromkeys((*_evidence(query, rows), *found)))),
        conditions=tuple(_conditions(query, rows)),
        covers=tuple(map(str, rule.covers)),
        references=tuple(map(str, rule.references)),
        names=frozenset(name for row in rows if row[9] is not None for name in _THUMBPRINT.findall(row[9])),
    )


def _subjects(rows: Sequence[tuple[Any, ...]]) -> tuple[Subject, ...]:
    labels: dict[str, str] = {}
    for row in rows:
        identity = "" if row[2] is None else str(row[2])
        labels.setdefault(identity, identity if row[3] is None else str(row[3]))
    return tuple(Subject(identity, label) for identity, label in labels.items())


def _evidence(query: Query, rows: Sequence[tuple[Any, ...]]) -> Iterator[Place]:
    """Yield the rows of the finding, and those joined to them."""
    first = query.first_condition + len(query.conditions)
    for row in rows:
        yield query.rule.table, row[0] - 1, row[7]
        for at, table in enumerate(query.joins):
            if (rowid := row[first + 2 * at]) is not None:
                yield table, rowid - 1, row[first + 2 * at + 1]


def _conditions(query: Query, rows: Sequence[tuple[Any, ...]]) -> Iterator[ConditionValue]:
    """Yield the named conditions; where rows differ, the word is "yes" if it holds for any, with how many it does."""
    columns = list(zip(*rows, strict=True))[query.first_condition :]
    for number, (name, cells) in enumerate(zip(query.conditions, columns, strict=False)):
        value = 1 if 1 in cells else None if None in cells else 0
        told: tuple[tuple[ConditionWord, int], ...] = ()
        if cells.count(value) < len(cells):
            told = tuple((word, cells.count(v)) for v, word in _WORDS.items() if v in cells)
        yield _condition(str(name), _WORDS[value], number < query.deciding, told)


# Most conditions are the same on one machine as on the next.
_condition = lru_cache(1024)(ConditionValue)


def order(findings: list[Finding]) -> None:
    """Sort findings: the worst first, then what is decided, then what hits most."""
    findings.sort(key=lambda f: (SEVERITIES.index(f.severity), f.verdict != "match", -len(f.subjects), f.machine_id))


def causes_first(findings: Sequence[Finding]) -> list[Finding]:
    """Return sorted findings with each cause moved up before the worst of what hangs under it, keeping its severity."""
    by_id = {finding.id: finding for finding in findings}
    causes: dict[str, list[str]] = {}
    for finding in findings:
        for name in finding.consequences:
            causes.setdefault(name, []).append(finding.id)
    placed: dict[str, Finding] = {}
    met: set[str] = set()
    for finding in findings:
        waiting = [finding.id]
        while waiting:
            name = waiting[-1]
            above = [] if name in met else [c for c in causes.get(name, ()) if c not in met]
            met.add(name)
            if above:
                waiting.extend(reversed(above))
            else:
                placed.setdefault(name, by_id[waiting.pop()])
    return list(placed.values())


def hang_consequences(findings: Sequence[Finding], packs: Packs) -> list[Finding]:
    """Return the findings with those of the same machine that each explains noted under it.

    A finding that is about keys, or names some, explains another such finding only where they share one. Information
    explains information only: what is worse would be read under "nothing is wrong with this".
    """
    by_rule: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.verdict == "match":
            by_rule.setdefault(finding.rule, []).append(finding)
    explained = {name for rule in packs.rules if rule.id in by_rule for name in rule.explains if name in by_rule}
    places = {name: _Places(by_rule[name]) for name in explained}
    direct = {
        cause.id: [
            other
            for name in rule.explains
            if name in places
            for other in places[name].shared(cause)
            if _may_explain(cause, other)
        ]
        for rule in packs.rules
        if rule.explains
        for cause in by_rule.get(rule.id, ())
    }
    return [replace(f, consequences=_through(f, direct)) if direct.get(f.id) else f for f in findings]


def _may_explain(cause: Finding, other: Finding) -> bool:
    return other is not cause and (cause.severity != "info" or other.severity == "info")


def _through(cause: Finding, direct: Mapping[str, Sequence[Finding]]) -> tuple[str, ...]:
    """Return the ids of what follows from a finding: first directly, then through what follows, of the same keys."""
    found = dict.fromkeys(other.id for other in direct[cause.id])
    waiting = list(direct[cause.id])
    keys = frozenset(_keys(cause)) if cause.subject_table in COMPARED else None
    for finding in waiting:
        for further in direct.get(finding.id, ()):
            if further.id in found or not _may_explain(cause, further):
                continue
            if keys is not None and further.subject_table in COMPARED and keys.isdisjoint(_keys(further)):
                continue
            found[further.id] = None
            waiting.append(further)
    return tuple(found)


def _keys(finding: Finding) -> Iterator[str]:
    """Return the keys by which a finding is compared with others."""
    return (s.id for s in finding.subjects) if finding.subject_table in KEY_TABLES else iter(finding.names)


class _Places:
    """Findings of one rule by machine and, where they are about keys or name some, by key; there may be thousands."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = findings
        self.by_machine: dict[int, list[int]] = {}
        self.by_key: dict[tuple[int, str], list[int]] = {}
        for number, finding in enumerate(findings):
            machine = finding.machine_id
            self.by_machine.setdefault(machine, []).append(number)
            for key in _keys(finding):
                self.by_key.setdefault((machine, key), []).append(number)
        self.are_compared = findings[0].subject_table in COMPARED

    def shared(self, cause: Finding) -> list[Finding]:
        """Return those that a finding of the same machine can explain, in their order."""
        machine = cause.machine_id
        if not self.are_compared or cause.subject_table not in COMPARED:
            return [self.findings[number] for number in self.by_machine.get(machine, ())]
        found = {n for key in _keys(cause) for n in self.by_key.get((machine, key), ())}
        return [self.findings[number] for number in sorted(found)]
