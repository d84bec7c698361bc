"""Runs the examples of rules: rows written beside a rule (``ID.examples.yaml``), and what the rule must say of them.

Each example gets a fresh database that holds its rows and nothing else.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from datetime import datetime
from typing import Any

from forensics.contained.failure import ContainedFailure
from forensics.contained.steps import Do, Steps, outcomes
from forensics.engine.beside import EXAMPLES, file_beside
from forensics.engine.compiler import Query
from forensics.engine.database import RuleDatabase
from forensics.engine.fence import RuleSqlError, RuleStoppedError, now
from forensics.engine.findings import make_findings
from forensics.engine.rule import Packs, Problem, Rule
from forensics.engine.rule_source import Mapping as YamlMapping
from forensics.engine.rule_source import Node, Sequence, Text
from forensics.late_methods import dataclass
from forensics.tables.finding import Finding, as_text
from forensics.tables.registry import ROW_CLASSES, ColumnSpec, column_specs
from forensics.tables.row import Row
from forensics.tables.row import columns as row_columns
from forensics.tables.timestamps import format_utc, parse_utc

EXPECTATIONS = ("match", "miss", "unknown")
SECONDS_PER_EXAMPLE = 2.0
"""Format: seconds that one statement of a rule may compute over one example."""
SECONDS_FOR_EXAMPLES = 600.0
"""Format: seconds that all examples of the packs together may compute."""
AS_OF = "2026-11-22T00:00:00Z"
"""What "expired" refers to where an example does not say."""

_SECONDS_IN_CHILD = 15
"""Work: seconds of processor time after which the process that runs one example is ended."""
_KEYS = ("expect", "rows", "as_of", "subjects", "because", "remedy", "severity", "confidence")


@dataclass(slots=True)
class ExampleResult:
    """What testing packs gave.

    Attributes:
        run: How many examples of each expectation were run.
        problems: Those that failed, and those that are written wrongly.
    """

    run: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)


def run_examples(packs: Packs) -> ExampleResult:
    """Run every example of every rule; the packs must have been loaded with them."""
    result = ExampleResult()
    end = now() + SECONDS_FOR_EXAMPLES
    for rule in packs.rules:
        for number, example in enumerate(rule.examples, 1):
            if now() > end:
                result.problems.append(Problem(file_beside(rule.path, EXAMPLES), example.line, _not_run()))
                return result
            problems = _Example(rule, example, number).run()
            expect = example.get(Text("expect"))
            result.run[str(expect)] += 1
            result.problems += problems
    return result


def _not_run() -> str:
    return f"from this example on none was run: the others took {SECONDS_FOR_EXAMPLES:g} seconds"


def run_examples_contained(packs: Packs) -> ExampleResult:
    """Run every example as :func:`run_examples` does, in a contained child: no clock ends an expression in one."""
    result = ExampleResult()
    examples = [(rule, number) for rule in packs.rules for number in range(1, len(rule.examples) + 1)]
    for at, outcome in outcomes(Steps(_prepared, (tuple(examples),), len(examples), _SECONDS_IN_CHILD)):
        rule, number = examples[at]
        node = rule.examples[number - 1]
        path = file_beside(rule.path, EXAMPLES)
        if isinstance(outcome, ContainedFailure):
            told = f"{rule.id}, example {number}: running it was ended: {outcome.message}"
            outcome = [(node.line, told)]
        elif outcome is None:
            result.problems.append(Problem(path, node.line, _not_run()))
            return result
        result.run[str(node.get(Text("expect")))] += 1
        result.problems += [Problem(path, line, message) for line, message in outcome]
    return result


def _prepared(examples: tuple[tuple[Rule, int], ...]) -> Do:
    """Return what runs an example in a contained child; that returns lines and messages, or None when time is over."""
    end = now() + SECONDS_FOR_EXAMPLES

    def do(at: int) -> list[tuple[int, str]] | None:
        if now() > end:
            return None
        rule, number = examples[at]
        return [(each.line, each.message) for each in _Example(rule, rule.examples[number - 1], number).run()]

    return do


def example_rows(rule: Rule) -> Iterator[dict[str, list[dict[str, Any]]]]:
    """Yield the rows of each example by table, as SQL values by column."""
    for number, node in enumerate(rule.examples, 1):
        yield _Example(rule, node, number).rows()


def written_wrongly(rule: Rule) -> Iterator[Problem]:
    """Yield what is wrong with the examples of a rule before any is run."""
    for number, node in enumerate(rule.examples, 1):
        example = _Example(rule, node, number)
        example.read()
        yield from example.problems


class _Example:
    def __init__(self, rule: Rule, node: YamlMapping, number: int) -> None:
        self.rule = rule
        self.node = node
        self.number = number
        self.problems: list[Problem] = []

    def tell(self, line: int, message: str) -> None:
        path = file_beside(self.rule.path, EXAMPLES)
        self.problems.append(Problem(path, line, f"{self.rule.id}, example {self.number}: {message}"))

    def run(self) -> list[Problem]:
        """Return what is wrong with the example, or with the rule by it."""
        values, as_of = self.read()
        if self.problems or as_of is None:
            return self.problems
        try:
            with RuleDatabase({}, as_of, SECONDS_PER_EXAMPLE, values) as database:
                self._check(Query(self.rule, database.former), database, as_of)
        except (RuleSqlError, RuleStoppedError) as error:
            self.tell(self.node.line, str(error))
        except (sqlite3.Error, OverflowError) as error:
            self.tell(self.node.line, f"its rows cannot be stored: {error}")
        return self.problems

    def read(self) -> tuple[dict[str, list[dict[str, Any]]], datetime | None]:
        """Return its rows and its moment; what is written wrongly is a problem."""
        for key in self.node:
            if key not in _KEYS:
                self.tell(key.line, f"an example has no '{key}'; its keys are {', '.join(_KEYS)}")
        if self._text("expect") not in EXPECTATIONS:
            self.tell(self.node.line, f"'expect' is one of {', '.join(EXPECTATIONS)}")
        return self.rows(), self._as_of()

    def _check(self, query: Query, database: RuleDatabase, as_of: datetime) -> None:
        rows = [truth for truth, count in database.query(query.verdicts()) for _ in range(count)]
        verdict = "match" if 1 in rows else "unknown" if None in rows else "miss"
        expected = self._text("expect")
        if verdict != expected:
            self.tell(self.node.line, f"expected {expected}, the rule says {verdict}{_why(query, database)}")
            return
        if verdict == "match":
            self._check_finding(make_findings(query, database.query(query.matches()), format_utc(as_of))[0])

    def _check_finding(self, finding: Finding) -> None:
        for key, blocks in (("because", finding.because), ("remedy", finding.remedy)):
            wanted, text = self.node.get(Text(key)), as_text(blocks)
            if isinstance(wanted, Text) and not _found(wanted, text):
                self.tell(wanted.line, f"'{key}' does not say {str(wanted)!r}, it says {text!r}")
        for key, word in (("severity", finding.severity), ("confidence", finding.confidence)):
            wanted = self.node.get(Text(key))
            if isinstance(wanted, Text) and wanted != word:
                self.tell(wanted.line, f"'{key}' is {word}, not {wanted}")
        subjects = self.node.get(Text("subjects"))
        if isinstance(subjects, Sequence):
            found = [s.id for s in finding.subjects]
            if sorted(found) != sorted(map(str, subjects)):
                self.tell(subjects.line, f"the subjects are {', '.join(found)}")

    def _text(self, key: str) -> str:
        value = self.node.get(Text(key))
        return str(value) if isinstance(value, Text) else ""

    def _as_of(self) -> datetime | None:
        try:
            return parse_utc(self._text("as_of") or AS_OF)
        except ValueError:
            self.tell(self.node.line, "'as_of' is no date; write 2026-11-22")
            return None

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Return the rows by table; what is wrong with them is a problem."""
        tables: dict[str, list[dict[str, Any]]] = {}
        node = self.node.get(Text("rows"))
        if not isinstance(node, YamlMapping):
            self.tell(self.node.line, "an example has 'rows': a mapping of tables to lists of rows")
            return {}
        for table, rows in node.items():
            if table not in ROW_CLASSES:
                self.tell(table.line, f"there is no table '{table}'; there are {', '.join(ROW_CLASSES)}")
            elif not isinstance(rows, Sequence):
                self.tell(table.line, f"the rows of '{table}' are a list")
            else:
                tables[str(table)] = [self._row(str(table), row, n) for n, row in enumerate(rows, 1)]
        return tables

    def _row(self, table: str, node: Node, number: int) -> dict[str, Any]:
        specs = {spec.name: spec for spec in column_specs(table)}
        # A chain is read where its certificate is, by which rules find that certificate.
        place = "certificate" if table == "key_chain" else table
        row: dict[str, Any] = {"machine_id": 1, "source_path": f"{place}/{number}", **_defaults(ROW_CLASSES[table])}
        if not isinstance(node, YamlMapping):
            self.tell(node.line, "a row is a mapping of columns to values")
            return row
        for column, value in node.items():
            if column not in specs:
                self.tell(column.line, f"table {table} has no column '{column}'")
                continue
            spec = specs[str(column)]
            try:
                row[spec.name] = _cell(spec, value)
            except ValueError:
                self.tell(column.line, f"'{column}' is no {spec.kind} value")
                continue
            for word in _words(value) if row[spec.name] is not None and spec.possible_values else ():
                if word not in spec.possible_values:
                    listed = ", ".join(spec.possible_values)
                    self.tell(word.line, f"'{column}' is never '{word}'; it is one of {listed}")
        return row


