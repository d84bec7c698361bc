"""Runs rule packs over the rows of a case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime

from forensics.engine.compiler import Query
from forensics.engine.database import LONGEST_VALUE, SECONDS_PER_RULE, RuleDatabase, Shortened
from forensics.engine.evidence import FoundRows
from forensics.engine.fence import RuleSqlError, RuleStoppedError, now
from forensics.engine.findings import causes_first, hang_consequences, make_findings, order
from forensics.engine.rule import Packs, Rule
from forensics.engine.sql_text import SqlTextError
from forensics.late_methods import dataclass
from forensics.tables.finding import Finding
from forensics.tables.record import ProblemRow
from forensics.tables.registry import ROW_CLASSES
from forensics.tables.row import Row
from forensics.tables.timestamps import format_utc

PROBLEM_KINDS = ("rule_stopped", "rule_failed", "value_cut")
"""Kinds of ``problem`` rows that speak of rules, not of evidence."""

SECONDS_FOR_ALL = 8.0
"""Evidence: seconds that all rules together may compute over the evidence of a disk, since a hostile one could make
each run long; a rule that did not get its turn is unknown.
"""
SECONDS_PER_ROW = 20e-6
"""Evidence: seconds that each row of the evidence adds to that: a fleet takes longer than a disk, three times less than
this.
"""

_FEW_ROWS = 5000


@dataclass(slots=True)
class RunResult:
    """What the rules say.

    Attributes:
        findings: Worst first.
        problems: Rules that could not be asked, or not to their end; the others were all the same.
    """

    findings: list[Finding] = field(default_factory=list)
    problems: list[ProblemRow] = field(default_factory=list)


def run(
    packs: Packs,
    tables: Mapping[str, Sequence[Row]],
    as_of: datetime,
    seconds: float = SECONDS_PER_RULE,
    seconds_for_all: float | None = None,
) -> RunResult:
    """Ask every rule.

    Args:
        packs: The rules.
        tables: Rows by table name.
        as_of: What "expired" refers to.
        seconds: How long one rule may take.
        seconds_for_all: How long all may take together; if not given, what their number of rows is worth.
    """
    if not packs.rules:
        return RunResult()
    with RuleDatabase(tables, as_of, seconds) as database:
        return run_on(database, packs, as_of, seconds_for_all)


def run_on(database: RuleDatabase, packs: Packs, as_of: datetime, seconds_for_all: float | None = None) -> RunResult:
    """Ask every rule of a database that is there already."""
    rows = sum(database.size(name) for name in ROW_CLASSES)
    turns = _Turns(
        database, as_of, SECONDS_FOR_ALL + rows * SECONDS_PER_ROW if seconds_for_all is None else seconds_for_all
    )
    turns.take(packs.rules)
    turns.problems += map(_cut, database.shortened)
    # In the order of the rules, whichever turn each was answered in: the report shall not depend on the clock.
    findings = [finding for rule in packs.rules for finding in turns.findings.get(rule.id, ())]
    order(findings)
    return RunResult(causes_first(hang_consequences(findings, packs)), turns.problems)


def _cut(column: Shortened) -> ProblemRow:
    message = (
        f"rules saw only the first {LONGEST_VALUE >> 10} KiB of {column.count} values of column {column.column} of "
        f"table {column.table}, so what they say of these rows may be wrong: look at them with keymortem examine "
        "--format json"
    )
    return ProblemRow(machine_id=column.machine_id, source_path=column.source_path, kind="value_cut", message=message)


class _Turns:
    """Asks one rule after the other while there is time.

    Args:
        database: The evidence.
        as_of: For the texts.
        seconds: How long all may take together.
    """

    def __init__(self, database: RuleDatabase, as_of: datetime, seconds: float) -> None:
        self.database = database
        self.as_of = format_utc(as_of)
        self.seconds = seconds
        self.end = now() + seconds
        self.builds = {
            machine_id: int(build)
            for machine_id, build in database.query("SELECT machine_id, build FROM machine")
            if build is not None and build.isdecimal()
        }
        self.findings: dict[str, list[Finding]] = {}
        self.problems: list[ProblemRow] = []

    def take(self, rules: Sequence[Rule]) -> None:
        """Ask rules: first each for its share of the time, so that none loses its turn to a slow one; then the slow
        ones again, each for twice as long, while there is time.
        """
        waiting = list(rules)
        share = 0.0
        while waiting and (left := self._left()) > 0:
            share = max(2 * share, left / len(waiting))
            waiting = [rule for rule in waiting if not self._answered(rule, share)]
        for rule in waiting:
            self._tell(rule, "rule_stopped", f"all rules together had taken {self.seconds:.3g} seconds")

    def _left(self) -> float:
        return self.end - now()

    def _answered(self, rule: Rule, share: float) -> bool:
        seconds = min(share, self._left(), self.database.seconds)
        if seconds <= 0:
            return False
        try:
            self.findings[rule.id] = self._ask(rule, seconds)
        except RuleStoppedError as error:
            if seconds < self.database.seconds:
                return False
            self._tell(rule, "rule_stopped", str(error))
        except (RuleSqlError, SqlTextError) as error:
            self._tell(rule, "rule_failed", str(error))
        return True

    def _ask(self, rule: Rule, seconds: float) -> list[Finding]:
        query = Query(rule, self.database.former)
        # On one disk preparing a long statement is what costs, in a fleet looking through it twice.
        few = self.database.size(rule.table) <= _FEW_ROWS
        if few and not any(self.database.query(query.any_match(), seconds=seconds)):
            return []
        rows = self.database.query(query.matches(), seconds=seconds)
        return make_findings(query, rows, self.as_of, FoundRows(query, self.database, seconds), self.builds)

    def _tell(self, rule: Rule, kind: str, why: str) -> None:
        message = f"the rule {rule.id} could not be asked: {why}"
        self.problems.append(ProblemRow(machine_id=0, source_path=str(rule.path), kind=kind, message=message))
