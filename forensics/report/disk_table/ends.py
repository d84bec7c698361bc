"""What is yet to end on each machine, with what the first screen says of it: who has to see to it, and who uses it."""

from __future__ import annotations

from collections.abc import Iterable

from forensics.case_tables import CaseTables
from forensics.report.disk_table.row import EndingRow
from forensics.report.ending import condition, ending
from forensics.report.facts import Facts
from forensics.report.first_screen.prospects import care

KEY_DEAD = "key dead"
"""Begins, in English, the condition of a certificate whose key is dead."""


def ending_rows(case: CaseTables) -> list[EndingRow]:
    """Return every certificate with a private key that is yet to end, the soonest first."""
    case = case.present
    facts = Facts(case)
    return [
        EndingRow(
            machine_id=chain.machine_id,
            thumbprint=chain.thumbprint,
            subject=chain.subject,
            store=chain.store,
            ends=chain.ends,
            in_use=chain.standing == "in_use",
            care=care(chain, case, facts),
            condition=condition(chain) or None,
            used_by=facts.uses([chain]),
        )
        for chain in ending(case)
        if chain.thumbprint and chain.ends
    ]


def next_of(rows: Iterable[EndingRow]) -> EndingRow | None:
    """Return what ends next: of what somebody has to see to and is in use, else of the rest; no dead key."""
    rows = [row for row in rows if row.care != "replaced" and not (row.condition or "").startswith(KEY_DEAD)]
    return min(rows, key=lambda row: (row.care != "missed", not row.in_use, row.ends), default=None)
