"""Certificates that end soon as rows: one CSV file, or one JSON document."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any

from forensics.case_tables import CaseTables
from forensics.report.accounted import reasons
from forensics.report.exports.csv_files import csv_cell
from forensics.report.facts import Facts, days_left
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.sanitise import sanitise
from forensics.tables.timestamps import format_utc

_KINDS = {
    "ends": "text",
    "days_left": "integer",
    "machine": "text",
    "disk": "text",
    "volume": "text",
    "store": "text",
    "store_scope": "text",
    "owner_sid": "text",
    "subject": "text",
    "issuer": "text",
    "serial": "text",
    "thumbprint": "text",
    "verdict": "text",
    "broken_at": "text",
    "replaced": "boolean",
    "used_by": "list",
}
"""Columns, and what they hold, as :class:`ColumnSpec` says it."""


def render_rows_csv(case: CaseTables, chains: Iterable[KeyChainRow]) -> str:
    """Write a row a certificate, with values that a spreadsheet would run defused.

    Args:
        case: The case that they are of.
        chains: Their chains, in the order of the rows.
    """
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(_KINDS)
    for row in _rows(case, chains):
        writer.writerow(csv_cell(kind, row[name]) for name, kind in _KINDS.items())
    return text.getvalue()


def render_rows_json(case: CaseTables, chains: Iterable[KeyChainRow], days: int) -> str:
    """Write a document with an object a certificate.

    Args:
        case: The case that they are of.
        chains: Their chains, in the order of the objects.
        days: How far ahead was looked.
    """
    document = {
        "format": 1,
        "as_of": format_utc(case.as_of),
        "within_days": days,
        "not_examined": list(dict.fromkeys(reasons(case.sources))),
        "certificates": list(_rows(case, chains)),
    }
    return json.dumps(document, indent=1) + "\n"


def _rows(case: CaseTables, chains: Iterable[KeyChainRow]) -> Iterator[dict[str, Any]]:
    facts = Facts(case)
    for chain in chains:
        assert chain.ends is not None
        machine, certificate = facts.machine(chain.machine_id), facts.certificate(chain)
        texts = {
            "machine": facts.computer(chain.machine_id),
            "disk": facts.place(chain.machine_id, with_volume=False),
            "volume": machine.volume if machine else None,
            "store": chain.store,
            "store_scope": chain.store_scope,
            "owner_sid": chain.owner_sid,
            "subject": chain.subject,
            "issuer": certificate.issuer if certificate else None,
            "serial": certificate.serial if certificate else None,
            "thumbprint": chain.thumbprint,
            "verdict": chain.verdict,
            "broken_at": chain.broken_at,
        }
        yield {
            "ends": format_utc(chain.ends),
            "days_left": days_left(chain, case.as_of),
            **{name: None if value is None else sanitise(value) for name, value in texts.items()},
            "replaced": chain.standing == "superseded",
            "used_by": [sanitise(use) for use in ((certificate.uses if certificate else None) or ())],
        }
