"""The document other programs read: format 1 of ``keymortem examine --format json``."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from forensics.case import Case
from forensics.tables.registry import CONTRACT_TABLES, column_specs
from forensics.tables.row import Row
from forensics.tables.source import SourceEntry
from forensics.tables.timestamps import format_utc

FORMAT = 1


def document(case: Case) -> dict[str, Any]:
    """Return the document as plain values, every table of the contract in it, filled or not."""
    return {
        "format": FORMAT,
        "tool": {"name": "keymortem", "version": case.tool_version},
        "as_of": format_utc(case.as_of),
        "sources": [_source(entry) for entry in case.sources],
        "tables": {name: [_row(row) for row in case.rows(name)] for name in CONTRACT_TABLES},
        "findings": case.findings,
    }


def render_json(case: Case) -> str:
    """Write the document, ended by a newline.

    Other than ASCII is escaped, so that it is safe on a terminal and in any encoding.
    """
    return json.dumps(document(case), indent=1) + "\n"


def _source(entry: SourceEntry) -> dict[str, Any]:
    return {"path": entry.path, "kind": entry.kind, "machine_ids": entry.machine_ids, "error": entry.error}


def _row(row: Row) -> dict[str, Any]:
    return {spec.name: _cell(getattr(row, spec.name)) for spec in column_specs(row.table)}


def _cell(value: Any) -> Any:
    return format_utc(value) if isinstance(value, datetime) else value
