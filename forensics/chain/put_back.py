"""Where a key file belongs: the folder in which Windows looks for it, under the name that it looks for."""

from __future__ import annotations

from forensics.chain.claim import UNKNOWN_ACCOUNT, home_of, searched_by
from forensics.chain.key_index import Home, KeySlot
from forensics.chain.proof import Proof
from forensics.chain.providers import provider_kind
from forensics.collectors.evidence import CertificateEvidence, Evidence, KeyFileEvidence
from forensics.formats.key_file_name import capi_name_hashes, cng_name_hashes, split_key_file_name
from forensics.formats.key_prov_info import KeyProvInfo
from forensics.language import sentence
from forensics.tables.certificate import KeyFileRow
from forensics.tables.shadow_path import is_past

_OPENED_TODAY = ("current", "password", "domain_key")
_NO_SUFFIX = sentence("the MachineGuid of this machine, in which the name of the file must end, is not known")
_NAMES = {"capi": "CryptoAPI", "cng": "CNG"}


class NoPlaceError(Exception):
    """Windows would not look for the file anywhere; the message says why, as a part of a sentence."""


def place_of(
    certificate: CertificateEvidence, link: KeyProvInfo, slot: KeySlot, proof: Proof, evidence: Evidence
) -> str | None:
    """Return the path at which Windows would find a copy under the name it has; None where it does not look for that.

    Args:
        certificate: Its key file is absent.
        link: Its KEY_PROV_INFO.
        slot: Its key in the copy.
        proof: What came of opening that.
        evidence: The installation.
    """
    row = slot.file.row
    if is_past(row.path) or proof.private_key != "proved" or proof.unlocked_by not in _OPENED_TODAY:
        return None
    if proof.opened_elsewhere:
        return None
    try:
        target = target_of(certificate, link, slot, evidence)
    except NoPlaceError:
        return None
    return target if target.endswith(f"/{row.file_name.lower()}") else None


def target_of(certificate: CertificateEvidence, link: KeyProvInfo, slot: KeySlot, evidence: Evidence) -> str:
    """Return the path at which Windows looks for the key of a certificate, were it in a key file like this one.

    Args:
        certificate: The certificate.
        link: Its KEY_PROV_INFO.
        slot: Its key, in whichever file of that container.
        evidence: The installation.

    Raises:
        NoPlaceError: It looks for no such file.
    """
    row, suffix = slot.file.row, evidence.machine.key_suffix
    folder = folder_of(certificate, link, row, evidence)
    if suffix is None:
        raise NoPlaceError(_NO_SUFFIX)
    return f"{folder}/{row.name_hash}_{suffix}"


def target_of_container(file: KeyFileEvidence, slot: KeySlot, evidence: Evidence) -> str:
    """Return the path at which Windows looks for the container of a key file that no certificate names.

    Args:
        file: The key file.
        slot: Its key, in whichever file of that container.
        evidence: The installation.

    Raises:
        NoPlaceError: It looks for no such file there.
    """
    row, suffix = slot.file.row, evidence.machine.key_suffix
    if file.where is not None or file.misplaced is not None or file.row.name_matches is not True:
        raise NoPlaceError(sentence("it does not lie where Windows looks for a container of its name"))
    if (row.kind, row.name_hash) != (file.row.kind, file.row.name_hash):
        raise NoPlaceError(sentence("its name is that of another container"))
    if suffix is None:
        raise NoPlaceError(_NO_SUFFIX)
    return f"{file.row.path.rpartition('/')[0]}/{row.name_hash}_{suffix}"


def folder_of(certificate: CertificateEvidence, link: KeyProvInfo, row: KeyFileRow, evidence: Evidence) -> str:
    """Return the folder in which Windows looks for the key of a certificate in files of the kind of one.

    Raises:
        NoPlaceError: It looks for none of its kind or container, or the folder is not on the disk.
    """
    home, looked_for = home_of(certificate, link), searched_by(link, provider_kind(link))
    if row.kind not in looked_for:
        made, wanted = _NAMES.get(row.kind, "another provider"), _NAMES.get(looked_for[0], "another provider")
        raise NoPlaceError(
            sentence(
                "it is a key file of {made}, and the certificate's link leads to one of {wanted}",
                made=made,
                wanted=wanted,
            )
        )
    if row.name_hash not in _hashes(row, link, evidence.machine.ansi_code_page):
        raise NoPlaceError(sentence("its name is that of another container than the certificate's link names"))
    if home.scope == "machine" and certificate.row.store_scope == "user":
        raise NoPlaceError(
            sentence(
                "the certificate is a user's and leads to a key of the computer: whose the file must be is "
                "not published"
            )
        )
    if home.owner_sid == UNKNOWN_ACCOUNT:
        raise NoPlaceError(sentence("the account in whose key set Windows looks is not told by this disk"))
    folders = [f for f in evidence.key_folders if f.kind == row.kind and f.scope == home.scope and f.outcome.is_there]
    own = [f for f in folders if _is_of_one(home) or f.owner_sid == home.owner_sid]
    found = next((f.path for f in own if "/dss/" not in f.path.lower()), None)
    if found is None:
        raise NoPlaceError(sentence("the folder in which Windows looks for it was not found on this disk"))
    return found


def _is_of_one(home: Home) -> bool:
    return home.scope in ("machine", "system")


def _hashes(row: KeyFileRow, link: KeyProvInfo, code_page: int | None) -> frozenset[str]:
    """Return how the name of a file may begin that Windows looks for."""
    as_file_name = split_key_file_name(link.container)
    made = capi_name_hashes(link.container, code_page) if row.kind == "capi" else cng_name_hashes(link.container)
    return frozenset({*made, *([as_file_name[0]] if as_file_name else [])})
