"""Examines sources: what each holds, in contained children, then what that says of every key, in this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from forensics.asked_rules import ask_rules
from forensics.case import Case
from forensics.disk.errors import SourceError
from forensics.disk.evidence_files import EvidenceFiles, recording
from forensics.disk.places import place_of
from forensics.examining.cores import usable_cores
from forensics.examining.passes import examined, examiner
from forensics.examining.settings import Settings
from forensics.given_secrets import first_line, given_secrets
from forensics.language import joined, sentence
from forensics.sources.choices import Choices, checked, unused_choices
from forensics.sources.given_paths import Paths, given_paths
from forensics.sources.named_disks import arranged, disks_named
from forensics.sources.servers import asked_servers, not_obtained, signatures, without_secrets
from forensics.tables.record import ProblemRow
from forensics.tables.timestamps import as_utc

if TYPE_CHECKING:
    from forensics.disk.disk import Progress
    from forensics.examining.tally import Tally

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
    jobs: int | None = None,
    progress: Progress | None = None,
    tally: Tally | None = None,
    strict: bool = True,
) -> Case:
    """Examine disks, exports, collections or loose hives, read-only.

    A source that cannot be opened becomes a row of table ``problem`` and an entry of ``case.sources`` with its error;
    the others are examined all the same. Where not one can be opened, there is nothing to make a case of.

    Each source is examined in a process of its own, which may take 12 hours, 4 of them of processor time, and 4 GiB of
    memory; where the machine has less for each of ``jobs``, its share. One that crashes, hangs or takes more is told as
    one that cannot be opened. Where there is no ``fork`` (Windows) all are examined in this process, unbounded.

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
        jobs: Sources that are examined at a time; as many as cores may be used, if not given.
        progress: Called with one line whenever a new step begins.
        tally: Called some times a second with the numbers of sources that are done, and of those that failed among
            them.
        strict: Raise where not one source can be opened; else the case holds no more than why.

    Returns:
        The case; what it read is never written over by what is written of it.

    Raises:
        ValueError: No source was given, or less than one job; an NT hash is not 32 hex digits, the recovery password is
            mistyped, or no byte or partition can have the number.
        SourceError: Not one of the sources can be opened; or a domain backup key, or the password of
            archives, cannot be read; or impacket is not installed, which the second opinion needs.
        RulePackError: A rule pack is invalid; nothing was examined.

    Examples:
        >>> import forensics
        >>> case = forensics.examine("disk.vhdx")
        >>> dead = case.key_chain[case.key_chain.verdict == "unusable"]
        >>> dead.subject.dropna().tolist()[:2]
        ['CN=web.contoso.test', 'CN=mail.contoso.test']
        >>> str(case.findings.rule[0])
        'generalize-orphaned-keys'
    """
    if not sources:
        raise ValueError("name at least one source")
    if jobs is not None and jobs < 1:
        raise ValueError("examine at least one source at a time: jobs is 1 or more")
    choices = checked(Choices(offset=offset, partition=partition, image=image, regback=regback, history=history))
    if second_opinion:
        from forensics.chain.witness import check_witness

        check_witness()
    from forensics.disk.unlock import Unlock
    from forensics.engine.loader import load_packs

    sources = tuple(without_secrets(sources))
    signed = signatures(sources, signed_urls)
    say = progress or (lambda line: None)
    with recording(evidence := EvidenceFiles(sources)), asked_servers(signed) as failures:
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
        order, groups = arranged(disks)
        settings = Settings(
            sources=[str(source) for source in sources],
            order=order,
            named=[path for files in disks for path in files],
            unlock=unlock,
            choices=choices,
            user_secrets=user_secrets,
            second_opinion=second_opinion,
            hash_sources=hash_sources,
            signed=signed,
        )
        by = examiner(jobs or usable_cores(), say, tally or (lambda done, failed: None))
        whole = examined(by, settings, groups, say)
        evidence.take(by.read)
        if strict and len(whole.unopened) == len(sources):
            raise _nothing_opened([SourceError(kind, message) for kind, message in whole.unopened])
        whole.moved_users()
        whole.virtual_machines()
        whole.tell_unknown_users([*user_secrets.passwords, *user_secrets.nt_hashes])
        if (unused := unused_choices(choices, by.has_disk)) is not None:
            whole.rows.append(ProblemRow(machine_id=0, source_path="", kind="unused_option", message=unused))
        moment = as_utc(as_of) if as_of else datetime.now(UTC)
        whole.facts(moment)
        whole.across_machines()
        whole.former_windows()
        whole.count_data_disks()
        whole.rows += not_obtained({**failures(), **by.failures})
        whole.name_sources()
    case = Case(whole.rows, whole.entries, moment, evidence=evidence)
    case.data_disks = frozenset(entry.path for entry in whole.data_disks)
    say("asking the rules")
    ask_rules(case, packs or load_packs(tables={name for name, rows in case.tables.items() if rows}))
    return case


def _nothing_opened(errors: Sequence[SourceError]) -> SourceError:
    """Return the one error there is, or one that says what became of each source."""
    if len(errors) == 1:
        return errors[0]
    told = joined((error.message for error in errors[:_NAMED]), "; ")
    if len(errors) > _NAMED:
        told = joined([told, sentence("and {count} more", count=len(errors) - _NAMED)], "; ")
    return SourceError(
        "nothing_opened",
        sentence("none of the {count} sources can be opened: {told}", count=len(errors), told=told),
    )
