"""Everything about one subject: the chains of its key, and what each rule says of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from forensics.case_tables import CaseTables
from forensics.engine.database import RuleDatabase
from forensics.engine.explain import Explanation, Judged, Subject, Truth, explain, find_subjects
from forensics.engine.rule import Packs
from forensics.report.explain import find_chains, render_explain
from forensics.report.facts import Facts
from forensics.report.findings import FindingIndex, text_lines
from forensics.report.folded_lines import fold
from forensics.tables.finding import Finding
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.sanitise import sanitise

_WORDS = {True: "yes", False: "no", None: "unknown"}
_CHAIN_SECTIONS = ("broken", "undecided", "too_open", "orphan")
_TREE_WORDS = {"all": "all of", "any": "any of", "not": "not"}


@dataclass(frozen=True, slots=True)
class Told:
    """What can be told.

    Attributes:
        text: None when nothing has that name.
        several: The name is ambiguous; the text lists what it may mean.
        is_wrong: A key of it cannot be opened, or a rule finds something.
    """

    text: str | None
    several: bool = False
    is_wrong: bool = False


def explain_subject(case: CaseTables, packs: Packs, wanted: str, width: int | None = None) -> Told:
    """Explain a subject.

    Args:
        case: The case.
        packs: The rules.
        wanted: A thumbprint or its first digits, a key file, or the name of a subject or a part of it.
        width: Columns to fold to; None for a pipe.
    """
    chains = find_chains(case, wanted)
    with RuleDatabase(case.tables, case.as_of) as database:
        subjects: list[Subject] = []
        if not chains:
            subjects = find_subjects(database, packs, wanted)
            if len({s.id for s in subjects}) > 1:
                return Told("\n".join(_list(case, subjects)) + "\n", several=True)
            chains = [c for c in case.rows("key_chain") if subjects and _identity(c) == subjects[0].id]
        identities = list(dict.fromkeys([*map(_identity, chains), *(s.id for s in subjects)]))
        if not identities:
            return Told(None)
        explanations = {i: explain(database, packs, i) for i in identities if i is not None}
    index = FindingIndex(case)
    matching = {e.rule.id for told in explanations.values() for e in told if e.value}
    told_below = {n for n, c in enumerate(chains) if any(index.covers(s, c, matching) for s in _CHAIN_SECTIONS)}
    blocks = [render_explain(case, chains, width, told_below)] if chains else []
    for identity, told in explanations.items():
        texts = {f.rule: f for f in case.finding_list if any(s.id == identity for s in f.subjects)}
        blocks.append("\n".join(_rules(identity, told, texts, width, len(explanations) > 1)) + "\n")
    found = any(e.value and e.severity != "info" for told in explanations.values() for e in told)
    return Told("\n".join(blocks), is_wrong=found or any(c.verdict == "unusable" for c in chains))


def _identity(chain: KeyChainRow) -> str | None:
    return chain.thumbprint or chain.key_file_path


def _list(case: CaseTables, subjects: list[Subject]) -> Iterator[str]:
    facts = Facts(case)
    for subject in subjects:
        name = "" if subject.label == subject.id else f"{subject.label}, "
        yield sanitise(f"{name}{subject.id} ({subject.table}, on {facts.machine_name(subject.machine_id)})")


def _rules(
    identity: str, told: list[Explanation], texts: dict[str, Finding], width: int | None, several: bool
) -> Iterator[str]:
    yield from fold(sanitise("What the rules say of it" + (f": {identity}" if several else "")), width)
    if not told:
        yield "  No rule speaks of it."
    far = [e for e in told if e.value is False and not e.is_near_miss]
    for explanation in told:
        if explanation not in far:
            # Once for each rule: a certificate in two stores is two rows of one finding.
            finding = texts.pop(explanation.rule.id, None) if explanation.value else None
            yield from _explained(explanation, finding, width)
    if far:
        yield "  Not these, because of the conditions named:"
    for explanation in far:
        assert explanation.tree is not None
        names = (c.name for c in explanation.tree.conditions() if c.value is False)
        yield from fold(sanitise(f"{explanation.rule.id}: {'; '.join(names)}"), width, "    ", "      ")


def _explained(explanation: Explanation, finding: Finding | None, width: int | None) -> Iterator[str]:
    rule = explanation.rule
    verdict = {True: "MATCH", None: "UNKNOWN", False: "NEAR MISS"}[explanation.value]
    yield from fold(sanitise(f"{verdict}: {rule.title} [{rule.id}]"), width, "  ", "    ")
    if explanation.failed or explanation.tree is None:
        yield from fold(sanitise(explanation.failed), width, "      ", "      ")
        return
    yield from _tree_lines(explanation.tree, width, "    ")
    for condition in explanation.corroboration:
        yield from _line(condition.value, f"{condition.name} (does not decide)", width, "    ")
    if finding is not None:
        yield from text_lines(finding.because, width, "    ")
        yield from text_lines(finding.remedy, width, "    ", "What can be done: ")


def _tree_lines(node: Judged, width: int | None, indent: str, outermost: bool = True) -> Iterator[str]:
    if node.kind == "condition":
        yield from _line(node.value, node.name, width, indent)
        return
    goes_without_saying = node.kind == "all" and outermost
    if not goes_without_saying:
        yield from _line(node.value, _TREE_WORDS[node.kind], width, indent)
    for child in node.children:
        yield from _tree_lines(child, width, indent if goes_without_saying else indent + "  ", outermost=False)


def _line(value: Truth, name: str, width: int | None, indent: str) -> Iterator[str]:
    start = f"{indent}{_WORDS[value]:<7}  "
    yield from fold(sanitise(name), width, start, " " * len(start))
