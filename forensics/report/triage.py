"""Sorts the chains of a case into what a reader asks for first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from datetime import datetime

from forensics.case_tables import CaseTables
from forensics.late_methods import dataclass
from forensics.tables.key_chain import KeyChainRow


@dataclass(slots=True)
class Triage:
    """Every chain of a case in exactly one list, except that expiry is told beside it.

    In each list what is in use comes before what is not, and what is in force before what has ended.

    Attributes:
        as_of: The date of the case.
        broken: Certificates whose key Windows would not open.
        too_open: Usable, but the whole machine may read the key file.
        expired: Certificates with a chain whose last day is past, whatever their key.
        expiring: Certificates that are still valid and that somebody may miss, by their last day, unless their key is
            broken.
        well: Usable.
        unknown: Not decided by the evidence.
        daily: Certificates that are made anew each day: they are counted nowhere else.
        orphans: Key files that no certificate names.
        kept: Certificates, by machine and thumbprint, that a role needs though they have ended, or renews in its own
            way: rules of their own speak of those.
    """

    as_of: datetime
    broken: list[KeyChainRow] = field(default_factory=list)
    too_open: list[KeyChainRow] = field(default_factory=list)
    expired: list[KeyChainRow] = field(default_factory=list)
    expiring: list[KeyChainRow] = field(default_factory=list)
    well: list[KeyChainRow] = field(default_factory=list)
    unknown: list[KeyChainRow] = field(default_factory=list)
    daily: list[KeyChainRow] = field(default_factory=list)
    orphans: list[KeyChainRow] = field(default_factory=list)
    kept: set[tuple[int, str | None]] = field(default_factory=set)

    @property
    def judged(self) -> list[KeyChainRow]:
        """The certificates that have or should have a private key, without those that are made anew each day."""
        return [*self.broken, *self.too_open, *self.well, *self.unknown]

    @property
    def keys(self) -> int:
        """How many of them are in force."""
        return len(self.in_force(self.judged))

    def in_force(self, chains: Iterable[KeyChainRow]) -> list[KeyChainRow]:
        """Return those that have not ended: what a headline counts."""
        return [chain for chain in chains if chain.is_in_force(self.as_of)]

    @property
    def has_findings(self) -> bool:
        """Something is wrong: an unusable key, one that everybody may read, an expired certificate that no role keeps.

        Key files that no certificate names and whose names Windows does not look for are no fault: those of an earlier
        MachineGuid lie on every computer made from a template, and somebody keeps a copy with ``.bak`` behind its name.
        """
        dead_orphan = any(
            o.access == "too_open"
            or (o.verdict == "unusable" and (o.broken_at != "key_file" or o.key_file == "unreadable"))
            for o in self.orphans
        )
        open_anyway = any(row.access == "too_open" for row in (*self.too_open, *self.unknown))
        ended = (chain for chain in self.expired if (chain.machine_id, chain.thumbprint) not in self.kept)
        return any(c.is_missed for c in (*self.broken, *ended)) or dead_orphan or open_anyway


def triage(case: CaseTables) -> Triage:
    """Sort the chains of a case."""
    case = case.present
    result = Triage(case.as_of)
    result.kept = {(row.machine_id, row.thumbprint) for row in case.rows("certificate") if row.kept}
    for chain in sorted(case.rows("key_chain"), key=lambda c: c.rank(case.as_of)):
        if chain.thumbprint is None:
            result.orphans.append(chain)
            continue
        _by_verdict(result, chain).append(chain)
        if chain.standing == "daily":
            continue
        if not chain.is_in_force(case.as_of):
            result.expired.append(chain)
        elif chain.ends is not None and chain.verdict != "unusable" and chain.is_missed:
            result.expiring.append(chain)
    result.expired.sort(key=_last_day, reverse=True)
    result.expiring.sort(key=_last_day)
    return result


def _by_verdict(result: Triage, chain: KeyChainRow) -> list[KeyChainRow]:
    if chain.standing == "daily":
        return result.daily
    if chain.verdict == "unusable":
        return result.broken
    if chain.verdict == "unknown":
        return result.unknown
    return result.too_open if chain.access == "too_open" else result.well


def _last_day(chain: KeyChainRow) -> datetime:
    assert chain.ends is not None
    return chain.ends
