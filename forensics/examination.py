"""Examines sources one after the other: what each holds, then what that says of every key."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from forensics.asked_rules import ask_rules
from forensics.case import Case
from forensics.disk.errors import SourceError
from forensics.disk.evidence_files import EvidenceFiles, recording
from forensics.given_secrets import first_line, given_secrets
from forensics.late_methods import dataclass
from forensics.sources.backup_hives import show_backups
from forensics.sources.choices import Choices, checked, unused_choices
from forensics.sources.former import mark_alone
from forensics.sources.given_paths import Paths, given_paths
from forensics.sources.identify import identify
from forensics.sources.named_disks import disks_named, newest_first
from forensics.sources.opened_again import opened_again
from forensics.sources.same_evidence import Copies, SeenEvidence
from forensics.tables.former_windows import without_former
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.machine import MachineRow
from forensics.tables.record import ProblemRow
from forensics.tables.row import Row
from forensics.tables.source import SourceEntry, entry_of, leaves
from forensics.tables.timestamps import as_utc

if TYPE_CHECKING:
    from forensics.chain.judge import Judge
    from forensics.collectors.hyperv.evidence import HyperVEvidence
    from forensics.disk.disk import Progress
    from forensics.disk.unlock import Unlock
    from forensics.dpapi.user_secrets import UserSecrets
    from forensics.sources.installation import Installation
    from forensics.sources.source import Source

_log = logging.getLogger(__name__)
_NAMED = 10
"""Display: sources that one sentence names."""


def examine(
    *sources: str | Path,
    recovery_key: str | None = None,
    password_file: str | Path | None = None,
    bek_file: str | Path | None = None,
    archive_password_file: str | Path | None = None,
    image: int | None = None,
    regback: bool = False,
    passwords: Mapping[str, str] | None = None,
    nt_hashes: Mapping[str, str] | None = None,
    domain_backup_keys: Paths = (),
    offset: int | Literal["search"] | None = None,
    partition: int | None = None,
    second_opinion: bool = False,
    hash_sources: bool = False,
    as_of: datetime | None = None,
    rules: Paths = (),
    progress: Progress | None = None,
    strict: bool = True,
) -> Case:
    """Examine disks, exports, collections or loose hives, read-only.

    A source that cannot be opened becomes a row of table ``problem`` and an entry of ``case.sources`` with its error;
    the others are examined all the same. Where not one can be opened, there is nothing to make a case of.

    Args:
        sources: Disk images, VM exports, triage folders, zips, tars, 7z archives, WIM images, or hives.
        recovery_key: BitLocker recovery password, 48 digits.
        password_file: File whose first line is the BitLocker password.
        bek_file: BitLocker external key (.BEK).
        archive_password_file: File whose first line is the password of encrypted zip and 7z archives.
        image: Number of the one image of a WIM that is examined; all, if not given.
        regback: Have the backup hives in RegBack stand for each machine, as an older state; one without is left out.
        passwords: Password by user name or SID, to open that user's master keys.
        nt_hashes: NT hash (32 hex digits) by user name or SID.
        domain_backup_keys: DPAPI backup private keys of domains (.pvk); one path, or several.
        offset: Byte at which the disk, or the volume, begins in each image; ``search``: wherever one begins.
        partition: Number of the one partition of each disk that is examined.
        second_opinion: Have impacket repeat every proof; where it disagrees is a row of table ``problem``, and how much
            it confirms a row of ``coverage``.
        hash_sources: Take the SHA-256 of every source that is a file, however large; else of small ones only.
        as_of: The moment "expired" refers to; a time without zone is UTC. Now, if not given.
        rules: Folders of rule packs to run beside the built-in ones; one path, or several.
        progress: Called with one line whenever a new step begins.
        strict: Raise where not one source can be opened; else the case holds no more than why.

    Returns:
        The case; what it read is never written over by what is written of it.

    Raises:
        ValueError: No source was given, an NT hash is not 32 hex digits, or no byte or partition can have the number.
        SourceError: Not one of the sources can be opened; or a domain backup key, or the password of
            archives, cannot be read.
        RulePackError: A rule pack is invalid; nothing was examined.
    """
    if not sources:
        raise ValueError("name at least one source")
    choices = checked(Choices(offset=offset, partition=partition, image=image, regback=regback))
    from forensics.disk.unlock import Unlock
    from forensics.engine.loader import load_packs

    with recording(evidence := EvidenceFiles(sources)):
        # What strangers wrote is checked before anything is read.
        folders = given_paths(rules)
        packs = load_packs(folders) if folders else None
        unlock = Unlock(
            recovery_key=recovery_key,
            password_file=Path(password_file) if password_file else None,
            bek_file=Path(bek_file) if bek_file else None,
            archive_password=first_line(Path(archive_password_file)) if archive_password_file else None,
        )
        user_secrets = given_secrets(passwords or {}, nt_hashes or {}, domain_backup_keys)
        disks = disks_named([Path(source) for source in sources])
        seen = SeenEvidence(tuple(path for files in disks for path in files))
        say = progress or (lambda line: None)
        run = _Run(unlock, choices, user_secrets, second_opinion, say, seen, named=len(sources))
        order = newest_first(disks)
        seen.disks.named = [str(sources[number]) for number in order]
        seen.disks.opener = partial(opened_again, seen, unlock, run.choices, say)
        opened = {number: run.source(str(sources[number])) for number in order}
        run.entries = [entry for _, entries in sorted(opened.items()) for entry in entries]
        for entry in run.entries:
            identify(entry, hash_sources)
        if strict and len(run.unopened) == len(sources):
            raise _nothing_opened(run.unopened)
        run.virtual_machines()
        run.shared_identities()
        run.efs_agents()
        run.tell_unknown_users()
        if (unused := unused_choices(choices, seen.has_disk)) is not None:
            run.rows.append(ProblemRow(machine_id=0, source_path="", kind="unused_option", message=unused))
        moment = as_utc(as_of) if as_of else datetime.now(UTC)
        run.facts(moment)
        run.former_windows()
        run.count_data_disks()
        run.name_sources()
    case = Case(run.rows, run.entries, moment, evidence=evidence)
    run.progress("asking the rules")
    ask_rules(case, packs or load_packs(tables={name for name, rows in case.tables.items() if rows}))
    return case


def _nothing_opened(errors: Sequence[SourceError]) -> SourceError:
    """Return the one error there is, or one that says what became of each source."""
    if len(errors) == 1:
        return errors[0]
    told = "; ".join(error.message for error in errors[:_NAMED])
    more = f"; and {len(errors) - _NAMED} more" if len(errors) > _NAMED else ""
    return SourceError("nothing_opened", f"none of the {len(errors)} sources can be opened: {told}{more}")


@dataclass
class _Run:
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

    def tell_unknown_users(self) -> None:
        """Record each secret given for a user whom no source knows: it opened nothing, and not by being wrong."""
        for name in sorted({*self.user_secrets.passwords, *self.user_secrets.nt_hashes} - self.users_seen):
            message = (
                f"a password or NT hash was given for {name}, whom none of the sources knows; name the user or SID"
            )
            self.rows.append(ProblemRow(machine_id=0, source_path="", kind="unknown_user", message=message))

    def virtual_machines(self) -> None:
        """Judge the virtual machines of all sources, or tell that this failed."""
        from forensics.hyperv.judge import judge_hyperv

        with self._told("judging virtual machines"):
            self.rows += judge_hyperv(self.hyperv, without_former(self.rows))

    def shared_identities(self) -> None:
        """Tell which installations of all sources are clones of each other."""
        from forensics.chain.identities import shared_identities

        with self._told("comparing identities"):
            self.rows += shared_identities(without_former(self.rows), self.disks)

    def efs_agents(self) -> None:
        """Tell which recovery agents of EFS each domain hands out."""
        from forensics.facts.efs_agents import efs_agents

        with self._told("looking for recovery agents"):
            self.rows += efs_agents(without_former(self.rows))

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
        try:
            self.machines += show_backups(opened, entry) if self.choices.regback else 0
            for installation in opened.installations:
                self.machines += 1
                entry.machine_ids.append(installation.machine_id)
                self._installation(installation)
            if self.named > 1 or opened.found:
                self._count_copies_once(opened, entry)
            if any(judge.missed for judge in self.judges):
                from forensics.chain.across import found_elsewhere

                better = {id(row): other for row, other in found_elsewhere(self.judges)}
                self.rows = [better.get(id(row), row) for row in self.rows]
            has_vms = self._hyperv(opened)
        finally:
            self.rows += [*opened.problems, *opened.coverage, *opened.bitlocker]
            for installation in opened.installations:
                tell_where_read(installation, self.rows)
        if entry.machine_ids or has_vms or opened.is_parent:
            return
        if any(found.error for found in opened.found):
            reason = next(found.error for found in opened.found if found.error)
            self._failed(entry, "nothing_opened", f"nothing in {entry.path} could be examined: {reason}")
        else:
            from forensics.sources.holdings import nothing_found, was_seen_whole

            entry.error = nothing_found(opened)
            if was_seen_whole(opened):
                self.data_disks.append(entry)

    def _count_copies_once(self, opened: Source, entry: SourceEntry) -> None:
        """Forget the machines of each piece of evidence of which all that was read is what another one gave."""
        for piece in leaves([entry, *opened.found]):
            rows = [row for row in self.rows if row.machine_id in piece.machine_ids]
            other = self.copies.other(piece, rows)
            if other is None:
                continue
            gone = frozenset(piece.machine_ids)
            self.rows = [row for row in self.rows if row.machine_id not in gone]
            self.judges = [judge for judge in self.judges if judge.evidence.machine.machine_id not in gone]
            opened.forget_machines(gone)
            entry.machine_ids[:] = [number for number in entry.machine_ids if number not in gone]
            piece.machine_ids = []
            piece.same_as, piece.error = other, f"the same as {other} in all that was read, counted once"

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
        made = _with_history(judge, judged.rows)
        replaced = {row.table for row in made}
        return [*(row for row in rows_of(evidence) if row.table not in replaced), *made]


def _with_history(judge: Judge, rows: list[Row]) -> list[Row]:
    """Add what became of the files that broken keys need, where there is such a key."""
    chains = [row for row in rows if isinstance(row, KeyChainRow)]
    if all(chain.verdict != "unusable" for chain in chains):
        return rows
    from forensics.history.key_history import key_history

    history, better = key_history(judge.evidence, chains)
    instead = {id(chain): other for chain, other in zip(chains, better, strict=True)}
    judge.missed = [replace(missed, row=instead[id(missed.row)]) for missed in judge.missed]
    return [*(row for row in rows if not isinstance(row, KeyChainRow)), *better, *history]


def _where(error: Exception) -> str:
    # Not the exception's own text: a library may have put disk content or key material into it.
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "forensics" in Path(f.filename).parts] or list(frames)
    place = f" in {Path(ours[-1].filename).name}, line {ours[-1].lineno}" if ours else ""
    return f"keymortem failed on this evidence ({type(error).__name__}{place}); please report it, --debug shows details"
