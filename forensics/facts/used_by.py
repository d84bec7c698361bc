"""Which consumers use each certificate, from which store, and whether all places were seen in which one is named.

A consumer looks for its certificate in one store of one account, so another copy of it elsewhere is not used by it.
Where one of the two is not told, any store or account will do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from datetime import datetime

from forensics.facts.remote_desktop import remote_desktop
from forensics.facts.tables import Tables
from forensics.facts.use import EARLIER, METABASE, keeps, label, needs_valid
from forensics.late_methods import dataclass
from forensics.sources.coverage import Coverage, Place
from forensics.tables.certificate import CertificateRow, Superseded
from forensics.tables.machine import MachineRow
from forensics.tables.outcome import Outcome
from forensics.tables.record import CoverageRow
from forensics.tables.use import CertificateUseRow

MAX_USES = 50
"""Display: uses of one certificate that are told one by one."""

_HIVES = ("SYSTEM", "SOFTWARE")
_RDP = "RDP"
_RDP_STORE = "Remote Desktop"
# A copy that was dragged there from My took its link to the key along.
_OF_TRUST = frozenset(
    {
        *("root", "authroot", "ca", "trust", "disallowed", "trustedpeople", "trustedpublisher", "trusteddevices"),
        *("addressbook", "smartcardroot", "clientauthissuer"),
    }
)


@dataclass(frozen=True, slots=True)
class Used:
    """What the uses say of one certificate in one store; columns as in table ``certificate``."""

    used_by: list[str] | None
    uses: list[str] | None
    end_stops: list[str] | None
    may_be_used_by: list[str] | None
    superseded: Superseded
    kept: bool = False


class Users:
    """The uses of an examination by certificate.

    Args:
        tables: All rows.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._machines: dict[int, _Machine] = {}

    def of(self, row: CertificateRow) -> Used:
        """Return what the uses say of a certificate in its store."""
        machine = self._machine(row.machine_id)
        found = _together(machine.uses_from(row))
        whole = machine.saw_all_uses_of(row)
        return Used(
            used_by=_told(found.used_by, whole),
            uses=_told(found.uses, whole),
            end_stops=_told(found.end_stops, whole),
            may_be_used_by=_told(found.may_be_used_by, whole),
            superseded=machine.superseded(row, found),
            kept=found.kept,
        )

    def consumers(self, row: CertificateRow) -> set[str]:
        """Return the consumers that name a certificate, wherever they look for it, or may choose it."""
        return self._machine(row.machine_id).consumers(row)

    def _machine(self, machine_id: int) -> _Machine:
        if machine_id not in self._machines:
            of = self._tables.of
            ends = [c.not_after for c in of(CertificateRow, machine_id) if c.store == _RDP_STORE and c.not_after]
            self._machines[machine_id] = _Machine(
                machine_id, of(CertificateUseRow, machine_id), of(CoverageRow, machine_id), max(ends, default=None)
            )
            self._machines[machine_id].has_rdp_off = any(
                remote_desktop(row, self._tables).rdp_on is False for row in of(MachineRow, machine_id)
            )
        return self._machines[machine_id]


_Numbered = dict[str, int]
"""Names with the number of the use that told each first: the order in which they are told."""


@dataclass(slots=True)
class _Uses:
    """The uses of one certificate from one store of one account."""

    used_by: _Numbered = field(default_factory=dict)
    uses: _Numbered = field(default_factory=dict)
    end_stops: _Numbered = field(default_factory=dict)
    may_be_used_by: _Numbered = field(default_factory=dict)
    is_earlier: bool = False
    kept: bool = False

    def add(self, number: int, use: CertificateUseRow) -> None:
        """Count one more use in."""
        self.kept = self.kept or keeps(use)
        if use.consumer == EARLIER:
            self.is_earlier = True
            return
        if use.certainty == "candidate" or use.consumer == METABASE:
            self.may_be_used_by.setdefault(use.consumer, number)
            return
        self.used_by.setdefault(use.consumer, number)
        if len(self.uses) < MAX_USES:
            self.uses.setdefault(label(use), number)
        if needs_valid(use):
            self.end_stops.setdefault(use.consumer, number)


