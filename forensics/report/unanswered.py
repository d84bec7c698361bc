"""The rules that could not be asked to their end: what they would have found is not known, which heads every output."""

from __future__ import annotations

from pathlib import PurePath

from forensics.case_tables import CaseTables
from forensics.language import sentence_n
from forensics.report.named import named
from forensics.tables.record import RULE_PROBLEMS, ProblemRow

MOST_NAMED = 5
"""Display: rules that the line about them names."""


def unanswered(case: CaseTables) -> list[ProblemRow]:
    """Return a row for each rule that was stopped, or failed on this evidence."""
    return [row for row in case.rows("problem") if row.kind in RULE_PROBLEMS]


def unanswered_line(case: CaseTables) -> str:
    """Return the sentence that heads an output where a rule gave no answer; else nothing."""
    rows = unanswered(case)
    if not rows:
        return ""
    return sentence_n(
        "{count} rule was not asked to its end: what it would have found is not known ({names}).",
        "{count} rules were not asked to their end: what they would have found is not known ({names}).",
        len(rows),
        names=named([PurePath(row.source_path).stem for row in rows], MOST_NAMED),
    )
