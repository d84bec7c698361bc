"""One run over all sources: opens each, judges each Windows, then what spans several of them."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.across_machines import COMPARISONS
from forensics.disk.errors import SourceError
from forensics.late_methods import dataclass
from forensics.sources.backup_hives import show_backups
from forensics.sources.choices import Choices
from forensics.sources.former import mark_alone
from forensics.sources.same_evidence import Copies, SeenEvidence, same_content
from forensics.tables.former_windows import without_former
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.machine import MachineRow
from forensics.tables.record import CoverageRow, ProblemRow
from forensics.tables.row import Row
from forensics.tables.shadow_copy import ShadowCopyRow
from forensics.tables.source import SourceEntry, entry_of, leaves

if TYPE_CHECKING:
    from forensics.chain.domain_controllers import DomainController
    from forensics.chain.judge import Judge
    from forensics.collectors.hyperv.evidence import HyperVEvidence
    from forensics.disk.disk import Progress
    from forensics.disk.unlock import Unlock
    from forensics.dpapi.domain_backup import DomainBackupKey
    from forensics.dpapi.user_secrets import UserSecrets
    from forensics.sources.installation import Installation
    from forensics.sources.source import Source

_log = logging.getLogger(__name__)


@dataclass
class ExaminationRun:
    """The state of one examination over all its sources."""

    unlock: Unlock
    choices: Choices
    user_secrets: UserSecrets
    second_opinion: bool
    progress: Progress
    seen: SeenEvidence = field(default_factory=SeenEvidence)
    rows: list[Row] = field(default_factory=list)
    entries: list[SourceEntry] = field(default_factory=list)
    machines: int = 0
    judges: list[Judge] = field(default_factory=list)
    users_seen: set[str] = field(default_factory=set)
    disks: dict[int, str] = field(default_factory=dict)
    hyperv: list[HyperVEvidence] = field(default_factory=list)
    unopened: list[SourceError] = field(default_factory=list)
    mixed: dict[int, str] = field(default_factory=dict)
    data_disks: list[SourceEntry] = field(default_factory=list)
    named: int = 1
    copies: Copies = field(default_factory=Copies)
    controllers: list[DomainController] = field(default_factory=list)

    def domain_keys(self) -> tuple[list[DomainBackupKey], list[Row]]:
        """Return the backup keys for which master keys wait, from controllers of the run, and problems there."""
        from forensics.chain.domain_controllers import keys_of, wanted_keys

        given = {key.guid for key in self.user_secrets.domain_keys if key.guid is not None}
        wanted = wanted_keys(self.rows, given) if self.controllers else set()
        if not wanted:
            return [], []
        examined = {row.machine_id for row in self.rows if isinstance(row, MachineRow)}
        there = [controller for controller in self.controllers if controller.machine_id in examined]
        with self._told("looking for backup keys of domains"):
            return keys_of(there, wanted, self._opened_for_keys)
        return [], []

    def _opened_for_keys(self, path: str, first: int) -> Source:
        from forensics.sources.open import open_source

        self.progress(f"looking for backup keys of the domain on {path}")
        self.seen.disks.opening(path)
        known = self.seen.once_more()
        opened = open_source(
            path, self.unlock, choices=self.choices, first_machine_id=first, progress=self.progress, seen=known
        )
        self.seen.disks.examining(path, opened.resources)
        return opened

    def tell_unknown_users(self) -> None:
        """Record each secret given for a user whom no source knows: it opened nothing, and not by being wrong."""
        for name in sorted({*self.user_secrets.passwords, *self.user_secrets.nt_hashes} - self.users_seen):
            message = (
                f"a password or NT hash was given for {name}, whom none of the sources knows; name the user or SID"
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
            self.rows += judge_hyperv(self.hyperv, without_former(self.rows))

    def across_machines(self) -> None:
        """Tell what all installations of all sources together say, such as which are clones of each other."""
        for comparison in COMPARISONS:
            with self._told(comparison.doing):
                self.rows += comparison.rows(without_former(self.rows), self.disks)

    def facts(self, as_of: datetime) -> None:
        """Add to the rows what follows from all of them."""
        from forensics.facts.facts import with_facts

        with self._told("computing facts"):
            self.rows = with_facts(self.rows, as_of)

    def former_windows(self) -> None:
        """Tell what each former Windows has that the one in its place has not; one that is alone is an older state."""
        from forensics.facts.former_windows import former_windows

        with self._told("comparing former installations"):
            self.rows += former_windows(self.rows, self.disks)
            mark_alone(self.entries, self.rows)

    @contextmanager
    def _told(self, step: str) -> Iterator[None]:
        """Make a row of whatever fails in a step over all sources; what was found before stands."""
        try:
            yield
        except Exception as error:
            _log.debug("while %s", step, exc_info=True)
            self.rows.append(ProblemRow(machine_id=0, source_path="", kind="internal_error", message=_where(error)))

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
                entry.mixed = self.mixed.get(row.machine_id)

    def source(self, path: str) -> list[SourceEntry]:
        """Examine one source; whatever goes wrong becomes rows. Returns its entries."""
        entry = SourceEntry(path, "unknown")
        before = len(self.entries)
        self.entries.append(entry)
        try:
            from forensics.sources.open import open_source

            self.progress(f"opening {path}")
            self.seen.disks.opening(path)
            first = self.machines + 1
            with open_source(
                path,
                self.unlock,
                choices=self.choices,
                first_machine_id=first,
                progress=self.progress,
                seen=self.seen,
            ) as opened:
                entry.kind, entry.reader = opened.kind, opened.reader
                self.seen.disks.examining(path, opened.resources)
                entry.older_state_of = opened.older_state_of
                entry.backup_of = opened.backup_of
                self.entries += opened.found
                self._installations(opened, entry)
        except SourceError as error:
            entry.same_as = getattr(error, "other", None)
            self._failed(entry, error.kind, error.message)
        except Exception as error:
            _log.debug("while opening %s", path, exc_info=True)
            self._failed(entry, "internal_error", _where(error))
        return self.entries[before:]

    def _failed(self, entry: SourceEntry, kind: str, message: str) -> None:
        self.rows.append(ProblemRow(machine_id=0, source_path=entry.path, kind=kind, message=message))
        if not entry.machine_ids:
            entry.error = message
            told = message if entry.path in message else f"{entry.path}: {message}"
            self.unopened.append(SourceError(kind, told))

    def _installations(self, opened: Source, entry: SourceEntry) -> None:
        from forensics.collectors.provenance import tell_where_read

        self.judges = []
        first = self.machines + 1
        try:
            self.machines += show_backups(opened, entry) if self.choices.regback else 0
            for installation in opened.installations:
                self.machines += 1
                entry.machine_ids.append(installation.machine_id)
                self._installation(installation)
                self._controller(entry, first, installation)
            if self.named > 1 or opened.found:
                self._count_copies_once(opened, entry)
            if any(judge.missed for judge in self.judges):
                from forensics.chain.across import found_elsewhere
                from forensics.history.loss import with_proof

                made = {row.id: row.created for row in self.rows if isinstance(row, ShadowCopyRow)}
                found = found_elsewhere(self.judges)
                better = {
                    id(row): with_proof(other, made.get(other.recoverable_shadow_copy or "")) for row, other in found
                }
                self.rows = [better.get(id(row), row) for row in self.rows]
            self._tell_of_search()
            self._keep_files()
            has_vms = self._hyperv(opened)
        finally:
            self.rows += [*opened.problems, *opened.coverage, *opened.bitlocker]
            for installation in opened.installations:
                tell_where_read(installation, self.rows)
        if entry.machine_ids or has_vms or opened.is_parent or entry.same_as is not None:
            return
        if any(found.error for found in opened.found):
            reason = next(found.error for found in opened.found if found.error)
            self._failed(entry, "nothing_opened", f"nothing in {entry.path} could be examined: {reason}")
        else:
            from forensics.sources.holdings import nothing_found, was_seen_whole

            entry.error = nothing_found(opened)
            if was_seen_whole(opened):
                self.data_disks.append(entry)

    def _tell_of_search(self) -> None:
        """Add what the search for keys over the whole disk has to tell, shadow copies included, where one was made."""
        for judge in self.judges:
            past, installation = judge.prover.ring.asked_past, judge.evidence.installation
            if past is None and not judge.missed:
                continue
            number = installation.machine_id
            told = (ProblemRow, CoverageRow)
            self.rows = [row for row in self.rows if row.machine_id != number or not isinstance(row, told)]
            if past is not None:
                past.volumes.tell()
                copies = [row for row in self.rows if row.machine_id == number and isinstance(row, ShadowCopyRow)]
                judged = {id(row): past.volumes.judged(row) for row in copies}
                self.rows = [judged.get(id(row), row) for row in self.rows]
            self.rows += [*installation.problems, *installation.coverage]

    def _keep_files(self) -> None:
        """Keep the files that bring keys back, where somebody asked for keys."""
        from forensics.chain.vault import open_vault

        vault = open_vault()
        if vault is not None:
            from forensics.chain.placing import placings

            with self._told("looking where key files belong"):
                vault.placings.update(placings(self.judges))

    def _count_copies_once(self, opened: Source, entry: SourceEntry) -> None:
        """Forget the machines of each piece of evidence of which all that was read is what another one gave."""
        # An older state may say the same as the machine of today: that is the one to speak of.
        for piece in sorted(leaves([entry, *opened.found]), key=lambda each: each.older_state_of is not None):
            rows = [row for row in self.rows if row.machine_id in piece.machine_ids]
            other = self.copies.other(piece, rows)
            if other is None:
                continue
            gone = frozenset(piece.machine_ids)
            self.rows = [row for row in self.rows if row.machine_id not in gone]
            self.judges = [judge for judge in self.judges if judge.evidence.machine.machine_id not in gone]
            opened.forget_machines(gone)
            for holder in (entry, *opened.found):
                holder.machine_ids = [number for number in holder.machine_ids if number not in gone]
            piece.same_as, piece.error = other, same_content(other)

    def _hyperv(self, opened: Source) -> bool:
        """Read the virtual machines of a source, which are judged when all sources were read; tell if there are any."""
        from forensics.collectors.hyperv.collect import collect_hyperv

        try:
            found = collect_hyperv(opened)
            self.hyperv += found
            read = [vm.row.source_path for evidence in found for vm in evidence.vms if vm.row.outcome == "present"]
            for entry in opened.found:
                if entry.kind == "export" and not any(path.startswith(entry.path) for path in read):
                    entry.error = "no configuration of a virtual machine could be read in it"
            return any(evidence.vms for evidence in found)
        except Exception as error:
            _log.debug("while reading virtual machines of %s", opened.path, exc_info=True)
            opened.problem(opened.path, "internal_error", _where(error))
            return False

    def _installation(self, installation: Installation) -> None:
        self.disks[installation.machine_id] = installation.source_path
        try:
            self.rows += self._examined(installation)
        except Exception as error:
            _log.debug("while examining %s", installation.source_path, exc_info=True)
            installation.problem(installation.windows, "internal_error", _where(error))
        if installation.mixed:
            self.mixed[installation.machine_id] = installation.mixed
        self.rows += [*installation.problems, *installation.coverage]

    def _controller(self, entry: SourceEntry, first: int, installation: Installation) -> None:
        """Take down a domain controller, whose directory is read once all sources were, if a key waits for it."""
        from forensics.chain.domain_controllers import domain_controller

        with self._told("looking for domain controllers"):
            found = domain_controller(entry.path, first, installation)
            self.controllers += [found] if found is not None else []

    def _examined(self, installation: Installation) -> list[Row]:
        from forensics.chain.judge import Judge
        from forensics.chain.user_names import names_of
        from forensics.collectors.collect import collect
        from forensics.collectors.evidence import rows_of

        self.progress(f"reading {installation.windows} of {installation.source_path}")
        evidence = collect(installation)
        self.progress(f"judging keys of {evidence.machine.computer_name or installation.source_path}")
        try:
            judge = Judge(evidence, self.user_secrets, self.second_opinion)
            self.users_seen |= {name for user in evidence.users for name in names_of(user)}
            judged = judge.judged()
            self.judges.append(judge)
        except Exception as error:
            # The evidence stands without the verdicts.
            _log.debug("while judging %s", installation.source_path, exc_info=True)
            installation.problem(installation.windows, "internal_error", _where(error))
            return list(rows_of(evidence))
        made = _with_history(judge, judged.rows, self.choices.history)
        replaced = {row.table for row in made}
        return [*(row for row in rows_of(evidence) if row.table not in replaced), *made]


def _with_history(judge: Judge, rows: list[Row], everything: bool) -> list[Row]:
    """Add what became of the files that broken keys need, where there is such a key; those of all keys when asked."""
    chains = [row for row in rows if isinstance(row, KeyChainRow)]
    if not everything and all(chain.verdict != "unusable" for chain in chains):
        return rows
    from forensics.collectors.guard import guard
    from forensics.collectors.shadow_copies import shadow_copies_beside
    from forensics.history.key_history import key_history

    history, better = key_history(judge.evidence, chains, everything)
    instead = {id(chain): other for chain, other in zip(chains, better, strict=True)}
    judge.missed = [replace(missed, row=instead[id(missed.row)]) for missed in judge.missed]
    installation = judge.evidence.installation
    with guard(installation, "shadow copies of other volumes"):
        judge.evidence.shadow_copies.extend(shadow_copies_beside(installation))
    return [*(row for row in rows if not isinstance(row, KeyChainRow)), *better, *history]


def _where(error: Exception) -> str:
    # Not the exception's own text: a library may have put disk content or key material into it.
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "forensics" in Path(f.filename).parts] or list(frames)
    place = f" in {Path(ours[-1].filename).name}, line {ours[-1].lineno}" if ours else ""
    return f"keymortem failed on this evidence ({type(error).__name__}{place}); please report it, --debug shows details"
