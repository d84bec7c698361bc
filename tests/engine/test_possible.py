"""Rules that cannot match are told from the rows alone, and none of those that can."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from forensics.engine.examples import example_rows
from forensics.engine.loader import load_packs
from forensics.engine.possible import possible
from forensics.tables.registry import column_specs
from tests.engine.rule_files import tables, write_rules

EVENT = {"name": "an event tells", "from": "event", "where": "event.machine_id = this.machine_id", "covered": "always"}
ROWS: dict[str, list[dict[str, Any]]] = {
    "key_chain": [{"access": "ok", "recoverable": True}, {"access": "denied"}],
    "machine": [{}],
}


@pytest.mark.parametrize(
    ("when", "is_possible"),
    [
        ({"access": "denied"}, True),
        ({"access": "not_examined"}, False),
        ({"access": ["not_examined", "ok"]}, True),
        ({"key_file_path": "x"}, False),
        ({"recoverable": "true"}, True),
        ({"recoverable": "false"}, False),
        ({"a condition in SQL": "0"}, True),
        ({"all": [{"a": "0"}, {"access": "not_examined"}]}, False),
        ({"any": [{"access": "denied"}, {"access": "not_examined"}]}, True),
        ({"any": [{"access": "too_open"}, {"access": "not_examined"}]}, False),
        ({"not": {"access": "not_examined"}}, True),
        ({"some-of": EVENT}, False),
        ({"some-of": {**EVENT, "from": "machine", "where": "machine.machine_id = this.machine_id"}}, True),
        ({"none-of": EVENT}, True),
    ],
)
def test_conditions_that_no_row_can_meet(when: dict[str, Any], is_possible: bool, tmp_path: Path) -> None:
    packs = load_packs([write_rules(tmp_path, {"when": when, "because": "x"})], built_in=False)
    assert bool(possible(packs, tables(ROWS)).rules) == is_possible


def test_undecided_rows_that_a_rule_reports_are_asked_for(tmp_path: Path) -> None:
    rule = {"when": {"access": "too_open"}, "report-unknown": True, "covers": ["undecided"]}
    packs = load_packs([write_rules(tmp_path, rule)], built_in=False)
    assert possible(packs, tables(ROWS)).rules == packs.rules


def test_no_rule_is_left_out_of_which_an_example_matches() -> None:
    packs = load_packs(examples=True)
    for rule in packs.rules:
        for node, given in zip(rule.examples, example_rows(rule), strict=True):
            if node["expect"] != "match":  # type: ignore[index]
                continue
            made: dict[str, Any] = {table: [_row(table, row) for row in rows] for table, rows in given.items()}
            assert rule in possible(packs, made).rules, node.line


def _row(table: str, values: dict[str, Any]) -> SimpleNamespace:
    return SimpleNamespace(**{spec.name: None for spec in column_specs(table)} | values)