def _found(wanted: str, text: str) -> bool:
    """Tell whether a text holds another, or matches it as a regular expression."""
    if wanted in text:
        return True
    try:
        return re.search(wanted, text) is not None
    except re.error:
        return False


def _defaults(row_class: type[Row]) -> dict[str, Any]:
    """Return the values of columns that an example leaves out: as in the row class, NULL where that has none."""
    values = {f.name: f.default for f in row_columns(row_class) if isinstance(f.default, str | int)}
    return {**values, **{f.name: "[]" for f in row_columns(row_class) if f.default_factory is list}}


def _cell(spec: ColumnSpec, value: Node) -> Any:
    if spec.kind == "list":
        if not isinstance(value, Sequence):
            raise ValueError
        return json.dumps([str(item) for item in value])
    if not isinstance(value, Text):
        raise ValueError
    if value.plain and value in ("null", "~", ""):
        return None
    return _READERS.get(spec.kind, str)(value)


def _words(value: Node) -> Iterator[Text]:
    yield from (item for item in (value if isinstance(value, Sequence) else [value]) if isinstance(item, Text))


def _boolean(text: str) -> int:
    if text not in ("true", "false"):
        raise ValueError
    return int(text == "true")


_READERS: Mapping[str, Callable[[str], Any]] = {
    "integer": lambda text: int(text, 0),
    "boolean": _boolean,
    "datetime": lambda text: format_utc(parse_utc(text), fraction=True),
}


def _why(query: Query, database: RuleDatabase) -> str:
    """Name what each condition is for the first row."""
    words = {1: "yes", 0: "no", None: "unknown"}
    for row in database.query(query.all_rows()):
        values = row[query.first_condition : query.first_condition + query.deciding]
        pairs = zip(query.conditions[: query.deciding], values, strict=True)
        return ": " + ", ".join(f"{name}: {words[value]}" for name, value in pairs)
    return f": there is no row in table {query.rule.table}"


def expectations(rule: Rule) -> Iterator[str]:
    """Yield what a rule's examples expect."""
    for example in rule.examples:
        value = example.get(Text("expect"))
        if isinstance(value, Text):
            yield str(value)
