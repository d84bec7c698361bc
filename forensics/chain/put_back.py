"""Where a key file that was found elsewhere belongs: the folder from which it is missing, under the name it has."""

from __future__ import annotations

from forensics.chain.claim import home_of
from forensics.chain.key_index import KeySlot
from forensics.chain.proof import Proof
from forensics.collectors.evidence import CertificateEvidence, Evidence
from forensics.collectors.key_files import named_hashes
from forensics.formats.key_prov_info import KeyProvInfo
from forensics.tables.deleted_path import is_deleted

_OPENED_TODAY = ("current", "password", "domain_key")


def place_of(
    certificate: CertificateEvidence, link: KeyProvInfo, slot: KeySlot, proof: Proof, evidence: Evidence
) -> str | None:
    """Return the path at which Windows would find a copy; None where it does not look for a file of that name.

    Args:
        certificate: Its key file is absent.
        link: Its KEY_PROV_INFO.
        slot: Its key in the copy.
        proof: What came of opening that.
        evidence: The installation.
    """
    row, home = slot.file.row, home_of(certificate, link)
    is_named_so = row.name_hash in named_hashes([certificate], evidence.machine.ansi_code_page)
    if is_deleted(row.path) or not is_named_so or row.name_guid is None or row.name_guid != evidence.machine.key_suffix:
        return None
    if proof.private_key != "proved" or proof.unlocked_by not in _OPENED_TODAY:
        return None
    if home.scope == "machine" and certificate.row.store_scope == "user":
        return None
    folders = [f for f in evidence.key_folders if f.kind == row.kind and f.scope == home.scope and f.outcome.is_there]
    own = [f for f in folders if home.scope in ("machine", "system") or f.owner_sid == home.owner_sid]
    return next((f"{f.path}/{row.file_name}" for f in own if "/dss/" not in f.path.lower()), None)
