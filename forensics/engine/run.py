"""Runs rule packs over the rows of a case: the built-in ones here, those of strangers in a contained child.

The fence ends what a statement does step by step. What SQLite does in one go it cannot end: it prepares a statement
without looking at any clock. In a child the operating system ends that, and a crash is the end of one rule. The child
has a database of its own; what it found comes back as findings, and the others are asked all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from datetime import datetime

from forensics.contained.failure import ContainedFailure
from forensics.contained.steps import Do, Steps, outcomes
from forensics.engine.compiler import Query
from forensics.engine.database import LONGEST_VALUE, SECONDS_PER_RULE, RuleDatabase, Shortened
from forensics.engine.evidence import FoundRows
from forensics.engine.fence import RuleSqlError, RuleStoppedError, now
from forensics.engine.findings import causes_first, hang_consequences, make_findings, order
from forensics.engine.possible import possible
from forensics.engine.rule import Packs, Rule
from forensics.engine.sql_text import SqlTextError
from forensics.late_methods import dataclass
from forensics.tables.finding import Block, ConditionValue, EvidenceRow, Finding, Subject
from forensics.tables.record import FAILED, STOPPED, VALUE_CUT, ProblemRow
from forensics.tables.registry import ROW_CLASSES
from forensics.tables.row import Row
from forensics.tables.timestamps import format_utc

SECONDS_PER_MILLION_ROWS = 20.0
"""Evidence: seconds that each million rows of the evidence add to those of a rule: over ten thousand machines the
slowest takes a sixth of that. All rules together have no limit but the sum of theirs, so none loses its turn to others.
"""

FINDING_CLASSES: tuple[type, ...] = (Finding, Subject, Block, EvidenceRow, ConditionValue, ProblemRow)
"""Of all objects in what a rule of a stranger answers."""

_FEW_ROWS = 5000
_GRACE = 5
"""Work: seconds by which a rule of a stranger may outlast its time before its process is ended."""


@dataclass(slots=True)
class RunResult:
    """What the rules say.

    Attributes:
        findings: Worst first.
        problems: Rules that could not be asked, or not to their end; the others were all the same.
    """

    findings: list[Finding] = field(default_factory=list)
    problems: list[ProblemRow] = field(default_factory=list)


class TimeOfRule:
    """What is left of the time that one rule may compute.

    Args:
        seconds: All of it.
        clock: Tells the seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = now) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left.

        Raises:
            RuleStoppedError: None are.
        """
        left = self._end - self._clock()
        if left <= 0:
            raise self.over()
        return left

    def over(self) -> RuleStoppedError:
        """Return the error that says how long the rule was asked."""
        return RuleStoppedError(f"stopped after {self.seconds:.3g} seconds")


def seconds_per_rule(rows: int) -> float:
    """Return how long one rule may compute over evidence of so many rows."""
    return SECONDS_PER_RULE + rows * SECONDS_PER_MILLION_ROWS / 1e6


def run(packs: Packs, tables: Mapping[str, Sequence[Row]], as_of: datetime, seconds: float | None = None) -> RunResult:
    """Ask every rule.

    Args:
        packs: The rules.
        tables: Rows by table name.
        as_of: What "expired" refers to.
        seconds: How long one rule may take; if not given, what the number of rows is worth.
    """
    if not packs.rules:
        return RunResult()
    with RuleDatabase(tables, as_of) as database:
        return run_on(database, possible(packs, tables), as_of, seconds)


def run_on(database: RuleDatabase, packs: Packs, as_of: datetime, seconds: float | None = None) -> RunResult:
    """Ask every rule of a database that is there already."""
    if seconds is None:
        seconds = seconds_per_rule(sum(database.size(name) for name in ROW_CLASSES))
    result = _asked(database, packs, as_of, seconds)
    result.findings = put_together(result.findings, packs)
    return result


def run_contained(packs: Packs, tables: Mapping[str, Sequence[Row]], as_of: datetime) -> RunResult:
    """Ask every rule as :func:`run` does, those of strangers in a contained child.

    Args:
        packs: The rules.
        tables: Rows by table name.
        as_of: What "expired" refers to.
    """
    strangers = packs.of_strangers
    if not strangers.rules:
        return run(packs, tables, as_of)
    seconds = seconds_per_rule(sum(len(tables.get(name, ())) for name in ROW_CLASSES))
    with RuleDatabase(tables, as_of) as database:
        result = _asked(database, possible(packs.built_in, tables), as_of, seconds)
    steps = Steps(
        _prepared, (strangers, tables, as_of, seconds), len(strangers.rules), int(seconds) + _GRACE, FINDING_CLASSES
    )
    for number, outcome in outcomes(steps):
        if isinstance(outcome, ContainedFailure):
            result.problems.append(_ended(strangers.rules[number], outcome))
        else:
            findings, problems = outcome
            result.findings += findings
            result.problems += problems
    result.findings = put_together(result.findings, packs)
    return result


def _prepared(packs: Packs, tables: Mapping[str, Sequence[Row]], as_of: datetime, seconds: float) -> Do:
    """Return what asks a rule of a stranger, in a contained child."""
    database = RuleDatabase(tables, as_of)
    builds = builds_of(database.query("SELECT machine_id, build FROM machine"))

    def do(number: int) -> tuple[list[Finding], list[ProblemRow]]:
        problems: list[ProblemRow] = []
        findings: list[Finding] = []
        rule = packs.rules[number]
        with reported(rule, problems):
            findings = ask(rule, database, format_utc(as_of), builds, TimeOfRule(seconds))
        return findings, problems

    return do


def _ended(rule: Rule, failure: ContainedFailure) -> ProblemRow:
    kind = FAILED if failure.kind in ("crashed", "bad_answer") else STOPPED
    return _unanswered(rule, kind, failure.message)


def _asked(database: RuleDatabase, packs: Packs, as_of: datetime, seconds: float) -> RunResult:
    builds = builds_of(database.query("SELECT machine_id, build FROM machine"))
    result = RunResult()
    for rule in packs.rules:
        time = TimeOfRule(seconds)
        with reported(rule, result.problems):
            result.findings += ask(rule, database, format_utc(as_of), builds, time)
    result.problems += map(_cut, database.shortened)
    return result


def _cut(column: Shortened) -> ProblemRow:
    message = (
        f"rules saw only the first {LONGEST_VALUE >> 10} KiB of {column.count} values of column {column.column} of "
        f"table {column.table}, so what they say of these rows may be wrong: look at them with keymortem examine "
        "--format json"
    )
    return ProblemRow(machine_id=column.machine_id, source_path=column.source_path, kind=VALUE_CUT, message=message)


def put_together(findings: Iterable[Finding], packs: Packs) -> list[Finding]:
    """Return findings in their order, the worst first, each under its cause.

    Args:
        findings: Of any of the rules, rule by rule, such as those of each disk and those across machines.
        packs: All rules.
    """
    sorted_findings = list(findings)
    order(sorted_findings)
    return causes_first(hang_consequences(sorted_findings, packs))


def builds_of(rows: Iterable[tuple[int, str | None]]) -> dict[int, int]:
    """Return the build of Windows of each machine that tells it, given number and column ``build``."""
    return {number: int(build) for number, build in rows if build is not None and build.isdecimal()}


@contextmanager
def reported(rule: Rule, problems: list[ProblemRow]) -> Iterator[None]:
    """Make a problem of a rule that cannot be asked, or not to its end."""
    kind = why = ""
    try:
        yield
    except RuleStoppedError as error:
        kind, why = STOPPED, str(error)
    except (RuleSqlError, SqlTextError) as error:
        kind, why = FAILED, str(error)
    if kind:
        problems.append(_unanswered(rule, kind, why))


def _unanswered(rule: Rule, kind: str, why: str) -> ProblemRow:
    message = f"the rule {rule.id} could not be asked: {why}"
    return ProblemRow(machine_id=0, source_path=str(rule.path), kind=kind, message=message)


def ask(rule: Rule, database: RuleDatabase, as_of: str, builds: Mapping[int, int], time: TimeOfRule) -> list[Finding]:
    """Return the findings of one rule, in the order of their first rows.

    Args:
        rule: The rule.
        database: The evidence.
        as_of: For the texts.
        builds: Build of Windows by machine.
        time: What it may take.

    Raises:
        RuleStoppedError: It took longer.
        RuleSqlError: SQLite refuses it.
        SqlTextError: A piece of it names a value that is not there.
    """
    query = Query(rule, database.former)
    # On one disk preparing a long statement is what costs, in a fleet looking through it twice.
    few = database.size(rule.table) <= _FEW_ROWS
    try:
        if few and not any(database.query(query.any_match(), seconds=time.left)):
            return []
        rows = list(database.query(query.matches(), seconds=time.left))
        return make_findings(query, rows, as_of, FoundRows(query, database, time), builds)
    except RuleStoppedError as error:
        # However much was left for the last statement, the rule had all of its time.
        raise time.over() from error
