"""The document other programs read: format 1 of ``keymortem examine --format json``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

from forensics.case_tables import CaseTables
from forensics.tables.finding_json import as_json
from forensics.tables.registry import CONTRACT_TABLES, column_specs
from forensics.tables.row import Row
from forensics.tables.source import SourceEntry
from forensics.tables.timestamps import format_utc

FORMAT = 1


def document(case: CaseTables) -> dict[str, Any]:
    """Return the document as plain values, every table of the contract in it, filled or not."""
    return {
        "format": FORMAT,
        "tool": {"name": "keymortem", "version": case.tool_version},
        "as_of": format_utc(case.as_of),
        "sources": [_source(entry) for entry in case.sources],
        "tables": {name: _rows(name, case.rows(name)) for name in CONTRACT_TABLES},
        "findings": [as_json(finding) for finding in case.finding_list],
    }


def render_json(case: CaseTables) -> str:
    """Write the document, each row and each finding on a line of its own, ended by a newline.

    Other than ASCII is escaped, so that it is safe on a terminal and in any encoding.
    """
    whole = document(case)
    tables = [f"  {json.dumps(name)}: {_list(rows, 3)}" for name, rows in whole.pop("tables").items()]
    findings = _list(whole.pop("findings"), 2)
    head = [f" {json.dumps(name)}: {json.dumps(value)}" for name, value in whole.items()]
    inner = [*head, ' "tables": {\n' + ",\n".join(tables) + "\n }", f' "findings": {findings}']
    return "{\n" + ",\n".join(inner) + "\n}\n"


def _list(items: Sequence[dict[str, Any]], depth: int) -> str:
    # json's own indent would put each value on a line, at many times the cost: its encoder in C cannot indent.
    if not items:
        return "[]"
    margin = " " * depth
    return "[\n" + ",\n".join(margin + json.dumps(item) for item in items) + f"\n{margin[1:]}]"


def _source(entry: SourceEntry) -> dict[str, Any]:
    return {
        "path": entry.path,
        "kind": entry.kind,
        "machine_ids": entry.machine_ids,
        "error": entry.error,
        "found_in": entry.found_in,
        "older_state_of": entry.older_state_of,
        "same_as": entry.same_as,
        "mixed": entry.mixed,
        "reader": entry.reader,
        "bundle": entry.bundle,
        "backup_of": entry.backup_of,
        "examined_with": entry.examined_with,
        "examined_for": entry.examined_for,
    }


def _rows(name: str, rows: Iterable[Row]) -> list[dict[str, Any]]:
    names = [spec.name for spec in column_specs(name)]
    times = [spec.name for spec in column_specs(name) if spec.kind == "datetime"]
    result = [dict(zip(names, cells, strict=True)) for cells in map(attrgetter(*names), rows)]
    for cells in result:
        for column in times:
            if cells[column] is not None:
                cells[column] = format_utc(cells[column])
    return result
