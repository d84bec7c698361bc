"""Judged links to rows of the table key_chain."""

from __future__ import annotations

from forensics.chain.links import Links
from forensics.chain.recovery import Recoverable
from forensics.collectors.evidence import CertificateEvidence, KeyFileEvidence
from forensics.tables.key_chain import ChainLink, KeyChainRow
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
    return KeyChainRow(
        machine_id=machine_id,
        source_path=source_path,
        container=links.file.row.container if links.file else None,
        provider_kind=links.kind,
        key_file=links.key_file,
        key_file_path=links.file.row.path if links.file else None,
        public_key=links.public_key,
        access=links.access,
        master_key=proof.master_key,
        master_key_guid=proof.master_key_guid,
        unlocked_by=proof.unlocked_by,
        private_key=proof.private_key,
        exportable=proof.exportable,
        verdict=links.verdict,
        broken_at=broken_at,
        recoverable=recoverable[0],
        recoverable_from=recoverable[1],
        known_by=links.known_by,
        reason=_reason(links, broken_at, (recoverable[0], paths.of(machine_id, recoverable[1]))),
    )


def _reason(links: Links, broken_at: ChainLink | None, recoverable: Recoverable) -> str:
    found, path = recoverable
    if broken_at == "key_file" and links.key_file == "absent" and found and path:
        return f"there is no key file where the certificate's link leads; the key lies in {path}"
    return links.broken.get(broken_at, "") if broken_at else links.doubt or ""
