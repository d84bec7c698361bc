"""What a parsed key file says without any secret: container, algorithm, public half, master key."""

from __future__ import annotations

from collections.abc import Container

from forensics.collectors.evidence import ParsedKey
from forensics.collectors.guard import guard
from forensics.formats.capi_key import CapiKeyFile, CapiSlot
from forensics.formats.cng_key import CngKeyFile
from forensics.formats.code_page import decode_ansi
from forensics.formats.dpapi_blob import DpapiBlob
from forensics.formats.errors import FormatError
from forensics.formats.key_file_name import cng_name_hashes, stored_name_hashes, tpm_name_hash
from forensics.formats.pcpkey import PcpBlob, PcpKeyFile
from forensics.formats.public_key import DsaPublicKey, PublicKey
from forensics.language import sentence
from forensics.sources.installation import Installation
from forensics.tables.certificate import KeyFileRow, KeySlot, TpmVersion

_TPM_VERSIONS: dict[int, TpmVersion] = {1: "1.2", 2: "2.0"}
_MAX_BINDING = 64
"""Display: bytes of a TPM key's binding to measurements."""


def add_facts(installation: Installation, row: KeyFileRow, parsed: ParsedKey, code_page: int | None = None) -> None:
    """Fill a row from its parsed file; a part of the file that is broken is a problem, the rest still counts.

    Args:
        installation: Where problems are recorded.
        row: The row.
        parsed: What the file holds.
        code_page: ANSI code page of the machine, None when it is not known.
    """
    row.container = parsed.container
    if isinstance(parsed, CapiKeyFile):
        _add_capi(installation, row, parsed, code_page)
    elif isinstance(parsed, CngKeyFile):
        _add_cng(installation, row, parsed)
    else:
        _add_tpm(installation, row, parsed)


def _add_capi(installation: Installation, row: KeyFileRow, parsed: CapiKeyFile, code_page: int | None) -> None:
    row.container = decode_ansi(parsed.container_bytes, code_page)
    _compare_name(row, stored_name_hashes(parsed.container_bytes, code_page))
    both: tuple[tuple[KeySlot, CapiSlot | None], ...] = (("exchange", parsed.exchange), ("signature", parsed.signature))
    slots = [(name, slot) for name, slot in both if slot]
    row.slot = "both" if len(slots) == 2 else slots[0][0] if slots else "none"
    for name, slot in slots:
        _report_slot(installation, row.path, name, slot)
    hashes = []
    for _, slot in slots:
        if slot.public is not None and row.algorithm is None:
            row.algorithm, row.bits = slot.public.algorithm, slot.public.bits
        hashes.append(_spki(installation, row.path, slot.public))
        _add_blob(row, slot.private)
    row.public_key_sha256, row.second_public_key_sha256 = (*hashes, None, None)[:2]


def _report_slot(installation: Installation, path: str, name: str, slot: CapiSlot) -> None:
    if not any((slot.public_error, slot.private_error, slot.export_error)):
        return
    for part, error in (
        (sentence("public key"), slot.public_error),
        (sentence("private key"), slot.private_error),
        (sentence("export flag"), slot.export_error),
    ):
        _report(installation, path, sentence("{part} of the {name} slot", part=part, name=name), error)


def _add_cng(installation: Installation, row: KeyFileRow, parsed: CngKeyFile) -> None:
    _compare_name(row, cng_name_hashes(parsed.container))
    row.algorithm = parsed.algorithm
    row.creator_process = parsed.creator_process
    if parsed.public_key is not None:
        row.bits = parsed.public_key.bits
    row.public_key_sha256 = _spki(installation, row.path, parsed.public_key)
    _add_blob(row, parsed.private_key)
    _add_blob(row, parsed.private_properties)
    _report(installation, row.path, sentence("public properties"), parsed.public_properties_error)
    _report(installation, row.path, sentence("private properties"), parsed.private_properties_error)
    _report(installation, row.path, sentence("private key"), parsed.private_key_error)


def _add_tpm(installation: Installation, row: KeyFileRow, parsed: PcpKeyFile) -> None:
    if parsed.container is not None:
        _compare_name(row, {tpm_name_hash(parsed.container)})
    row.algorithm = parsed.key_type or None
    if parsed.trailing:
        message = sentence("{trailing} bytes follow the mark that ends a key file", trailing=parsed.trailing)
        installation.problem(row.path, "trailing_data", message, row.size - parsed.trailing)
    if parsed.blob is not None:
        add_pcp_blob(installation, row, parsed.blob)
    _add_blob(row, parsed.sealed_blob)


def add_pcp_blob(installation: Installation, row: KeyFileRow, blob: PcpBlob) -> None:
    """Fill the row of a TPM key from its wrapped key, stored in clear or opened."""
    row.tpm_version = _TPM_VERSIONS.get(blob.pcp_type)
    row.needs_auth = blob.auth_required
    if row.tpm_version is None:
        installation.problem(
            row.path,
            "unknown_version",
            sentence("a wrapped key of type {pcp_type}, which is not known", pcp_type=blob.pcp_type),
        )
        return
    if row.tpm_version == "2.0":
        sizes = dict(blob.parts)
        row.pcr_bound = blob.has_pcr_binding
        row.pcr_binding = blob.pcr_binding[:_MAX_BINDING].hex() or None
        row.policy_bound = "policy_digests" in sizes
        row.pcp_parts = ", ".join(f"{name}={size}" for name, size in blob.parts) or None
    if blob.trailing:
        message = sentence("{trailing} bytes follow the last part of the wrapped key", trailing=blob.trailing)
        installation.problem(row.path, "trailing_data", message)
    if blob.public is not None:
        row.algorithm, row.bits = blob.public.algorithm, blob.public.bits
        row.public_key_sha256 = _spki(installation, row.path, blob.public)


def _compare_name(row: KeyFileRow, name_hashes: Container[str]) -> None:
    row.name_matches = None if row.name_hash is None else row.name_hash in name_hashes


def _add_blob(row: KeyFileRow, blob: DpapiBlob | None) -> None:
    if blob is not None and row.master_key_guid is None:
        row.master_key_guid, row.blob_flags = blob.master_key_guid, blob.flags


def _spki(installation: Installation, path: str, public: PublicKey | None) -> str | None:
    if public is None or isinstance(public, DsaPublicKey):
        return None
    with guard(installation, path):
        return public.spki_sha256()
    return None


def _report(installation: Installation, path: str, part: str, error: FormatError | None) -> None:
    if error is not None:
        installation.problem(
            path, error.kind, sentence("{part}: {message}", part=part, message=error.message), error.offset
        )
