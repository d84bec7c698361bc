"""Asks the rules of a case: at first, anew after another date or for other packs, and in another language."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from forensics.language import speaking
from forensics.tables.record import RULE_PROBLEMS
from forensics.tables.registry import by_table

if TYPE_CHECKING:
    from forensics.case_tables import CaseTables
    from forensics.engine.rule import Packs
    from forensics.tables.finding import Finding


def speak(case: CaseTables, packs: Packs, language: str) -> None:
    """Put the texts of a case's findings into another language, where their rules have it.

    Args:
        case: Its findings stay the same but for ``title``, ``because`` and ``remedy``.
        packs: The rules, read with that language.
        language: One of :data:`forensics.engine.rule.LANGUAGES`.
    """
    from forensics.engine.run import run_contained

    with speaking(language, case.sentences):
        found = run_contained(packs.spoken(language), case.tables, case.as_of).findings
    told = {_subject_of(f): f for f in found}
    case.finding_list = [_told_as(told.get(_subject_of(finding), finding), finding) for finding in case.finding_list]


def _told_as(other: Finding, finding: Finding) -> Finding:
    return replace(finding, title=other.title, because=other.because, remedy=other.remedy)


def _subject_of(finding: Finding) -> tuple[str, int, str, tuple[str, ...]]:
    return (finding.rule, finding.machine_id, finding.verdict, tuple(sorted(s.id for s in finding.subjects)))


def refer_to(case: CaseTables) -> None:
    """Compute anew what hangs on the date of a case, after that was changed."""
    from forensics.facts.facts import with_facts

    fresh = by_table(with_facts([row for rows in case.tables.values() for row in rows], case.as_of))
    for table, rows in case.tables.items():
        rows[:] = fresh[table]


def ask_rules(case: CaseTables, packs: Packs) -> None:
    """Ask the rules of a case, in place of what its findings were: after another date, or for other packs.

    Args:
        case: Its findings are replaced; a rule that cannot be asked becomes a row of table ``problem``.
        packs: The rules.
    """
    from forensics.engine.run import run_contained

    result = run_contained(packs, case.tables, case.as_of)
    case.finding_list = result.findings
    problems = case.rows("problem")
    problems[:] = [row for row in problems if row.kind not in RULE_PROBLEMS] + result.problems
