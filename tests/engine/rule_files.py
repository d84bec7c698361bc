"""Rule files and rows for tests of the engine, made from plain values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from forensics.tables.registry import ROW_CLASSES, by_table, column_specs
from forensics.tables.row import Row
from forensics.tables.timestamps import parse_utc

FIXTURES = Path(__file__).with_name("fixtures")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

RULE: dict[str, Any] = {
    "format": 1,
    "id": "rule",
    "title": "The key file shuts out who must read it",
    "for": "key_chain",
    "severity": "high",
    "confidence": "proved",
    "when": {"access": "denied"},
    "references": ["https://example.test"],
    "because": "{{ count }} of {{ subjects }}.",
    "remedy": "Do something.",
}
"""A rule of which each key stands on a line of its own, in this order."""

EXAMPLES = [
    {"expect": "match", "rows": {"key_chain": [{"thumbprint": "AA", "access": "denied"}]}},
    {"expect": "miss", "rows": {"key_chain": [{"thumbprint": "AA", "access": "ok"}]}},
    {"expect": "unknown", "rows": {"key_chain": [{"thumbprint": "AA", "access": "not_examined"}]}},
]


def fixture(name: str) -> list[dict[str, Any]]:
    """Return the cases of a fixture file."""
    cases: list[dict[str, Any]] = yaml.load((FIXTURES / f"{name}.yaml").read_bytes(), _LOADER)
    return cases


def lines_of(values: Mapping[str, Any]) -> str:
    """Return YAML with each key on one line of its own: JSON is YAML too. A key that is None is left out."""
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in values.items() if value is not None)


def write_rule(path: Path, change: Mapping[str, Any] | None = None) -> Path:
    """Write a rule into a file, and what a change gives as ``ja`` and ``examples`` into the files beside it.

    Each key of a translation and each example stands on a line of its own.
    """
    values = {**RULE, **(change or {})}
    translation, examples = values.pop("ja", None), values.pop("examples", None)
    path.write_text(lines_of(values), encoding="utf-8")
    if translation is not None:
        text = lines_of(translation) if isinstance(translation, dict) else json.dumps(translation)
        path.with_suffix(".ja.yaml").write_text(text, encoding="utf-8")
    if examples is not None:
        text = "".join(f"- {json.dumps(example)}\n" for example in examples) or "[]\n"
        path.with_suffix(".examples.yaml").write_text(text, encoding="utf-8")
    return path


def write_rules(folder: Path, *changes: Mapping[str, Any]) -> Path:
    """Write rules into a folder, in the order of the arguments."""
    for number, change in enumerate(changes):
        write_rule(folder / f"{number}-{change.get('id', 'rule')}.yaml", change)
    return folder


def tables(rows: Mapping[str, list[dict[str, Any]]]) -> dict[str, list[Row]]:
    """Make rows of plain values; columns without default that are left out are empty text."""
    return by_table(_row(table, number, row) for table, made in rows.items() for number, row in enumerate(made))


def _row(table: str, number: int, values: dict[str, Any]) -> Row:
    row_class, required, times = _plan(table)
    made = {name: parse_utc(value) if name in times else value for name, value in values.items()}
    return row_class(**{**required, "machine_id": 1, "source_path": f"{table}/{number}", **made})


@cache
def _plan(table: str) -> tuple[type[Row], dict[str, Any], set[str]]:
    """Return the class of a table's rows, what it must be given, and its columns that are times."""
    row_class = ROW_CLASSES[table]
    required = {f.name: "" for f in fields(row_class) if f.default is MISSING and f.default_factory is MISSING}
    return row_class, required, {spec.name for spec in column_specs(table) if spec.kind == "datetime"}
