"""Judged links to rows of the table key_chain."""

from __future__ import annotations

from dataclasses import replace

from forensics.chain.links import NO_FILE_THERE, Links
from forensics.chain.recovery import OpenedBy, Recoverable
from forensics.chain.told_paths import told
from forensics.collectors.evidence import CertificateEvidence, KeyFileEvidence
from forensics.language import sentence
from forensics.tables.answer import Answer
from forensics.tables.deleted_path import is_deleted
from forensics.tables.key_chain import HangsOn, KeyChainRow
from forensics.tables.shadow_path import shadow_copy_of
from forensics.tables.windows_path import WindowsPaths


def certificate_row(
    certificate: CertificateEvidence, links: Links, recoverable: Recoverable, paths: WindowsPaths
) -> KeyChainRow:
    """Build the row of a certificate."""
    row = certificate.row
    chain = _row(links, recoverable, row.machine_id, row.source_path, paths)
    chain.source_time = row.source_time
    chain.thumbprint, chain.subject = row.thumbprint, row.subject
    chain.store, chain.store_scope, chain.owner_sid = row.store, row.store_scope, row.owner_sid
    chain.not_before, chain.not_after = row.not_before, row.not_after
    chain.provider = row.provider
    if row.container is not None:
        chain.container = row.container
    return chain


def orphan_row(file: KeyFileEvidence, links: Links, recoverable: Recoverable, paths: WindowsPaths) -> KeyChainRow:
    """Build the row of a key file that no certificate names."""
    chain = _row(links, recoverable, file.row.machine_id, file.row.source_path, paths)
    chain.source_time = file.row.source_time
    chain.owner_sid = file.row.owner_sid
    return chain


def _row(links: Links, recoverable: Recoverable, machine_id: int, source_path: str, paths: WindowsPaths) -> KeyChainRow:
    proof = links.proof
    broken_at = links.broken_at
    reason = links.broken.get(broken_at, "") if broken_at else links.doubt or ""
    row = KeyChainRow(
        machine_id=machine_id,
        source_path=source_path,
        container=links.file.row.container if links.file else None,
        provider_kind=links.kind,
        key_file=links.key_file,
        key_file_path=links.file.row.path if links.file else None,
        public_key=links.public_key,
        access=links.access,
        denied_by=links.denials.denied_by,
        denial_inherited=links.denials.denial_inherited,
        not_granted=links.denials.not_granted,
        master_key=proof.master_key,
        master_key_guid=proof.master_key_guid,
        unlocked_by=proof.unlocked_by,
        private_key=proof.private_key,
        exportable=proof.exportable,
        verdict=links.verdict,
        broken_at=broken_at,
        recoverable=recoverable.answer,
        recovery_doubt=recoverable.doubt and told(recoverable.doubt, machine_id, paths),
        key_copy=recoverable.locked.path if recoverable.locked else None,
        key_copy_needs=recoverable.locked.master_key_guid if recoverable.locked else None,
        key_copy_hangs_on=hangs_on(recoverable.locked.path) if recoverable.locked else None,
        master_key_copy=proof.master_key_elsewhere,
        master_key_copy_deleted=is_deleted(proof.master_key_elsewhere) if proof.master_key_elsewhere else None,
        master_key_shadow_copy=shadow_copy_of(proof.master_key_elsewhere),
        copy_opens=proof.opened_elsewhere if proof.master_key_elsewhere else None,
        backup_hives=proof.older_hives if shadow_copy_of(proof.older_hives) is None else None,
        shadow_hives=proof.older_hives if shadow_copy_of(proof.older_hives) is not None else None,
        known_by=links.known_by,
        reason=told(reason, machine_id, paths),
    )
    if recoverable.answer:
        row.hangs_on = hangs_on(row.master_key_copy if row.copy_opens else None, proof.older_hives)
    if recoverable.path is not None:
        row = found_at(row, recoverable.path, recoverable.exportable, recoverable.opened_by)
    return with_recovery(row, paths.of(machine_id, row.recoverable_from), paths.of(machine_id, row.key_copy))


def found_at(
    row: KeyChainRow, path: str, exportable: Answer, opened_by: OpenedBy, machine_id: int | None = None
) -> KeyChainRow:
    """Return a row that says in which other file its key was had.

    Args:
        row: The row.
        path: The file.
        exportable: Whether that lets its key be exported.
        opened_by: What else that hangs on.
        machine_id: Its installation, where that is another one.
    """
    return replace(
        row,
        recoverable=True,
        recoverable_from=path,
        recoverable_deleted=is_deleted(path),
        recoverable_shadow_copy=shadow_copy_of(path),
        recoverable_exportable=exportable,
        recoverable_on=machine_id,
        recoverable_master_key=opened_by.master_key,
        recoverable_hives=opened_by.hives,
        hangs_on=hangs_on(path, opened_by.master_key, opened_by.hives),
    )


def hangs_on(*files: str | None) -> HangsOn | None:
    """Tell of which kind the one of some files is that is lost first; None where all are files of today."""
    if any(map(is_deleted, files)):
        return "deleted_file"
    return "shadow_copy" if any(shadow_copy_of(file) is not None for file in files) else None


def with_recovery(row: KeyChainRow, found: str | None, copy: str | None) -> KeyChainRow:
    """Return a row whose reason says what became of a key file that is not where the link leads.

    Args:
        row: The row.
        found: Where the key was found, as it is told; None where it was not.
        copy: Where a file with its public half lies that does not open; None where there is none, or it was told.
    """
    if row.broken_at != "key_file" or row.key_file != "absent":
        return row
    if found is not None:
        return replace(row, reason=sentence("{no_file}; the key lies in {found}", no_file=NO_FILE_THERE, found=found))
    if copy is not None:
        reason = sentence(
            "{no_file}; {copy} has its public key, and does not open with what this disk holds",
            no_file=NO_FILE_THERE,
            copy=copy,
        )
        return replace(row, reason=reason)
    if row.recoverable is None and row.key_copy is None:
        return replace(row, reason=NO_FILE_THERE)
    return row