_Place = tuple[str | None, str | None]
"""A store, lower case, and the SID whose store it is; None: any."""


class _Machine:
    """The uses of one machine, and where they were looked for."""

    def __init__(
        self,
        machine_id: int,
        uses: list[CertificateUseRow],
        coverage: list[CoverageRow],
        listener_ends: datetime | None,
    ) -> None:
        self._by_hash: dict[str, dict[_Place, _Uses]] = defaultdict(lambda: defaultdict(_Uses))
        self._consumers: dict[str, set[str]] = defaultdict(set)
        self._has_rdp = False
        self.has_rdp_off = False
        self._listener_ends = listener_ends
        for number, use in enumerate(uses):
            for digest in filter(None, {use.thumbprint, use.sha256}):
                place = (use.store.lower() if use.store else None, use.owner_sid)
                self._by_hash[digest][place].add(number, use)
                self._consumers[digest].add(use.consumer)
            self._has_rdp = self._has_rdp or use.consumer == _RDP
        self._coverage = Coverage(machine_id, rows=coverage)
        # A reader of uses says so where it could not see them all.
        gaps = any(not Outcome(row.outcome).is_whole for row in coverage if row.area == "uses")
        self._saw_all = not gaps and all(self._saw_hive(name) for name in _HIVES)
        self._saw_users: dict[str | None, bool] = {}

    def uses_from(self, row: CertificateRow) -> Iterator[_Uses]:
        """Yield the uses that name a certificate by either hash, and look for it where it is."""
        store = row.store.lower()
        for digest in filter(None, (row.thumbprint, row.sha256)):
            places: Mapping[_Place, _Uses] = self._by_hash.get(digest, {})
            if row.owner_sid is None:
                yield from (uses for place, uses in places.items() if place[0] in (None, store))
                continue
            for place in ((None, None), (store, None), (None, row.owner_sid), (store, row.owner_sid)):
                if place in places:
                    yield places[place]

    def consumers(self, row: CertificateRow) -> set[str]:
        """Return who names a certificate by either hash."""
        return self._consumers.get(row.thumbprint, set()) | self._consumers.get(row.sha256 or "", set())

    def saw_all_uses_of(self, row: CertificateRow) -> bool:
        """Tell whether every place was seen in which a use of a certificate is looked for."""
        if row.store_scope != "user":
            return self._saw_all
        if row.owner_sid not in self._saw_users:
            self._saw_users[row.owner_sid] = self._saw_all and self._saw_hive(f"ntuser.dat of {row.owner_sid}".lower())
        return self._saw_users[row.owner_sid]

    def superseded(self, row: CertificateRow, found: _Uses) -> Superseded:
        """Say why nobody misses a certificate that nothing uses, or only what is switched off."""
        if found.used_by:
            return "switched_off" if self.has_rdp_off and found.used_by.keys() == {_RDP} else "no"
        if found.is_earlier:
            return "replaced"
        if row.archived:
            return "archived"
        if row.store.lower() in _OF_TRUST:
            return "trusted"
        if row.store != _RDP_STORE:
            return "no"
        # Windows makes the next one when the one before no longer does, so the last one is the listener's.
        is_earlier = row.not_after and self._listener_ends and row.not_after < self._listener_ends
        return "remote_desktop" if self._has_rdp or is_earlier else "no"

    def _saw_hive(self, name: str) -> bool:
        return self._coverage.saw(Place.of_hive(name)).is_whole


def _together(parts: Iterable[_Uses]) -> _Uses:
    whole = _Uses()
    for part in parts:
        for name in ("used_by", "uses", "end_stops", "may_be_used_by"):
            told: _Numbered = getattr(whole, name)
            for text, number in getattr(part, name).items():
                told[text] = min(number, told.get(text, number))
        whole.is_earlier = whole.is_earlier or part.is_earlier
        whole.kept = whole.kept or part.kept
    return whole


def _told(names: _Numbered, whole: bool) -> list[str] | None:
    """Return the names in their order; None where there is none and not all was seen."""
    return sorted(names, key=names.__getitem__)[:MAX_USES] if names or whole else None
