"""Sorts the chains of a case into what a reader asks for first."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from forensics.case_tables import CaseTables
from forensics.tables.key_chain import KeyChainRow


@dataclass(slots=True)
class Triage:
    """Every chain of a case in exactly one list, except that expiry is told beside it.

    Attributes:
        broken: Certificates whose key Windows would not open.
        too_open: Usable, but the whole machine may read the key file.
        expired: Certificates with a chain whose last day is past, whatever their key.
        expiring: Certificates that are still valid, by their last day, unless their key is broken.
        well: Usable.
        unknown: Not decided by the evidence.
        orphans: Key files that no certificate names.
    """

    broken: list[KeyChainRow] = field(default_factory=list)
    too_open: list[KeyChainRow] = field(default_factory=list)
    expired: list[KeyChainRow] = field(default_factory=list)
    expiring: list[KeyChainRow] = field(default_factory=list)
    well: list[KeyChainRow] = field(default_factory=list)
    unknown: list[KeyChainRow] = field(default_factory=list)
    orphans: list[KeyChainRow] = field(default_factory=list)

    @property
    def keys(self) -> int:
        """How many certificates have or should have a private key."""
        return len(self.broken) + len(self.too_open) + len(self.well) + len(self.unknown)

    @property
    def has_findings(self) -> bool:
        """Something is wrong: an unusable key, one that everybody may read, or an expired certificate."""
        dead_orphan = any(o.verdict == "unusable" or o.access == "too_open" for o in self.orphans)
        open_anyway = any(row.access == "too_open" for row in (*self.too_open, *self.unknown))
        return bool(self.broken or self.expired or dead_orphan or open_anyway)


def triage(case: CaseTables) -> Triage:
    """Sort the chains of a case."""
    result = Triage()
    for chain in case.rows("key_chain"):
        if chain.thumbprint is None:
            result.orphans.append(chain)
            continue
        _by_verdict(result, chain).append(chain)
        if chain.ends is not None and chain.ends < case.as_of:
            result.expired.append(chain)
        elif chain.ends is not None and chain.verdict != "unusable":
            result.expiring.append(chain)
    result.expired.sort(key=_last_day, reverse=True)
    result.expiring.sort(key=_last_day)
    return result


def _by_verdict(result: Triage, chain: KeyChainRow) -> list[KeyChainRow]:
    if chain.verdict == "unusable":
        return result.broken
    if chain.verdict == "unknown":
        return result.unknown
    return result.too_open if chain.access == "too_open" else result.well


def _last_day(chain: KeyChainRow) -> datetime:
    assert chain.ends is not None
    return chain.ends


def within(chains: list[KeyChainRow], as_of: datetime, span: timedelta) -> list[KeyChainRow]:
    """Return the chains whose certificate ends within ``span`` after ``as_of``."""
    return [c for c in chains if c.ends is not None and c.ends - as_of <= span]
