"""Adds the facts to the rows of an examination: each row that has any is replaced by a new one, in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from forensics.facts.loss_told import with_loss_told
from forensics.facts.machine_life import machine_life
from forensics.facts.new_certificate import NewCertificates
from forensics.facts.purpose import purpose
from forensics.facts.recovery_place import recovery_place
from forensics.facts.remote_desktop import remote_desktop
from forensics.facts.renewal import Renewals
from forensics.facts.renewed_by import Successors
from forensics.facts.repair import Repairs
from forensics.facts.tables import Tables
from forensics.facts.use import Places, RenewedFrom, label, needs_valid
from forensics.facts.used_by import Used, Users
from forensics.facts.virtual_machines import VirtualMachines
from forensics.tables.certificate import CertificateRow, Standing
from forensics.tables.hyperv import GuardianRow, VmRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.machine import MachineRow
from forensics.tables.row import Row
from forensics.tables.timestamps import as_utc
from forensics.tables.use import CertificateUseRow


def with_facts(rows: Iterable[Row], as_of: datetime) -> list[Row]:
    """Return the rows with their facts, in the same order.

    Args:
        rows: All rows of the examination, the judged ones among them.
        as_of: What "now" is: whether a successor is valid yet, and still.
    """
    given = list(rows)
    facts = _Facts(Tables(given), as_of)
    return [facts.of(row) for row in given]


class _Facts:
    def __init__(self, tables: Tables, as_of: datetime) -> None:
        self.tables = tables
        self._as_of = as_of
        self.users = Users(tables)
        self.successors = Successors(tables, self.users, as_of)
        self.renewals = Renewals(tables)
        self.new_certificates = NewCertificates(tables, as_of)
        self.renewed_from = RenewedFrom(tables)
        self.repairs = Repairs(tables, as_of)
        self.places = Places(tables)
        self.virtual_machines = VirtualMachines(tables)
        self._certificates: dict[int, CertificateRow] = {}
        self._standings: dict[int, dict[tuple[str, str], Standing]] = {}
        self._lives: dict[int, MachineRow] = {}
        self._finders: dict[type[Row], Callable[[Any], Row]] = {
            CertificateRow: self._certificate,
            CertificateUseRow: self._use,
            MachineRow: lambda row: remote_desktop(self._life(row), tables),
            GuardianRow: self.virtual_machines.guardian,
            KeyChainRow: self._chain,
            VmRow: lambda row: replace(row, label=self.virtual_machines.label(row)),
        }

    def of(self, row: Row) -> Row:
        """Return a row with its facts; one that has none is returned as it is."""
        find = self._finders.get(type(row))
        return row if find is None else find(row)

    def _chain(self, row: KeyChainRow) -> KeyChainRow:
        standing = self._standing(row)
        place = recovery_place(row, self.tables) if row.recoverable_from is not None else None
        if (standing, place) != (row.standing, row.recovery_place):
            row = replace(row, standing=standing, recovery_place=place)
        return with_loss_told(row, self._as_of)

    def _use(self, row: CertificateUseRow) -> CertificateUseRow:
        return replace(
            row,
            label=label(row),
            needs_valid=needs_valid(row),
            renewed_by=self.renewed_from.of(row),
            place=self.places.of(row),
            **self.repairs.of(row)._asdict(),
        )

    def _certificate(self, row: CertificateRow) -> CertificateRow:
        if id(row) not in self._certificates:
            self._certificates[id(row)] = self._with_facts(row)
        return self._certificates[id(row)]

    def _with_facts(self, row: CertificateRow) -> CertificateRow:
        used = self.users.of(row)
        consumers = self.users.consumers(row)
        successor = self.successors.of(row)
        # A service that names this one stops when it ends, whatever lies beside it.
        renewed_by = None if used.end_stops else successor
        renewal = self.renewals.of(row, self._last_seen_alive(row.machine_id))
        ended = row.not_after is not None and as_utc(row.not_after) < self._as_of
        found = replace(
            row,
            used_by=used.used_by,
            uses=used.uses,
            end_stops=used.end_stops,
            may_be_used_by=used.may_be_used_by,
            superseded=used.superseded,
            kept=used.kept,
            purpose=purpose(row, consumers),
            successor=successor.thumbprint if successor else None,
            renewed_by=renewed_by.thumbprint if renewed_by else None,
            renewed_until=renewed_by.not_after if renewed_by else None,
            standing=_standing(used, renewed_by is not None, renewal.is_left_behind(ended)),
            renewer=renewal.renewer,
            renewal_due=renewal.renewal_due,
            warn_from=renewal.warn_from,
            alarm_from=renewal.alarm_from,
        )
        for name, fact in self.new_certificates.of(found, consumers)._asdict().items():
            setattr(found, name, fact)
        return found

    def _last_seen_alive(self, machine_id: int) -> datetime | None:
        machines = self.tables.of(MachineRow, machine_id)
        return self._life(machines[0]).last_seen_alive if machines else None

    def _life(self, row: MachineRow) -> MachineRow:
        if id(row) not in self._lives:
            self._lives[id(row)] = machine_life(row, self.tables)
        return self._lives[id(row)]

    def _standing(self, row: KeyChainRow) -> Standing:
        if row.thumbprint is None:
            return "unused"
        if row.machine_id not in self._standings:
            rows = map(self._certificate, self.tables.of(CertificateRow, row.machine_id))
            self._standings[row.machine_id] = {(c.thumbprint, c.source_path): c.standing for c in rows}
        return self._standings[row.machine_id].get((row.thumbprint, row.source_path), "unused")


def _standing(used: Used, is_renewed: bool, is_left_behind: bool) -> Standing:
    # What makes them may well count as their user.
    if is_left_behind and not used.end_stops:
        return "daily"
    if used.used_by:
        return "in_use"
    return "superseded" if is_renewed or used.superseded == "remote_desktop" else "unused"
