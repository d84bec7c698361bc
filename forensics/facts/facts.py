"""Adds the facts to the rows of an examination: each row that has any is replaced by a new one, in its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from forensics.facts.machine_life import machine_life
from forensics.facts.purpose import purpose
from forensics.facts.recovery_place import recovery_place
from forensics.facts.remote_desktop import remote_desktop
from forensics.facts.renewed_by import Successors
from forensics.facts.tables import Tables
from forensics.facts.use import Places, Renewals, label, needs_valid
from forensics.facts.used_by import Users
from forensics.facts.virtual_machines import VirtualMachines
from forensics.tables.certificate import CertificateRow
from forensics.tables.hyperv import GuardianRow, VmRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.machine import MachineRow
from forensics.tables.row import Row
from forensics.tables.use import CertificateUseRow


def with_facts(rows: Iterable[Row]) -> list[Row]:
    """Return the rows with their facts, in the same order.

    Args:
        rows: All rows of the examination, the judged ones among them.
    """
    given = list(rows)
    facts = _Facts(Tables(given))
    return [facts.of(row) for row in given]


class _Facts:
    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.users = Users(tables)
        self.successors = Successors(tables)
        self.renewals = Renewals(tables)
        self.places = Places(tables)
        self.virtual_machines = VirtualMachines(tables)

    def of(self, row: Row) -> Row:
        """Return a row with its facts; one that has none is returned as it is."""
        if isinstance(row, CertificateRow):
            return self._certificate(row)
        if isinstance(row, CertificateUseRow):
            renewed_by, place = self.renewals.of(row), self.places.of(row)
            return replace(row, label=label(row), needs_valid=needs_valid(row), renewed_by=renewed_by, place=place)
        if isinstance(row, MachineRow):
            return remote_desktop(machine_life(row, self.tables), self.tables)
        if isinstance(row, GuardianRow):
            return self.virtual_machines.guardian(row)
        if isinstance(row, KeyChainRow) and row.recoverable_from is not None:
            return replace(row, recovery_place=recovery_place(row, self.tables))
        if isinstance(row, VmRow):
            return replace(row, label=self.virtual_machines.label(row))
        return row

    def _certificate(self, row: CertificateRow) -> CertificateRow:
        used = self.users.of(row)
        successor = self.successors.of(row)
        return replace(
            row,
            used_by=used.used_by,
            uses=used.uses,
            end_stops=used.end_stops,
            may_be_used_by=used.may_be_used_by,
            superseded=used.superseded,
            kept=used.kept,
            purpose=purpose(row, self.users.consumers(row)),
            renewed_by=successor.thumbprint if successor else None,
            renewed_until=successor.not_after if successor else None,
        )
