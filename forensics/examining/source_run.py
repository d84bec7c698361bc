"""Examines sources in one process, one after the other: opens each, and judges each Windows in it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field, replace
from typing import TYPE_CHECKING

from forensics.disk.errors import SourceError
from forensics.examining.examined import ExaminedSource
from forensics.examining.own_failure import kind_of, where
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.sources.backup_hives import show_backups
from forensics.sources.choices import Choices
from forensics.sources.same_evidence import SeenEvidence, same_content
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.record import CoverageRow, ProblemRow
from forensics.tables.row import Row
from forensics.tables.shadow_copy import ShadowCopyRow
from forensics.tables.source import SourceEntry, leaves

if TYPE_CHECKING:
    from forensics.chain.judge import Judge
    from forensics.disk.disk import Progress
    from forensics.disk.unlock import Unlock
    from forensics.dpapi.user_secrets import UserSecrets
    from forensics.sources.installation import Installation
    from forensics.sources.source import Source

_log = logging.getLogger(__name__)


@dataclass
class SourceRun:
    """Sources that are examined one after the other.

    Attributes:
        unlock: For BitLocker volumes and encrypted archives.
        choices: What of each source is examined.
        user_secrets: What opens the master keys of users.
        second_opinion: Have impacket repeat every proof.
        progress: Called with one line whenever a new step begins.
        named: How many sources were named together.
        seen: What was met so far.
    """

    unlock: Unlock
    choices: Choices
    user_secrets: UserSecrets
    second_opinion: bool
    progress: Progress
    named: int = 1
    seen: SeenEvidence = field(default_factory=SeenEvidence)

    def source(self, path: str, first: int = 1) -> ExaminedSource:
        """Examine one source; whatever goes wrong becomes rows.

        Args:
            path: As the user named it.
            first: Number of its first installation.
        """
        return _OneSource(self, path, first).examined()


class _OneSource:
    """One source while it is examined."""

    def __init__(self, run: SourceRun, path: str, first: int) -> None:
        self._run = run
        self._path = path
        self._first = first
        self._entry = SourceEntry(path, "unknown")
        self._found = ExaminedSource([self._entry])
        self._judges: list[Judge] = []

    def examined(self) -> ExaminedSource:
        """Examine it."""
        run, entry = self._run, self._entry
        try:
            from forensics.sources.open import open_source

            run.progress(f"opening {self._path}")
            run.seen.disks.opening(self._path)
            with open_source(
                self._path,
                run.unlock,
                choices=run.choices,
                first_machine_id=self._first,
                progress=run.progress,
                seen=run.seen,
            ) as opened:
                entry.kind, entry.reader = opened.kind, opened.reader
                run.seen.disks.examining(self._path, opened.resources)
                entry.older_state_of = opened.older_state_of
                entry.backup_of = opened.backup_of
                self._found.entries += opened.found
                self._installations(opened)
        except SourceError as error:
            entry.same_as = getattr(error, "other", None)
            self._found.failed(error.kind, error.message)
        except Exception as error:
            _log.debug("while opening %s", self._path, exc_info=True)
            self._found.failed(kind_of(error), where(error))
        return self._found

    @contextmanager
    def _told(self, step: str) -> Iterator[None]:
        """Make a row of whatever fails in a step beside; what was found before stands."""
        try:
            yield
        except Exception as error:
            _log.debug("while %s", step, exc_info=True)
            row = ProblemRow(machine_id=0, source_path="", kind=kind_of(error), message=where(error))
            self._found.rows.append(row)

    def _installations(self, opened: Source) -> None:
        from forensics.collectors.provenance import tell_where_read

        found, entry = self._found, self._entry
        try:
            found.machines += show_backups(opened, entry) if self._run.choices.regback else 0
            for installation in opened.installations:
                found.machines += 1
                entry.machine_ids.append(installation.machine_id)
                self._installation(installation)
                self._controller(installation)
            if self._run.named > 1 or opened.found:
                self._count_copies_once(opened)
            if any(judge.missed for judge in self._judges):
                from forensics.chain.across import found_elsewhere
                from forensics.history.loss import with_proof

                made = {row.id: row.created for row in found.rows if isinstance(row, ShadowCopyRow)}
                better = {
                    id(row): with_proof(other, made.get(other.recoverable_shadow_copy or ""))
                    for row, other in found_elsewhere(self._judges)
                }
                found.rows = [better.get(id(row), row) for row in found.rows]
            self._tell_of_search()
            self._keep_files()
            has_vms = self._hyperv(opened)
        finally:
            self._found.rows += [*opened.problems, *opened.coverage, *opened.bitlocker]
            for installation in opened.installations:
                tell_where_read(installation, self._found.rows)
        if entry.machine_ids or has_vms or opened.is_parent or entry.same_as is not None:
            return
        if any(piece.error for piece in opened.found):
            reason = next(piece.error for piece in opened.found if piece.error)
            found.failed(
                "nothing_opened",
                sentence("nothing in {path} could be examined: {reason}", path=entry.path, reason=reason),
            )
        else:
            from forensics.sources.holdings import nothing_found, was_seen_whole

            entry.error = nothing_found(opened)
            if was_seen_whole(opened):
                found.is_data_disk = True

    def _tell_of_search(self) -> None:
        """Add what the search for keys over the whole disk has to tell, shadow copies included, where one was made."""
        found = self._found
        for judge in self._judges:
            past, installation = judge.prover.ring.asked_past, judge.evidence.installation
            if past is None and not judge.missed:
                continue
            number = installation.machine_id
            told = (ProblemRow, CoverageRow)
            found.rows = [row for row in found.rows if row.machine_id != number or not isinstance(row, told)]
            if past is not None:
                past.volumes.tell()
                copies = [row for row in found.rows if row.machine_id == number and isinstance(row, ShadowCopyRow)]
                judged = {id(row): past.volumes.judged(row) for row in copies}
                found.rows = [judged.get(id(row), row) for row in found.rows]
            found.rows += [*installation.problems, *installation.coverage]

    def _keep_files(self) -> None:
        """Keep the files that bring keys back, where somebody asked for keys."""
        from forensics.chain.vault import open_vault

        vault = open_vault()
        if vault is not None:
            from forensics.chain.placing import placings

            with self._told("looking where key files belong"):
                vault.placings.update(placings(self._judges))

    def _count_copies_once(self, opened: Source) -> None:
        """Forget the machines of each piece of evidence of which all that was read is what another one gave."""
        # An older state may say the same as the machine of today: that is the one to speak of.
        for piece in sorted(leaves([self._entry, *opened.found]), key=lambda each: each.older_state_of is not None):
            rows = [row for row in self._found.rows if row.machine_id in piece.machine_ids]
            other = self._run.seen.copies.other(piece, rows)
            if other is None:
                continue
            gone = frozenset(piece.machine_ids)
            self._found.rows = [row for row in self._found.rows if row.machine_id not in gone]
            self._judges = [judge for judge in self._judges if judge.evidence.machine.machine_id not in gone]
            opened.forget_machines(gone)
            for holder in (self._entry, *opened.found):
                holder.machine_ids = [number for number in holder.machine_ids if number not in gone]
            piece.same_as, piece.error = other, same_content(piece.path, other)

    def _hyperv(self, opened: Source) -> bool:
        """Read the virtual machines of a source, which are judged when all sources were read; tell if there are any."""
        from forensics.collectors.hyperv.collect import collect_hyperv

        try:
            found = collect_hyperv(opened)
            self._found.hyperv += found
            read = [vm.row.source_path for evidence in found for vm in evidence.vms if vm.row.outcome == "present"]
            for entry in opened.found:
                if entry.kind == "export" and not any(path.startswith(entry.path) for path in read):
                    entry.error = sentence("no configuration of a virtual machine could be read in it")
            return any(evidence.vms for evidence in found)
        except Exception as error:
            _log.debug("while reading virtual machines of %s", opened.path, exc_info=True)
            opened.problem(opened.path, kind_of(error), where(error))
            return False

    def _installation(self, installation: Installation) -> None:
        self._found.disks[installation.machine_id] = installation.source_path
        try:
            self._found.rows += self._examined(installation)
        except Exception as error:
            _log.debug("while examining %s", installation.source_path, exc_info=True)
            installation.problem(installation.windows, kind_of(error), where(error))
        if installation.mixed:
            self._found.mixed[installation.machine_id] = installation.mixed
        self._found.rows += [*installation.problems, *installation.coverage]

    def _controller(self, installation: Installation) -> None:
        """Take down a domain controller, whose directory is read once all sources were, if a key waits for it."""
        from forensics.chain.domain_controllers import domain_controller

        with self._told("looking for domain controllers"):
            found = domain_controller(self._path, self._first, installation)
            self._found.controllers += [found] if found is not None else []

    def _examined(self, installation: Installation) -> list[Row]:
        from forensics.chain.judge import Judge
        from forensics.chain.user_names import names_of
        from forensics.collectors.collect import collect
        from forensics.collectors.evidence import rows_of

        self._run.progress(f"reading {installation.windows} of {installation.source_path}")
        evidence = collect(installation)
        self._run.progress(f"judging keys of {evidence.machine.computer_name or installation.source_path}")
        try:
            judge = Judge(evidence, self._run.user_secrets, self._run.second_opinion)
            self._found.users_seen |= {name for user in evidence.users for name in names_of(user)}
            judged = judge.judged()
            self._judges.append(judge)
        except Exception as error:
            # The evidence stands without the verdicts.
            _log.debug("while judging %s", installation.source_path, exc_info=True)
            installation.problem(installation.windows, kind_of(error), where(error))
            return list(rows_of(evidence))
        made = _with_history(judge, judged.rows, self._run.choices.history)
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
