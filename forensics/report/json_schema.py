"""The JSON Schema of the document that ``keymortem examine --format json`` prints, made from the tables' own types.

References:
    https://json-schema.org/draft/2020-12/schema
"""

from __future__ import annotations

import json
from typing import Any, get_args

from forensics.engine.rule import SECTIONS
from forensics.report.json import FORMAT
from forensics.tables.finding import CONDITION_WORDS, CONFIDENCES, SEVERITIES, Verdict
from forensics.tables.registry import CONTRACT_TABLES, ROW_CLASSES, ColumnSpec, Kind, column_specs

_TEXT = {"type": "string"}
_TYPES: dict[Kind, dict[str, Any]] = {
    "text": _TEXT,
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "datetime": {"type": "string", "format": "date-time"},
    "list": {"type": "array"},
}


def render_json_schema() -> str:
    """Return the schema as text."""
    return json.dumps(json_schema(), indent=1) + "\n"


def json_schema() -> dict[str, Any]:
    """Return the schema: every table and column is there, and a column with a vocabulary holds one of its words."""
    document = {
        "format": {"const": FORMAT},
        "tool": _object({"name": _TEXT, "version": _TEXT}),
        "as_of": _TYPES["datetime"],
        "sources": _list_of(_source()),
        "tables": _object({name: _list_of(_table(name)) for name in CONTRACT_TABLES}),
        "findings": _list_of(_finding()),
    }
    title = f"keymortem examine --format json, format {FORMAT}"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **_object(document)}


def _source() -> dict[str, Any]:
    described = _object({"path": _TEXT, "kind": _TEXT})
    numbers = {"type": "array", "items": _TYPES["integer"]}
    may_be = ("error", "found_in", "older_state_of", "same_as", "mixed", "reader", "bundle", "backup_of")
    joined = ("examined_with", "examined_for")
    texts = {name: {"type": ["string", "null"]} for name in (*may_be, *joined)}
    described["properties"] |= {"machine_ids": numbers, **texts}
    return described


def _table(name: str) -> dict[str, Any]:
    columns = {spec.name: _column(spec) for spec in column_specs(name)}
    return {"description": ROW_CLASSES[name].description, **_object(columns)}


def _column(spec: ColumnSpec) -> dict[str, Any]:
    described = {"description": spec.doc}
    if spec.kind == "list":
        items = {"enum": list(spec.possible_values)} if spec.possible_values else _TEXT
        return {**described, "type": ["array", "null"] if spec.nullable else "array", "items": items}
    if spec.possible_values:
        return {**described, "enum": [*spec.possible_values, *([None] if spec.nullable else [])]}
    of_kind = _TYPES[spec.kind]
    return {**described, **of_kind, "type": [of_kind["type"], "null"] if spec.nullable else of_kind["type"]}


def _finding() -> dict[str, Any]:
    return _object(
        {
            "id": _TEXT,
            "rule": _TEXT,
            "severity": {"enum": list(SEVERITIES)},
            "confidence": {"enum": list(CONFIDENCES)},
            "verdict": {"enum": list(get_args(Verdict))},
            "title": _TEXT,
            "machine_id": {"type": "integer"},
            "subject_table": {"enum": list(ROW_CLASSES)},
            "subjects": _list_of(_object({"id": _TEXT, "label": _TEXT})),
            "because": _TEXT,
            "remedy": _TEXT,
            "evidence": _list_of(_object({"table": {"enum": list(ROW_CLASSES)}, "row": {"type": "integer"}})),
            "conditions": _list_of(_object({"name": _TEXT, "value": {"enum": list(CONDITION_WORDS)}})),
            "consequences": _list_of(_TEXT),
            "covers": _list_of({"enum": list(SECTIONS)}),
            "references": _list_of(_TEXT),
        }
    )


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    """Describe an object that has all of these, and may have more."""
    return {"type": "object", "required": list(properties), "properties": properties}


def _list_of(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}
