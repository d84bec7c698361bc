"""What ends the fault of a use: another certificate only where this one, or its key, is what is lost.

References:
    Microsoft Learn, certutil -repairstore; icacls; Restore a private key.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from forensics.facts.tables import Tables
from forensics.facts.use import METABASE, needs_valid
from forensics.language import sentence
from forensics.tables.certificate import CertificateRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.timestamps import as_utc
from forensics.tables.use import CertificateUseRow, OpensBrokenAt

_WAYS: dict[OpensBrokenAt, str] = {
    "access": sentence("the certificate stays: let its account read the key file"),
    "keyset": sentence("the certificate stays: import certificate and key again into the key set of the computer"),
    "service": sentence("the certificate stays: let the service CNG Key Isolation start again"),
    "provider": sentence("the certificate stays: register the provider of its key again"),
    "claim": sentence("the certificate stays: write its link to the key anew"),
}
_LEADS_TO_THE_KEY: frozenset[OpensBrokenAt] = frozenset({"access", "service", "claim"})
"""What leads to the key once it is mended, where there is one."""


class Repair(NamedTuple):
    """Columns of table ``certificate_use``."""

    repair: str | None
    set_with: str
    stays: bool


class Repairs:
    """The certificates of an examination that have ended, by machine.

    Args:
        tables: All rows.
        as_of: What "now" is.
    """

    def __init__(self, tables: Tables, as_of: datetime) -> None:
        self._tables = tables
        self._as_of = as_utc(as_of)
        self._ended: dict[int, frozenset[str]] = {}
        self._without_key: dict[int, frozenset[str]] = {}

    def of(self, use: CertificateUseRow) -> Repair:
        """Return what ends the fault of a use; how another certificate is set, where there is none."""
        lost = use.present is False or (needs_valid(use) and self._has_ended(use))
        if use.opens_broken_at in _LEADS_TO_THE_KEY:
            lost = lost or not self._has_key(use)
        if use.consumer != METABASE and not lost and use.opens == "unusable" and use.opens_broken_at in _WAYS:
            return Repair(_WAYS[use.opens_broken_at], "", True)
        return Repair(use.repair, use.set_with, False)

    def _has_key(self, use: CertificateUseRow) -> bool:
        """Tell whether the key of a certificate may be on this disk, though nothing leads there."""
        if use.machine_id not in self._without_key:
            self._without_key[use.machine_id] = frozenset(
                row.thumbprint
                for row in self._tables.of(KeyChainRow, use.machine_id)
                if row.thumbprint is not None and row.recoverable is False
            )
        return use.thumbprint not in self._without_key[use.machine_id]

    def _has_ended(self, use: CertificateUseRow) -> bool:
        if use.machine_id not in self._ended:
            self._ended[use.machine_id] = frozenset(
                row.thumbprint
                for row in self._tables.of(CertificateRow, use.machine_id)
                if row.not_after is not None and as_utc(row.not_after) < self._as_of
            )
        return use.thumbprint in self._ended[use.machine_id]
