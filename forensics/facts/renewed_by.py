"""Which certificate can stand in for which: one that works, has its names and its purposes, and leaves no gap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator
from datetime import datetime

from forensics.facts.names import Names, names_of
from forensics.facts.tables import Tables
from forensics.facts.used_by import Users
from forensics.tables.certificate import CertificateRow
from forensics.tables.key_chain import REQUEST, KeyChainRow
from forensics.tables.timestamps import as_utc

MAX_CANDIDATES = 100
"""Work: certificates of one name that are looked through for a successor; further ones silence no finding."""

_ANY = "anyExtendedKeyUsage"
_ELSEWHERE = frozenset({"sealed_tpm", "sealed_vbs", "needs_pin"})
"""Private keys of which no disk tells more than that nothing is wrong with them."""
_COMPUTER = frozenset({"machine", "service"})


class Successors:
    """The certificates of an examination that work, by their names.

    Args:
        tables: All rows.
        users: Which of them are in use.
        as_of: What "now" is.
    """

    def __init__(self, tables: Tables, users: Users, as_of: datetime) -> None:
        self._tables = tables
        self._users = users
        self._as_of = as_utc(as_of)
        self._machines: dict[int, dict[str, list[CertificateRow]]] = {}
        self._names: dict[int, Names] = {}

    def of(self, row: CertificateRow) -> CertificateRow | None:
        """Return the certificate that lasts longest of those that can stand in for one; None: there is none."""
        if row.not_after is None:
            return None
        names = self._names_of(row)
        return next((other for other in self._named(row.machine_id, names) if self._stands_in(other, row, names)), None)

    def _stands_in(self, other: CertificateRow, row: CertificateRow, names: Names) -> bool:
        return (
            _end(other)[0] > _end(row)[0]
            and _end(other)[0] >= self._as_of.timestamp()
            and self._leaves_no_gap(other, row)
            and _has_purposes(other, row)
            and self._names_of(other).cover(names)
            and (_place(other) == _place(row) or self._is_used_elsewhere(other, row))
        )

    def _leaves_no_gap(self, other: CertificateRow, row: CertificateRow) -> bool:
        begins = as_utc(other.not_before) if other.not_before else None
        return (
            begins is None or begins <= self._as_of or (row.not_after is not None and begins <= as_utc(row.not_after))
        )

    def _is_used_elsewhere(self, other: CertificateRow, row: CertificateRow) -> bool:
        """Tell whether a consumer of the same owner looks into the other store: there it has found its certificate."""
        same_owner = {row.store_scope, other.store_scope} <= _COMPUTER or _owner(row) == _owner(other)
        return same_owner and bool(self._users.of(other).used_by)

    def _named(self, machine_id: int, names: Names) -> Iterator[CertificateRow]:
        """Yield the working certificates that have the first of some names, the longest-lived first."""
        if machine_id not in self._machines:
            self._machines[machine_id] = self._by_name(machine_id)
        by_name = self._machines[machine_id]
        found = {id(row): row for name in names.places() for row in by_name.get(name, ())[:MAX_CANDIDATES]}
        yield from sorted(found.values(), key=_end, reverse=True)[:MAX_CANDIDATES]

    def _by_name(self, machine_id: int) -> dict[str, list[CertificateRow]]:
        chains = {(chain.thumbprint, chain.source_path): chain for chain in self._tables.of(KeyChainRow, machine_id)}
        found: dict[str, list[CertificateRow]] = defaultdict(list)
        for row in self._tables.of(CertificateRow, machine_id):
            chain = chains.get((row.thumbprint, row.source_path))
            if chain is not None and not row.archived and row.store.upper() != REQUEST and works(chain):
                for name in self._names_of(row).all:
                    found[name].append(row)
        for rows in found.values():
            rows.sort(key=_end, reverse=True)
        return found

    def _names_of(self, row: CertificateRow) -> Names:
        if id(row) not in self._names:
            self._names[id(row)] = names_of(row)
        return self._names[id(row)]


def works(chain: KeyChainRow) -> bool:
    """Tell whether a key opens; where no disk tells (in a TPM, of a user), whether nothing is wrong with it."""
    if chain.verdict != "unknown":
        return chain.verdict == "usable"
    if chain.broken_at is not None or chain.reason or chain.access == "denied":
        return False
    if chain.private_key in _ELSEWHERE:
        return chain.key_file in ("present", "not_applicable") and chain.public_key != "mismatch"
    # A user's password is on no disk.
    return (
        chain.store_scope == "user"
        and chain.unlocked_by == "not_tried"
        and (chain.key_file, chain.public_key, chain.master_key) == ("present", "match", "present")
    )


def _end(row: CertificateRow) -> tuple[float, str]:
    return (as_utc(row.not_after).timestamp() if row.not_after else 0.0, row.thumbprint)


def _owner(row: CertificateRow) -> Hashable:
    return row.store_scope, row.owner_sid, row.service


def _place(row: CertificateRow) -> Hashable:
    return row.store.lower(), _owner(row)


def _has_purposes(other: CertificateRow, row: CertificateRow) -> bool:
    # No usage at all permits every usage.
    return not other.eku or _ANY in other.eku or (bool(row.eku) and set(row.eku) <= set(other.eku))
