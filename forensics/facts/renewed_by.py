"""Which certificate can stand in for which: one that works, has its names and its purposes, and leaves no gap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from datetime import datetime
from heapq import merge

from forensics.chain.undecided import REASONS
from forensics.facts.names import Names, names_of
from forensics.facts.tables import Tables
from forensics.facts.used_by import Users
from forensics.late_methods import dataclass
from forensics.tables.certificate import CertificateRow
from forensics.tables.key_chain import REQUEST, KeyChainRow
from forensics.tables.timestamps import as_utc

MAX_CANDIDATES = 100
"""Work: certificates of one name that are looked through for a successor; further ones silence no finding."""

_ANY = "anyExtendedKeyUsage"
_ELSEWHERE = frozenset({"sealed_tpm", "sealed_vbs", "needs_pin"})
"""Private keys of which no disk tells more than that nothing is wrong with them."""
_COMPUTER = frozenset({"machine", "service"})


@dataclass(frozen=True, slots=True)
class _Working:
    """A certificate whose key opens, with what is asked of it again and again."""

    row: CertificateRow
    end: float
    begins: float
    place: Hashable
    usages: frozenset[str] | None
    names: Names


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
        self._now = _seconds(as_of)
        self._machines: dict[int, dict[str, list[_Working]]] = {}

    def of(self, row: CertificateRow) -> CertificateRow | None:
        """Return the certificate that lasts longest of those that can stand in for one; None: there is none."""
        if row.not_after is None:
            return None
        end, names, usages = _seconds(row.not_after), names_of(row), _usages(row)
        for other in self._named(row.machine_id, names):
            if other.end <= end or other.end < self._now:
                return None
            leaves_no_gap = other.begins <= max(self._now, end)
            # No usage at all permits every usage.
            has_purposes = other.usages is None or (usages is not None and usages <= other.usages)
            if leaves_no_gap and has_purposes and other.names.cover(names) and self._is_looked_for(other, row):
                return other.row
        return None

    def _is_looked_for(self, other: _Working, row: CertificateRow) -> bool:
        """Tell whether who looks for one finds the other: in the same store, or where one has been found already."""
        if other.place == _place(row):
            return True
        same_owner = {row.store_scope, other.row.store_scope} <= _COMPUTER or _owner(row) == _owner(other.row)
        return same_owner and bool(self._users.of(other.row).used_by)

    def _named(self, machine_id: int, names: Names) -> Iterable[_Working]:
        """Return the working certificates that have the first of some names, the longest-lived first."""
        if machine_id not in self._machines:
            self._machines[machine_id] = self._by_name(machine_id)
        by_name = self._machines[machine_id]
        found = [by_name[name] for name in names.places() if name in by_name]
        return found[0] if len(found) == 1 else merge(*found, key=_longest_first)

    def _by_name(self, machine_id: int) -> dict[str, list[_Working]]:
        chains = {(chain.thumbprint, chain.source_path): chain for chain in self._tables.of(KeyChainRow, machine_id)}
        found: dict[str, list[_Working]] = defaultdict(list)
        for row in self._tables.of(CertificateRow, machine_id):
            chain = chains.get((row.thumbprint, row.source_path))
            if chain is None or row.not_after is None or row.archived or row.store.upper() == REQUEST:
                continue
            if works(chain):
                begins = _seconds(row.not_before) if row.not_before else float("-inf")
                other = _Working(row, _seconds(row.not_after), begins, _place(row), _usages(row), names_of(row))
                for name in other.names.all:
                    found[name].append(other)
        return {name: sorted(others, key=_longest_first)[:MAX_CANDIDATES] for name, others in found.items()}


def works(chain: KeyChainRow) -> bool:
    """Tell whether a key opens; where no disk tells (in a TPM, of a user), whether nothing is wrong with it."""
    if chain.verdict != "unknown":
        return chain.verdict == "usable"
    is_suspected = chain.reason and chain.reason not in REASONS
    if chain.broken_at is not None or is_suspected or chain.access == "denied":
        return False
    if chain.private_key in _ELSEWHERE:
        return chain.key_file in ("present", "not_applicable") and chain.public_key != "mismatch"
    # A user's password is on no disk.
    return (
        chain.store_scope == "user"
        and chain.unlocked_by == "not_tried"
        and (chain.key_file, chain.public_key, chain.master_key) == ("present", "match", "present")
    )


def _longest_first(other: _Working) -> tuple[float, str]:
    return -other.end, other.row.thumbprint


def _seconds(moment: datetime) -> float:
    return as_utc(moment).timestamp()


def _usages(row: CertificateRow) -> frozenset[str] | None:
    """Return the extended key usages of a certificate; None: all of them."""
    return None if not row.eku or _ANY in row.eku else frozenset(row.eku)


def _owner(row: CertificateRow) -> Hashable:
    return row.store_scope, row.owner_sid, row.service


def _place(row: CertificateRow) -> Hashable:
    return row.store.lower(), _owner(row)
