"""The document of a fleet's report, for other programs: format 1, ``docs/fleet-report.md``."""

from __future__ import annotations

import io
import json
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from forensics.fleet.report.report import FleetReport
from forensics.tables.timestamps import format_utc
from forensics.version import __version__

FORMAT = 1


def write_json(report: FleetReport, path: Path) -> None:
    """Write the document, its rows as they are read."""
    with path.open("w", encoding="ascii") as file:
        _write(report, file)


def render_json(report: FleetReport) -> str:
    """Return the document as one text, ASCII, ended by a newline."""
    text = io.StringIO()
    _write(report, text)
    return text.getvalue()


def _write(report: FleetReport, file: TextIO) -> None:
    head = {
        "format": FORMAT,
        "tool": {"name": "keymortem", "version": __version__},
        "as_of": report.fleet.as_of,
        "inputs": report.accounts,
        "selection": report.filters.words or None,
        "stopped": [{"message": message, "count": count} for message, count in report.stopped],
        "failed": report.failed,
        "judged_across": report.is_judged_across,
        "causes": report.causes,
        "blocked": report.blocked,
        "clones": report.clones,
        "keys_of_several": report.keys_of_several,
        "used_by_many": report.used_by_many,
        "calendar": report.calendar,
    }
    file.write("{\n")
    for name, value in head.items():
        file.write(f" {json.dumps(name)}: {_dumped(value)},\n")
    file.write(' "disks": [')
    before = "\n"
    for row in report.rows():
        file.write(f"{before}  {_dumped(row)}")
        before = ",\n"
    file.write("\n ]\n}\n")


def _dumped(value: object) -> str:
    return json.dumps(value, default=_plain)


def _plain(value: object) -> Any:
    if isinstance(value, datetime):
        return format_utc(value)
    return {field.name: getattr(value, field.name) for field in fields(value)}  # type: ignore[arg-type]
