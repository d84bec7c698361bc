"""Which certificate has taken over from which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable

from forensics.facts.tables import Tables
from forensics.tables.certificate import CertificateRow
from forensics.tables.timestamps import as_utc

MAX_KINDS = 100
"""Work: sets of extended key usages looked through for one subject; further ones silence no finding."""


class Successors:
    """The certificates of an examination by store, subject and extended key usages.

    Args:
        tables: All rows.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._machines: dict[int, dict[Hashable, list[CertificateRow]]] = {}

    def of(self, row: CertificateRow) -> CertificateRow | None:
        """Return the certificate that lasts longest of those that can stand in for one; None: there is none."""
        if row.subject is None or row.not_after is None:
            return None
        return next((other for other in self._longest(row) if _stands_in(other, row)), None)

    def _longest(self, row: CertificateRow) -> list[CertificateRow]:
        """Return, of the same store and subject, the longest-lived certificate with a key for each set of usages."""
        if row.machine_id not in self._machines:
            places: dict[Hashable, dict[frozenset[str], CertificateRow]] = defaultdict(dict)
            for other in self._tables.of(CertificateRow, row.machine_id):
                if other.has_key_link and other.not_after is not None:
                    kinds = places[_place(other)]
                    usages = frozenset(other.eku)
                    kinds[usages] = max(other, kinds.get(usages, other), key=_end)
            self._machines[row.machine_id] = {
                place: sorted(kinds.values(), key=_end, reverse=True)[:MAX_KINDS] for place, kinds in places.items()
            }
        return self._machines[row.machine_id].get(_place(row), [])


def _end(row: CertificateRow) -> tuple[float, str]:
    return (as_utc(row.not_after).timestamp() if row.not_after else 0.0, row.thumbprint)


def _place(row: CertificateRow) -> Hashable:
    return row.store, row.owner_sid, row.service, row.subject


def _stands_in(other: CertificateRow, row: CertificateRow) -> bool:
    # No usage at all permits every usage.
    covers = not other.eku or (bool(row.eku) and set(row.eku) <= set(other.eku))
    return covers and _end(other)[0] > _end(row)[0]
