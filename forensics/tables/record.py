"""Tables problem and coverage: what went wrong, and what there was to examine."""

from __future__ import annotations

from typing import ClassVar

from forensics.late_methods import dataclass
from forensics.tables.coverage_names import CoverageArea
from forensics.tables.outcome import State
from forensics.tables.row import Row, column

STOPPED, FAILED, VALUE_CUT = "rule_stopped", "rule_failed", "value_cut"
RULE_PROBLEMS = (STOPPED, FAILED, VALUE_CUT)
"""Kinds of ``problem`` rows that speak of rules, not of evidence."""


@dataclass(kw_only=True, slots=True)
class ProblemRow(Row):
    """Something that could not be read as its format says."""

    table: ClassVar[str] = "problem"
    description: ClassVar[str] = (
        "Every failure: damaged, truncated or unreadable evidence; one broken artefact never stops the rest"
    )

    kind: str = column("Short reason, such as truncated, bad_magic, in_transaction, unreadable, not_obtained")
    message: str = column("One sentence")
    offset: int | None = column("Byte offset in the file or value where it was seen", None)


@dataclass(kw_only=True, slots=True)
class CoverageRow(Row):
    """One thing that was, or was not, there to examine."""

    table: ClassVar[str] = "coverage"
    description: ClassVar[str] = "What the source held: a thing not_examined is not absent"

    area: CoverageArea = column("what kind of thing")
    name: str = column("SYSTEM, MachineKeys, ..., the path or the thumbprint")
    outcome: State = column("what was seen of it; partial: not the whole")
    detail: str | None = column("Why, or what was replayed", None)
