"""What spans all sources of an examination, once each was examined: machines told from each other, facts, names."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING

from forensics.across_machines import COMPARISONS
from forensics.chain.vault import open_vault
from forensics.examining.examined import ExaminedSource
from forensics.examining.own_failure import kind_of, where
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.sources.former import mark_alone
from forensics.tables.former_windows import without_former
from forensics.tables.machine import MachineRow
from forensics.tables.record import ProblemRow
from forensics.tables.row import Row
from forensics.tables.source import SourceEntry, entry_of

if TYPE_CHECKING:
    from forensics.collectors.hyperv.evidence import HyperVEvidence

_log = logging.getLogger(__name__)


@dataclass
class Across:
    """All sources of one examination.

    Attributes:
        rows: Of all of them, in the order in which they were opened.
        entries: Of all of them, in the order in which they were named.
        machines: Installations that were numbered.
        users_seen: Names and SIDs of users that any of them knows, lower case.
        unopened: Why sources could not be examined: kind and sentence.
    """

    rows: list[Row] = field(default_factory=list)
    entries: list[SourceEntry] = field(default_factory=list)
    machines: int = 0
    users_seen: set[str] = field(default_factory=set)
    unopened: list[tuple[str, str]] = field(default_factory=list)
    _disks: dict[int, str] = field(default_factory=dict)
    _hyperv: list[HyperVEvidence] = field(default_factory=list)
    _mixed: dict[int, str] = field(default_factory=dict)
    data_disks: list[SourceEntry] = field(default_factory=list)

    @classmethod
    def of(cls, examined: Mapping[int, ExaminedSource]) -> Across:
        """Put sources together whose machines are numbered through.

        Args:
            examined: Each source by the number under which it was named, in the order in which they were opened.
        """
        whole = cls()
        for source in examined.values():
            whole._take(source)
        whole.entries = [entry for _, source in sorted(examined.items()) for entry in source.entries]
        return whole

    def _take(self, source: ExaminedSource) -> None:
        self.rows += source.rows
        self.machines += source.machines
        self.users_seen |= source.users_seen
        self.unopened += source.unopened
        self._disks |= source.disks
        self._hyperv += source.hyperv
        self._mixed |= source.mixed
        self.data_disks += source.entries[:1] if source.is_data_disk else []

    def has(self, machine_id: int) -> bool:
        """Tell whether an installation is among the machines."""
        return any(isinstance(row, MachineRow) and row.machine_id == machine_id for row in self.rows)

    def wanted_domain_keys(self, given: Collection[str]) -> set[str]:
        """Return the GUIDs of backup keys of domains that master keys wait for and that were not given."""
        from forensics.chain.domain_controllers import wanted_keys

        return wanted_keys(self.rows, given)

    def tell_unknown_users(self, named: Collection[str]) -> None:
        """Record each secret given for a user whom no source knows: it opened nothing, and not by being wrong.

        Args:
            named: Users for whom one was given, lower case.
        """
        for name in sorted(set(named) - self.users_seen):
            message = sentence(
                "a password or NT hash was given for {name}, whom none of the sources knows; name the user or SID",
                name=name,
            )
            self.rows.append(ProblemRow(machine_id=0, source_path="", kind="unknown_user", message=message))

    def moved_users(self) -> None:
        """Forget the profiles on data disks that are likely those of a Windows of the same run, and say so."""
        from forensics.facts.moved_users import WHY, is_read_by_a_windows, moved_users

        with self._told("looking for moved profiles"):
            moved, told = moved_users(self.rows)
            gone = {machine.machine_id for machine in moved}
            self.rows = [row for row in self.rows if row.machine_id not in gone] + told
            for entry in self.entries:
                alone = gone.intersection(entry.machine_ids)
                entry.machine_ids = [number for number in entry.machine_ids if number not in gone]
                if alone and not entry.machine_ids and not is_read_by_a_windows(entry.path, self.rows):
                    entry.error = WHY

    def virtual_machines(self) -> None:
        """Judge the virtual machines of all sources, or tell that this failed."""
        from forensics.hyperv.judge import judge_hyperv

        with self._told("judging virtual machines"):
            vault = open_vault()
            if vault is not None:
                vault.take_guardians(
                    certificate for evidence in self._hyperv for certificate in evidence.certificates()
                )
            self.rows += judge_hyperv(self._hyperv, without_former(self.rows))

    def across_machines(self) -> None:
        """Tell what all installations of all sources together say, such as which are clones of each other."""
        for comparison in COMPARISONS:
            with self._told(comparison.doing):
                self.rows += comparison.rows(without_former(self.rows), self._disks)

    def facts(self, as_of: datetime) -> None:
        """Add to the rows what follows from all of them."""
        from forensics.facts.facts import with_facts

        with self._told("computing facts"):
            self.rows = with_facts(self.rows, as_of)

    def former_windows(self) -> None:
        """Tell what each former Windows has that the one in its place has not; one that is alone is an older state."""
        from forensics.facts.former_windows import former_windows

        with self._told("comparing former installations"):
            self.rows += former_windows(self.rows, self._disks)
            mark_alone(self.entries, self.rows)

    @contextmanager
    def _told(self, step: str) -> Iterator[None]:
        """Make a row of whatever fails in a step over all sources; what was found before stands."""
        try:
            yield
        except Exception as error:
            _log.debug("while %s", step, exc_info=True)
            self.rows.append(ProblemRow(machine_id=0, source_path="", kind=kind_of(error), message=where(error)))

    def count_data_disks(self) -> None:
        """Count the disks that were read whole and hold no Windows as examined, unless there is nothing else."""
        if self.machines:
            for entry in self.data_disks:
                entry.error = None

    def name_sources(self) -> None:
        """Put into the row of each machine the path of the entry in which it was found, and into that what is mixed."""
        for row in self.rows:
            entry = entry_of(self.entries, row.machine_id) if isinstance(row, MachineRow) else None
            if isinstance(row, MachineRow) and entry is not None:
                row.source = entry.path
                entry.mixed = self._mixed.get(row.machine_id)
