"""Compares two cases machine by machine."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from forensics.case_tables import CaseTables
from forensics.comparison.deaths import KeyChange, key_changes
from forensics.comparison.differences import COMPARED, FACTS_OF_KEYS, Difference, differences
from forensics.comparison.losses import lost_file
from forensics.disk.evidence_files import EvidenceFiles
from forensics.late_methods import dataclass
from forensics.report.result import Result
from forensics.sources.coverage import Coverage, Place
from forensics.tables.certificate import CertificateRow, KeyFileRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.key_folder import KeyFolderRow
from forensics.tables.machine import MachineRow
from forensics.tables.row import Row
from forensics.tables.secrets import MasterKeyRow
from forensics.tables.use import FolderAclRow
from forensics.tables.windows_path import WindowsPaths

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class MachineComparison:
    """One machine before and after.

    Attributes:
        before: Its row before; None when it is only in the later case.
        after: Its row after; None when it is only in the earlier case.
        differences: What changed, table by table.
        keys: What became of its certificates' keys.
        shared_certificates: Certificates with a key that are on both sides.
        unexamined: Tables of which one side has rows whose place was not in the source of the other.
    """

    before: MachineRow | None
    after: MachineRow | None
    differences: tuple[Difference, ...]
    keys: tuple[KeyChange, ...]
    shared_certificates: int
    unexamined: tuple[str, ...]

    @property
    def is_one_machine(self) -> bool:
        """Name, machine SID, MachineGuid or a certificate with a key agree: nothing else speaks for one machine."""
        if self.before is None or self.after is None:
            return False
        same = any(
            getattr(self.before, column) is not None
            and str(getattr(self.before, column)).lower() == str(getattr(self.after, column)).lower()
            for column in ("computer_name", "machine_sid", "machine_guid")
        )
        return same or self.shared_certificates > 0


@dataclass(frozen=True, repr=False)
class Comparison(Result):
    """What :func:`compare` returns; a notebook shows it as text.

    Attributes:
        before: The earlier case.
        after: The later case.
        machines: Machines that are in both, then those that are in one.
    """

    formats = ("text", "json", "html")

    before: CaseTables
    after: CaseTables
    machines: tuple[MachineComparison, ...]

    @property
    def evidence(self) -> EvidenceFiles:
        return EvidenceFiles.together(self.before.evidence, self.after.evidence)

    @property
    def died(self) -> int:
        """How many keys died."""
        return sum(key.fate == "died" for machine in self.machines for key in machine.keys)

    @property
    def is_empty(self) -> bool:
        """Nothing differs."""
        return not any(m.differences or m.keys or m.before is None or m.after is None for m in self.machines)

    @property
    def keys(self) -> pd.DataFrame:
        """What became of each private key, one row each.

        Columns ``machine`` (name after), ``fate`` (categorical), ``subject``, ``container``, ``thumbprint``,
        ``verdict_before``, ``verdict_after``, ``broken_at``, ``recoverable``, ``cause``, ``also`` (list of texts),
        ``known_by``, ``lost``.
        """
        from forensics.comparison.frames import keys_frame

        return keys_frame(self.machines)

    @property
    def differences(self) -> pd.DataFrame:
        """What differs, one row each: ``machine``, ``table``, ``change`` (added, removed, changed), ``text``."""
        from forensics.comparison.frames import differences_frame

        return differences_frame(self.machines)

    def _render(self, format: str, width: int | None) -> str:
        if format == "html":
            # Here: texts need no Jinja.
            from forensics.comparison.render_html import render_comparison_html

            return render_comparison_html(self)
        from forensics.comparison.render import comparison_document, render_comparison

        if format == "json":
            return json.dumps(comparison_document(self), indent=2) + "\n"
        return render_comparison(self, width)


def compare(before: CaseTables, after: CaseTables) -> Comparison:
    """Tell what changed between two examinations of a machine, and which keys died of it.

    Machines belong together by machine SID and name, by either of them, or because each case holds but one.

    Args:
        before: The earlier one.
        after: The later one.

    Examples:
        >>> import forensics
        >>> comparison = forensics.compare(forensics.examine("before.vhdx"), forensics.examine("after.vhdx"))
        >>> int((comparison.keys.fate == "died").sum())
        7
    """
    before, after = before.present, after.present
    pairs = _pairs(before.rows("machine"), after.rows("machine"))
    return Comparison(before, after, tuple(_compared(before, after, was, now) for was, now in pairs))


def _pairs(before: list[MachineRow], after: list[MachineRow]) -> list[tuple[MachineRow | None, MachineRow | None]]:
    if len(before) == len(after) == 1:
        return [(before[0], after[0])]
    pairs: list[tuple[MachineRow | None, MachineRow | None]] = []
    left = list(after)
    alone = []
    for was in before:
        now = max(left, key=lambda row: _likeness(was, row), default=None)
        if now is None or not _likeness(was, now):
            alone.append(was)
            continue
        left.remove(now)
        pairs.append((was, now))
    return [*pairs, *((was, None) for was in alone), *((None, now) for now in left)]


def _likeness(was: MachineRow, now: MachineRow) -> int:
    same_sid = was.machine_sid is not None and was.machine_sid == now.machine_sid
    names = [(row.computer_name or "").lower() for row in (was, now)]
    return 2 * same_sid + (bool(names[0]) and names[0] == names[1])


def _compared(
    before: CaseTables, after: CaseTables, was: MachineRow | None, now: MachineRow | None
) -> MachineComparison:
    if was is None or now is None:
        return MachineComparison(was, now, (), (), 0, ())
    saw_before, saw_after = before.coverage_of(was), after.coverage_of(now)
    paths = WindowsPaths([was]), WindowsPaths([now])

    def is_told(old: Row | None, new: Row | None) -> bool:
        """A row that only one side has was added or removed where the other side looked."""
        if old is not None and new is None:
            return _saw(saw_after, saw_before, old)
        return old is not None or new is None or _saw(saw_before, saw_after, new)

    found: list[Difference] = []
    skipped: list[str] = []
    for compared in COMPARED:
        old, new = (_rows(c, compared.table, m.machine_id) for c, m in ((before, was), (after, now)))
        all_found = differences(compared, old, new, saw_before.relative, saw_after.relative, *paths)
        told = [difference for difference in all_found if is_told(difference.before, difference.after)]
        skipped += [compared.table] if len(told) < len(all_found) else []
        found += _without_lost_facts(told, saw_before, saw_after)
    old_chains, new_chains = _rows(before, "key_chain", was.machine_id), _rows(after, "key_chain", now.machine_id)
    shared = {c.thumbprint for c in old_chains if c.thumbprint} & {c.thumbprint for c in new_chains}
    changes = key_changes(old_chains, new_chains, found, saw_before.relative, saw_after.relative, *paths)
    witnesses = [_rows(case, "key_history", m.machine_id) for case, m in ((before, was), (after, now))]
    keys = [replace(key, lost=lost_file(key, *witnesses)) for key in changes if is_told(key.before, key.after)]
    return MachineComparison(was, now, tuple(found), tuple(keys), len(shared), tuple(skipped))


def _saw(this: Coverage, other: Coverage, row: Row) -> bool:
    """Tell whether one side saw the place whole in which the other one read a row."""
    if isinstance(row, CertificateRow | KeyChainRow) and row.thumbprint and this.missed_certificate(row.thumbprint):
        return False
    return this.saw(_place(row, other)).is_whole


def _place(row: Row, coverage: Coverage) -> Place:
    """Return the place of a row; that of a file is where Windows looks for it, over whatever links."""
    path = row.source_path
    if isinstance(row, KeyFileRow | KeyFolderRow | MasterKeyRow | FolderAclRow):
        path = row.path
    elif isinstance(row, KeyChainRow) and not row.thumbprint:
        path = row.key_file_path or path
    return Place.at(coverage.relative(path))


def _without_lost_facts(found: list[Difference], before: Coverage, after: Coverage) -> list[Difference]:
    """Leave out what one side lacks because it did not see the whole key in which it would stand."""
    kept = []
    for difference in found:
        columns = tuple(
            (column, was, now)
            for column, was, now in difference.columns
            if (was is not None or _saw_fact(before, column, difference.before))
            and (now is not None or _saw_fact(after, column, difference.after))
        )
        if columns or difference.change != "changed":
            kept.append(replace(difference, columns=columns))
    return kept


def _saw_fact(coverage: Coverage, column: str, row: Row | None) -> bool:
    """Tell whether a column that is null says that there is no such value."""
    if row is None:
        return True
    if isinstance(row, MachineRow):
        return coverage.saw(Place.of_key(*FACTS_OF_KEYS[column])).state in ("present", "absent")
    return coverage.saw(_place(row, coverage)).state != "partial"


def _rows(case: CaseTables, table: str, machine_id: int) -> list[Any]:
    return [row for row in case.rows(table) if row.machine_id == machine_id]
