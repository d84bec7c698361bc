"""Examines sources one after the other: what each holds, then what that says of every key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from forensics.asked_rules import ask_rules
from forensics.case import Case
from forensics.disk.errors import SourceError
from forensics.disk.evidence_files import EvidenceFiles, recording
from forensics.disk.places import place_of
from forensics.examination_run import ExaminationRun
from forensics.given_secrets import first_line, given_secrets
from forensics.sources.choices import Choices, checked, unused_choices
from forensics.sources.given_paths import Paths, given_paths
from forensics.sources.identify import identify
from forensics.sources.named_disks import disks_named, newest_first
from forensics.sources.opened_again import opened_again
from forensics.sources.same_evidence import SeenEvidence
from forensics.sources.servers import servers, without_secrets
from forensics.tables.record import ProblemRow
from forensics.tables.timestamps import as_utc

if TYPE_CHECKING:
    from forensics.disk.disk import Progress
    from forensics.dpapi.user_secrets import UserSecrets

_NAMED = 10
"""Display: sources that one sentence names."""


def examine(
    *sources: str | Path,
    recovery_key: str | None = None,
    signed_urls: str | Path | None = None,
    password_file: str | Path | None = None,
    bek_file: str | Path | None = None,
    archive_password_file: str | Path | None = None,
    image: int | None = None,
    regback: bool = False,
    history: bool = False,
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
        sources: Disk images, VM exports, triage folders, zips, tars, 7z archives, WIM images, or hives; paths of this
            machine, or URLs of S3, Azure, Google, web, SSH and file servers.
        signed_urls: File of signed URLs, one a line, by which the sources are read that are one of them without ``?``
            and what follows.
        recovery_key: BitLocker recovery password, 48 digits, which are checked by their own check digits.
        password_file: File whose first line is the BitLocker password.
        bek_file: BitLocker external key (.BEK).
        archive_password_file: File whose first line is the password of encrypted zip and 7z archives.
        image: Number of the one image of a WIM that is examined; all, if not given.
        regback: Have the backup hives in RegBack stand for each machine, as an older state; one without is left out.
        history: Ask witnesses of the past (change journal, deleted records, shadow copies) for the files of all keys,
            not of broken ones alone.
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
        ValueError: No source was given, an NT hash is not 32 hex digits, the recovery password is mistyped, or no byte
            or partition can have the number.
        SourceError: Not one of the sources can be opened; or a domain backup key, or the password of
            archives, cannot be read.
        RulePackError: A rule pack is invalid; nothing was examined.
    """
    if not sources:
        raise ValueError("name at least one source")
    choices = checked(Choices(offset=offset, partition=partition, image=image, regback=regback, history=history))
    from forensics.chain.vault import open_vault
    from forensics.disk.unlock import Unlock
    from forensics.engine.loader import load_packs

    sources = tuple(without_secrets(sources))
    with recording(evidence := EvidenceFiles(sources)), servers(sources, signed_urls) as not_obtained:
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
        disks = disks_named([place_of(source) for source in sources])
        say = progress or (lambda line: None)

        def run_with(user_secrets: UserSecrets) -> ExaminationRun:
            seen = SeenEvidence(tuple(path for files in disks for path in files))
            run = ExaminationRun(unlock, choices, user_secrets, second_opinion, say, seen, named=len(sources))
            order = newest_first(disks)
            seen.disks.named = [str(sources[number]) for number in order]
            seen.disks.opener = partial(opened_again, seen, unlock, run.choices, say)
            opened = {number: run.source(str(sources[number])) for number in order}
            run.entries = [entry for _, entries in sorted(opened.items()) for entry in entries]
            return run

        run = run_with(user_secrets)
        domain_keys, problems = run.domain_keys()
        if domain_keys:
            say("examining all again with the backup keys of the domain that its domain controller has")
            if (vault := open_vault()) is not None:
                vault.forget()
            run = run_with(replace(user_secrets, domain_keys=(*user_secrets.domain_keys, *domain_keys)))
        run.rows += problems
        for entry in run.entries:
            identify(entry, hash_sources)
        if strict and len(run.unopened) == len(sources):
            raise _nothing_opened(run.unopened)
        run.moved_users()
        run.virtual_machines()
        run.tell_unknown_users()
        if (unused := unused_choices(choices, run.seen.has_disk)) is not None:
            run.rows.append(ProblemRow(machine_id=0, source_path="", kind="unused_option", message=unused))
        moment = as_utc(as_of) if as_of else datetime.now(UTC)
        run.facts(moment)
        run.across_machines()
        run.former_windows()
        run.count_data_disks()
        run.rows += not_obtained()
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
