"""Runs rule packs over the rows of a case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from forensics.engine.compiler import Query
from forensics.engine.database import SECONDS_PER_RULE, RuleDatabase, RuleSqlError, RuleStoppedError
from forensics.engine.findings import Finding, hang_consequences, make_findings, order
from forensics.engine.rule import Packs
from forensics.engine.sql_text import SqlTextError
from forensics.structure import dataclass, field
from forensics.tables.record import ProblemRow
from forensics.tables.row import Row
from forensics.tables.timestamps import format_utc

PROBLEM_KINDS = ("rule_stopped", "rule_failed")
"""Kinds of ``problem`` rows that speak of rules, not of evidence."""

_FEW_ROWS = 5000


@dataclass(slots=True)
class RunResult:
    """What the rules say.

    Attributes:
        findings: Worst first.
        problems: Rules that could not be asked; the others were all the same.
    """

    findings: list[Finding] = field(default_factory=list)
    problems: list[ProblemRow] = field(default_factory=list)


def run(
    packs: Packs, tables: Mapping[str, Sequence[Row]], as_of: datetime, seconds: float = SECONDS_PER_RULE
) -> RunResult:
    """Ask every rule.

    Args:
        packs: The rules.
        tables: Rows by table name.
        as_of: What "expired" refers to.
        seconds: How long one rule may take.
    """
    if not packs.rules:
        return RunResult()
    with RuleDatabase(tables, as_of, seconds) as database:
        return run_on(database, packs, as_of)


def run_on(database: RuleDatabase, packs: Packs, as_of: datetime) -> RunResult:
    """Ask every rule of a database that is there already."""
    result = RunResult()
    for rule in packs.rules:
        if not database.size(rule.table):
            continue
        try:
            query = Query(rule)
            # On one disk preparing a long statement is what costs, in a fleet looking through it twice.
            if database.size(rule.table) > _FEW_ROWS or any(database.query(query.any_match())):
                result.findings += make_findings(query, database.query(query.matches()), format_utc(as_of))
        except (RuleSqlError, RuleStoppedError, SqlTextError) as error:
            kind = PROBLEM_KINDS[not isinstance(error, RuleStoppedError)]
            message = f"the rule {rule.id} could not be asked: {error}"
            result.problems.append(ProblemRow(machine_id=0, source_path=str(rule.path), kind=kind, message=message))
    order(result.findings)
    hang_consequences(result.findings, packs)
    return result
